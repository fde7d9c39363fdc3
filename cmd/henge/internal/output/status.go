package output

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
)

// Status is the cluster as its nodes see it: the first view is that of the node
// that was asked, the others are what each further member says of itself.
type Status struct {
	Views []View `json:"nodes"`
}

// View is what one node answered, or why it did not.
type View struct {
	Name   string          `json:"name"`
	URL    string          `json:"url"`
	Status *request.Status `json:"status,omitempty"`
	Error  string          `json:"error,omitempty"`
}

// Human writes a summary for a person: who is there, what is owed, what is wrong.
func (s Status) Human(w io.Writer) error {
	first := s.Views[0].Status
	if _, err := fmt.Fprintf(w, "cluster %s, document %s, %d members, %d replicas of %d partitions\nas seen from %s, version %s\n\n",
		orDash(first.Cluster), document(first.Document), len(first.Members), first.Replicas, first.Parts, first.Name, orDash(first.Version)); err != nil {
		return err
	}
	if err := Table(w, s.members()); err != nil {
		return err
	}
	for _, line := range slices.Concat([]string{""}, s.forced(), s.changing(), s.hints(), s.dirty(), s.reaping(), s.setAside(), s.governed(), s.troubles(), []string{"buckets: " + orDash(strings.Join(first.Buckets, ", "))}) {
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

// members is the table of members: health as seen from the first node, readiness
// as each says itself.
func (s Status) members() [][]string {
	rows := [][]string{{"NAME", "ZONE", "WEIGHT", "HEALTH", "READY", "HTTP", "PARTITIONS", "DOCUMENT", "ID"}}
	for _, m := range s.Views[0].Status.Members {
		health := m.Health
		if m.Reason != "" {
			health += " (" + m.Reason + ")"
		}
		rows = append(rows, []string{
			m.Name, orDash(m.Zone), fmt.Sprint(m.Weight), health, s.ready(m.Name), orDash(m.HTTP), fmt.Sprint(m.Partitions), document(m.Document), m.ID.String(),
		})
	}
	return rows
}

// document names a version of the cluster document, or none.
func document(name ring.Name) string {
	if name.IsZero() {
		return "-"
	}
	return name.String()
}

// ready says what the named member says of itself.
func (s Status) ready(name string) string {
	for _, v := range s.Views {
		switch {
		case v.Name != name:
		case v.Status == nil:
			return "no answer"
		case !v.Status.Ready && v.Status.Waiting != "":
			return "no: " + v.Status.Waiting
		default:
			return yes(v.Status.Ready)
		}
	}
	return "not asked"
}

// changing says that a layout change is in flight, and who is not to be switched off.
func (s Status) changing() []string {
	first := s.Views[0].Status
	if !first.Changing {
		return nil
	}
	var leave []string
	for _, m := range first.Members {
		if m.Going == ring.Leaves {
			leave = append(leave, m.Name)
		}
	}
	if leave == nil {
		return []string{"a layout change is in flight: henge layout show tells how far it is"}
	}
	return []string{"a layout change is in flight: do not switch off " + strings.Join(leave, ", ") + " yet"}
}

// forced says, ever after, that a majority was given up, and who keeps what it decided.
func (s Status) forced() []string {
	f := s.Views[0].Status.Forced
	if f == nil {
		return nil
	}
	names := make(map[ring.NodeID]string)
	for _, m := range s.Views[0].Status.Members {
		names[m.ID] = m.Name
	}
	lost := make([]string, len(f.Lost))
	for i, id := range f.Lost {
		if lost[i] = names[id]; lost[i] == "" {
			lost[i] = id.String()
		}
	}
	parts := []string{fmt.Sprintf("forced on %s from document %s without %s",
		time.UnixMilli(f.At).UTC().Format(time.RFC3339), document(f.From), strings.Join(lost, ", "))}
	for _, v := range s.Views {
		if v.Status != nil && len(v.Status.Aside) > 0 {
			parts = append(parts, fmt.Sprintf("%s has set aside %d: %s", v.Name, len(v.Status.Aside), strings.Join(v.Status.Aside, ", ")))
		}
	}
	return append([]string{strings.Join(parts, "; ")}, s.kept()...)
}

// kept says which nodes store what of buckets that only the losing side of a force made.
func (s Status) kept() []string {
	var lines []string
	for _, v := range s.Views {
		if v.Status == nil {
			continue
		}
		for _, b := range v.Status.Kept {
			lines = append(lines, fmt.Sprintf("%s keeps %d keys of bucket %s, which only the losing side made: a bucket of this name, made anew, has them", v.Name, b.Keys, Key(b.Name)))
		}
	}
	return lines
}

// hints says which node keeps how many hinted keys for whom.
func (s Status) hints() []string {
	var lines []string
	for _, v := range s.Views {
		if v.Status == nil || v.Status.Hints.Count == 0 {
			continue
		}
		h := v.Status.Hints
		var owed []string
		for _, t := range h.Targets {
			name := t.Name
			if name == "" {
				name = t.Node.String()
			}
			owed = append(owed, fmt.Sprintf("%d to %s", t.Count, name))
		}
		lines = append(lines, fmt.Sprintf("hints: %s keeps %d keys, the oldest for %s: owes %s",
			v.Name, h.Count, h.Oldest.Round(time.Second), strings.Join(owed, ", ")))
	}
	if lines == nil {
		return []string{"hints: none owed"}
	}
	return lines
}

// governed says where background work is paused, or held back because requests are slow.
func (s Status) governed() []string {
	var lines []string
	for _, v := range s.Views {
		if v.Status == nil || v.Status.Governor == nil {
			continue
		}
		g := v.Status.Governor
		var paused []string
		for _, c := range g.Classes {
			if c.Paused {
				paused = append(paused, c.Class)
			}
		}
		if paused != nil {
			lines = append(lines, fmt.Sprintf("paused: %s on %s: henge governor resume lets it go on", strings.Join(paused, ", "), v.Name))
		}
		if g.Cut {
			lines = append(lines, fmt.Sprintf("background work on %s yields to requests: it has %.1f of %.0f MiB/s", v.Name, g.Factor*g.MiBps, g.MiBps))
		}
	}
	return lines
}

// dirty says which node knows others to have missed writes.
func (s Status) dirty() []string {
	var lines []string
	for _, v := range s.Views {
		if v.Status == nil || v.Status.Dirty.Segments == 0 {
			continue
		}
		d := v.Status.Dirty
		lines = append(lines, fmt.Sprintf("dirty: %s has %d segments to compare with replicas that missed writes, the oldest for %s",
			v.Name, d.Segments, d.Oldest.Round(time.Second)))
	}
	return lines
}

// reaping says what holds back the removal of what is deleted.
func (s Status) reaping() []string {
	var lines []string
	for _, v := range s.Views {
		if v.Status == nil || v.Status.Deletes == nil || len(v.Status.Deletes.Waiting) == 0 {
			continue
		}
		lines = append(lines, fmt.Sprintf("deletes: %s removes nothing for good: %s (henge status --deletes)", v.Name, strings.Join(v.Status.Deletes.Waiting, "; ")))
	}
	return lines
}

// Deletes writes, for a person, how far each node is with what is deleted.
func (s Status) Deletes(w io.Writer) error {
	rows := [][]string{{"NODE", "DELETED OR EXPIRING", "OLDEST DEAD FOR", "WIDE CONTEXTS", "REMOVED", "NARROWED", "HELD BACK BY"}}
	for _, v := range s.Views {
		if v.Status == nil || v.Status.Deletes == nil {
			rows = append(rows, []string{v.Name, "-", "-", "-", "-", "-", "no answer: " + v.Error})
			continue
		}
		d := v.Status.Deletes
		oldest := "-"
		if d.Oldest > 0 {
			oldest = d.Oldest.Round(time.Second).String()
		}
		rows = append(rows, []string{
			v.Name, fmt.Sprint(d.Keys), oldest, fmt.Sprint(d.Wide), fmt.Sprint(d.Reaped), fmt.Sprint(d.Narrowed), orDash(strings.Join(d.Waiting, "; ")),
		})
	}
	return Table(w, rows)
}

// troubles are alarms, and members that did not answer for themselves.
func (s Status) troubles() []string {
	var lines []string
	for _, v := range s.Views {
		if v.Error != "" {
			lines = append(lines, fmt.Sprintf("no answer: %s at %s: %s", v.Name, v.URL, v.Error))
			continue
		}
		for _, alarm := range v.Status.Alarms {
			lines = append(lines, fmt.Sprintf("ALARM: %s: %s", v.Name, alarm))
		}
	}
	return lines
}
