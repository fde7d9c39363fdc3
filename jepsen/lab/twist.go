package lab

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/hengedb/henge"
	"github.com/hengedb/henge/replication/request"
)

// Twist is what becomes of a change under way.
type Twist string

// The twists.
const (
	TwistPause  Twist = "pause"  // it is paused, and resumed after a while
	TwistRevert Twist = "revert" // it goes back
	TwistAmend  Twist = "amend"  // the newcomer, or who leaves, dies for ever, and the operator amends the change if need be
	TwistSilent Twist = "silent" // the newcomer dies for ever, and the voters amend the change themselves
)

func (t Twist) inWords() string {
	if t == "" {
		return ""
	}
	return ", with a twist: " + string(t)
}

// twist waits a little and does what the step's twist says. False is the end of the lab.
func (l *Lab) twist(ctx context.Context, s Step) bool {
	if s.Twist == "" {
		return true
	}
	after := s.At % (3 * time.Second) // as random as the plan
	if !sleep(ctx, after) {
		return false
	}
	edit := func(verb func(*henge.Node, context.Context) error) bool {
		return l.through(ctx, func(ctx context.Context, p *henge.Node) bool {
			ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
			defer cancel()
			err := verb(p, ctx)
			l.Sometimes.SawIf(err == nil, "a change under way was edited: "+string(s.Twist))
			return err == nil || errors.Is(err, request.ErrNoChange) // or it was complete by then
		})
	}
	switch s.Twist {
	case TwistPause:
		return edit((*henge.Node).PauseChange) && sleep(ctx, 10*time.Second) && edit((*henge.Node).ResumeChange)
	case TwistRevert:
		if !edit((*henge.Node).RevertChange) {
			return false
		}
		if spare := l.Node(s.To); spare != nil {
			spare.setPart(true, true) // it leaves again, unless the change has come too far
		} else if s.Do == ChangeAdd {
			l.Node(s.Node).setPart(true, true)
		}
		return true
	}
	dies := l.Node(s.To)
	if s.Do != ChangeSwap {
		dies = l.Node(s.Node)
	}
	dies.lose() // followed amends
	return true
}

// DrawChanges makes a plan of layout changes for d: joins, leaves and one replacement
// of a node that died, in an order of the seed's own, some of them with a twist. What
// died for ever in one plan is one member at most, and the newcomer in its place: two
// copies of a write that two nodes acknowledged may not both be lost.
func DrawChanges(seed uint64, members, spares []string, d time.Duration) Plan {
	r := rand.New(rand.NewPCG(seed, text("changes")))
	members, spares = slices.Clone(members), slices.Clone(spares)
	var plan Plan
	swapped := false
	for at := pause(r, time.Second, 20*time.Second); at < d; at += pause(r, 10*time.Second, d/2) {
		step := Step{At: at}
		switch what := r.IntN(3); {
		case what == 0 && len(spares) > 0:
			step.Do, step.Node = ChangeAdd, spares[0]
			members, spares = append(members, spares[0]), spares[1:]
		case what == 1 && len(members) > 4:
			i := r.IntN(len(members))
			step.Do, step.Node = ChangeGo, members[i]
			members = slices.Delete(members, i, i+1)
		case len(spares) > 0 && !swapped:
			i := r.IntN(len(members))
			step.Do, step.Node, step.To = ChangeSwap, members[i], spares[0]
			members, spares = slices.Delete(members, i, i+1), spares[1:]
			members, swapped = append(members, step.To), true
		default:
			continue
		}
		plan = append(plan, step)
	}
	plan.drawTwists(rand.New(rand.NewPCG(seed, text("twists"))), swapped)
	return plan
}

// drawTwists gives about half of the changes one.
func (p Plan) drawTwists(r *rand.Rand, swapped bool) {
	mayDie := !swapped
	for i := range p {
		s := &p[i]
		switch r.IntN(8) {
		case 0:
			s.Twist = TwistPause
		case 1:
			s.Twist = TwistRevert
		case 2, 3:
			if mayDie || s.Do == ChangeSwap {
				s.Twist, mayDie = TwistAmend, false
			}
		case 4:
			if s.Do != ChangeGo && (mayDie || s.Do == ChangeSwap) {
				s.Twist, mayDie = TwistSilent, false
			}
		}
	}
}
