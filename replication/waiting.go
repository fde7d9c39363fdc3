package replication

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
)

// reasonMost bounds what is told of another node's reason, in bytes.
const reasonMost = 300

// amendAfter is how long a node is silent before the way out is told: a restart is no
// reason to expel it.
const amendAfter = time.Minute

// waiting says what the change waits for, one sentence each; nothing where it goes on.
func (v *changeView) waiting() []string {
	var told []string
	tell := func(format string, args ...any) { told = append(told, fmt.Sprintf(format, args...)) }
	if v.doc.Change.Paused {
		tell("paused: henge layout resume lets it go on")
	}
	answer := 0
	for _, id := range v.doc.Voters {
		if v.reports[id] != nil {
			answer++
		}
	}
	if driver := v.reports[v.driver()]; answer <= len(v.doc.Voters)/2 {
		tell("waiting for a majority of voters: %d of %d answer", answer, len(v.doc.Voters))
	} else if driver != nil && driver.Undecided != "" {
		tell("the last step was not decided: %s", short(driver.Undecided))
	}
	if n := v.withoutMajority(); n > 0 {
		tell("waiting for a majority of the old replicas of %s", counted(int64(n), "partition"))
	}
	for _, m := range v.doc.Members {
		for _, why := range v.nodeWaits(m) {
			tell("%s %s", m.Name, why)
		}
	}
	return told
}

// driver is who moves the change on, as seen from here.
func (v *changeView) driver() ring.NodeID {
	for _, m := range v.doc.Members { // sorted by id
		if m.Going != ring.Expelled && v.c.health.Up(m.ID) {
			return m.ID
		}
	}
	return v.c.self
}

// withoutMajority counts the partitions of which too few old replicas answer to leave
// their phase.
func (v *changeView) withoutMajority() int {
	n := 0
	for _, e := range v.doc.Layout {
		var old []ring.NodeID
		switch e.Phase {
		case ring.PhaseCopy:
			old = e.Serving
		case ring.PhaseSwitch:
			old = e.Former
		case ring.PhaseBack:
			old = e.Next
		case ring.PhaseSteady, ring.PhaseWait, ring.PhaseDrop:
		}
		answer := len(slices.DeleteFunc(slices.Clone(old), func(id ring.NodeID) bool { return v.reports[id] == nil }))
		if answer < v.doc.MajorityOf(old) {
			n++
		}
	}
	return n
}

// nodeWaits says why a member does not get on, in predicates of its name.
func (v *changeView) nodeWaits(m ring.Member) []string {
	r := v.reports[m.ID]
	switch {
	case m.Going == ring.Expelled:
		return nil // it is not waited for
	case r == nil:
		return []string{v.silence(m)}
	}
	var told []string
	tell := func(format string, args ...any) { told = append(told, fmt.Sprintf(format, args...)) }
	if r.Space.Low {
		tell("is short of room on its disk: %s are free, the mark is at %s", request.Size(r.Space.Free), request.Size(r.Space.Mark))
	}
	if r.Error != "" {
		tell("tries again: %s", short(r.Error))
	}
	if m.Going == ring.Leaves && v.parts[m.ID].give == 0 && (r.Hints > 0 || r.Leftovers > 0) {
		tell("is let go once it has handed over %s and %s", counted(r.Hints, "hint"), counted(int64(r.Leftovers), "object"))
	}
	return told
}

// silence says for how long a member has not answered.
func (v *changeView) silence(m ring.Member) string {
	how := "did not answer within a second"
	since := v.c.transfer.Silent(m.ID)
	if away := v.c.health.Node(m.ID).Since; !away.IsZero() && (since.IsZero() || away.Before(since)) {
		since = away
	}
	d := time.Duration(0)
	if !since.IsZero() {
		d = v.c.clock.Now().Sub(since).Round(time.Second)
	}
	if d > time.Second {
		how = fmt.Sprintf("has not answered for %s", d)
	}
	if p := v.parts[m.ID]; p.take+p.give > 0 || m.Going == ring.Leaves {
		how += ", and the change waits for it"
		if d > amendAfter {
			how += ": if it is gone for ever, henge layout amend " + m.Name
		}
	}
	return how
}

// counted words a number of things.
func counted(n int64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// short cuts a reason that another node gave.
func short(reason string) string {
	if len(reason) > reasonMost {
		reason = reason[:reasonMost] + "..."
	}
	return strings.ToValidUTF8(reason, "?")
}
