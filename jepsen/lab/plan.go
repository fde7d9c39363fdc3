package lab

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Kind is a kind of fault.
type Kind string

// The kinds of fault, and what ends them.
const (
	FaultSplit   Kind = "split"   // Groups hear only themselves
	FaultOneWay  Kind = "oneway"  // From is not heard by To
	FaultSlow    Kind = "slow"    // Delay and Loss on every link of Node
	FaultReset   Kind = "reset"   // every connection of Node breaks
	FaultKill    Kind = "kill"    // Node's process dies
	FaultPower   Kind = "power"   // Node's machine goes off; Kept percent of what was not synced stays
	FaultWipe    Kind = "wipe"    // the dead Node's disk is lost, and it will start with an empty one
	FaultCopy    Kind = "copy"    // Node's disk is copied
	FaultRestore Kind = "restore" // the dead Node's disk is replaced by that copy
	EndStart     Kind = "start"   // Node starts again
	ChangeAdd    Kind = "add"     // Node, a spare, becomes a member
	ChangeGo     Kind = "remove"  // Node leaves
	ChangeSwap   Kind = "swap"    // Node dies for ever; To, a spare, takes its place
	EndHeal      Kind = "heal"    // every link is well again
)

// Step is one thing done to the cluster.
type Step struct {
	At     time.Duration `json:"at"`
	Do     Kind          `json:"do"`
	Node   string        `json:"node,omitempty"`
	Groups [][]string    `json:"groups,omitempty"`
	From   string        `json:"from,omitempty"`
	To     string        `json:"to,omitempty"`
	Delay  time.Duration `json:"delay,omitempty"`
	Loss   float64       `json:"loss,omitempty"`
	Kept   int           `json:"kept,omitempty"`
	Twist  Twist         `json:"twist,omitempty"` // of a change
}

// String is the step in words.
func (s Step) String() string {
	switch s.Do {
	case FaultSplit:
		groups := make([]string, len(s.Groups))
		for i, group := range s.Groups {
			groups[i] = strings.Join(group, " ")
		}
		return "split " + strings.Join(groups, " | ")
	case FaultOneWay:
		return fmt.Sprintf("%s does not hear %s", s.To, s.From)
	case FaultSlow:
		return fmt.Sprintf("links of %s: %v more, %.0f %% lost", s.Node, s.Delay, 100*s.Loss)
	case FaultPower:
		return fmt.Sprintf("%s loses power, %d %% of what was not synced stays", s.Node, s.Kept)
	case FaultWipe:
		return s.Node + " loses its disk"
	case FaultCopy:
		return fmt.Sprintf("the disk of %s is copied", s.Node)
	case FaultRestore:
		return fmt.Sprintf("the disk of %s is what it was when it was copied", s.Node)
	case ChangeSwap:
		return fmt.Sprintf("%s takes the place of %s%s", s.To, s.Node, s.Twist.inWords())
	case FaultReset, FaultKill, EndStart, ChangeAdd, ChangeGo:
		return fmt.Sprintf("%s %s%s", s.Do, s.Node, s.Twist.inWords())
	case EndHeal:
	}
	return string(s.Do)
}

// Plan is a list of faults in order of time. It is data: a run can be told again.
type Plan []Step

// Faults is what a seed may draw from; a kind named twice comes twice as often.
type Faults []Kind

// AllFaults is every kind that a Draw knows.
func AllFaults() Faults {
	return Faults{FaultSplit, FaultSplit, FaultOneWay, FaultSlow, FaultReset, FaultKill, FaultPower}
}

// Draw makes a plan for d: each seed takes its own share of the kinds (swarm
// testing: what all kinds together would hide, a few of them show), and puts one
// fault after the other, each ended before the next begins or left to overlap it.
// At most one node is dead at a time, so that W nodes are left of every three.
func Draw(seed uint64, nodes []string, d time.Duration, faults Faults) Plan {
	r := rand.New(rand.NewPCG(seed, text("plan")))
	kinds := slices.Clone(faults)
	r.Shuffle(len(kinds), func(i, j int) { kinds[i], kinds[j] = kinds[j], kinds[i] })
	kinds = kinds[:1+r.IntN(len(kinds))]
	var plan Plan
	free := time.Duration(0) // when the last dead node runs again
	for at := pause(r, time.Second, 5*time.Second); at < d; at += pause(r, 2*time.Second, 20*time.Second) {
		step := Step{At: at, Do: kinds[r.IntN(len(kinds))]}
		lasts := pause(r, 200*time.Millisecond, 30*time.Second)
		switch step.Do {
		case FaultSplit:
			step.Groups = groups(r, nodes)
		case FaultOneWay:
			pair := r.Perm(len(nodes))
			step.From, step.To = nodes[pair[0]], nodes[pair[1]]
		case FaultSlow:
			step.Node, step.Delay, step.Loss = pick(r, nodes), pause(r, time.Millisecond, 80*time.Millisecond), 0.3*r.Float64()
		case FaultReset:
			step.Node = pick(r, nodes)
		case FaultKill, FaultPower:
			if at < free {
				continue
			}
			step.Node, step.Kept = pick(r, nodes), 100*r.IntN(2)
			free = at + lasts
			plan = append(plan, Step{At: free, Do: EndStart, Node: step.Node})
		case EndStart, EndHeal, FaultWipe, FaultCopy, FaultRestore, ChangeAdd, ChangeGo, ChangeSwap:
		}
		plan = append(plan, step)
		if step.Do == FaultSplit || step.Do == FaultOneWay || step.Do == FaultSlow {
			plan = append(plan, Step{At: at + lasts, Do: EndHeal})
		}
	}
	return plan.With(nil)
}

// With is both plans as one, in order of time.
func (p Plan) With(other Plan) Plan {
	both := slices.Concat(p, other)
	slices.SortStableFunc(both, func(a, b Step) int { return int(a.At - b.At) })
	return both
}

// pause draws between low and high, small ones as often as large ones.
func pause(r *rand.Rand, low, high time.Duration) time.Duration {
	span := float64(high) / float64(low)
	return time.Duration(float64(low) * math.Pow(span, r.Float64()))
}

func pick(r *rand.Rand, list []string) string { return list[r.IntN(len(list))] }

// groups splits the nodes into two or three.
func groups(r *rand.Rand, nodes []string) [][]string {
	mixed := slices.Clone(nodes)
	r.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
	cut := 1 + r.IntN(len(mixed)-1)
	parts := [][]string{mixed[:cut], mixed[cut:]}
	if rest := len(mixed) - cut; rest > 1 && r.IntN(4) == 0 {
		parts = [][]string{mixed[:cut], mixed[cut : cut+rest/2], mixed[cut+rest/2:]}
	}
	for _, part := range parts {
		slices.Sort(part)
	}
	return parts
}

// Apply does what the plan says, when it says so, and returns when it is done or
// ctx ends.
func (l *Lab) Apply(ctx context.Context, plan Plan) error {
	began := time.Now()
	for _, step := range plan {
		if !sleep(ctx, step.At-time.Since(began)) {
			return context.Cause(ctx)
		}
		if err := l.Do(ctx, step); err != nil {
			return fmt.Errorf("%v: %w", step, err)
		}
	}
	return nil
}

// Do does one step.
func (l *Lab) Do(ctx context.Context, s Step) error {
	l.Fault("%v", s)
	l.Sometimes.Saw("fault " + string(s.Do))
	node := l.Node(s.Node)
	if s.Node != "" && node == nil {
		return fmt.Errorf("there is no node %q", s.Node)
	}
	switch s.Do {
	case FaultSplit:
		l.Net.Split(s.Groups...)
	case FaultOneWay:
		l.Net.Cut(s.From, s.To)
	case FaultSlow:
		l.setRough(true)
		for _, other := range l.Names() {
			l.Net.Slow(s.Node, other, s.Delay, s.Loss)
			l.Net.Slow(other, s.Node, s.Delay, s.Loss)
		}
	case FaultReset:
		for _, other := range l.Names() {
			if other != s.Node {
				l.Net.Reset(s.Node, other)
			}
		}
	case FaultKill:
		node.Kill()
	case FaultPower:
		node.PowerOff(s.Kept)
	case FaultWipe:
		return node.wipe()
	case FaultCopy:
		return node.copyDisk()
	case FaultRestore:
		return node.revert()
	case EndStart:
		if node.Process() == nil && node.isMember() {
			return node.Start(ctx)
		}
	case ChangeAdd, ChangeGo, ChangeSwap:
		l.ending.Go(func() { l.operate(s) })
	case EndHeal:
		l.setRough(false)
		l.Net.Heal()
	}
	return nil
}

func (l *Lab) setRough(rough bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rough && !rough {
		l.smooth = time.Now()
	}
	l.rough = rough
}

// sleep waits for d of virtual time, or until ctx ends, which it reports as false.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
