package transfer

import (
	"context"
	"slices"

	"github.com/hengedb/henge/ring"
)

// Report is how far one node is. It is given after a sync that began after it was
// read (R2).
type Report struct {
	Node      ring.NodeID      `json:"node"`
	Document  uint64           `json:"document"` // that this node holds, on disk; 0 in a glance
	Copied    []CopyReport     `json:"copied,omitempty"`
	Dropped   []DropReport     `json:"dropped,omitempty"`
	Waiting   []ring.Partition `json:"waiting,omitempty"` // to be copied here, not compared yet
	Hints     int64            `json:"hints,omitempty"`
	Leftovers int              `json:"leftovers,omitempty"` // objects of partitions that it does not hold; counted up to a bound
	Working   int              `json:"working,omitempty"`   // partitions at work
	Progress                   // in the change in flight
	Space     Space            `json:"space,omitzero"`
	Error     string           `json:"error,omitempty"`     // why a job was given up just now
	Undecided string           `json:"undecided,omitempty"` // why this node's last step of the change was not decided
}

// CopyReport says with which old replicas a copy was compared.
type CopyReport struct {
	Partition ring.Partition `json:"partition"`
	Changed   uint64         `json:"changed"`
	Sources   []ring.NodeID  `json:"sources"`
}

// DropReport says that a former owner has nothing of a partition left.
type DropReport struct {
	Partition ring.Partition `json:"partition"`
	Changed   uint64         `json:"changed"`
}

// leftoversMost bounds the count of leftovers.
const leftoversMost = 1 << 20

// Report tells how far this node is, as a proof that the next phase may rest on.
func (t *Transfer) Report(ctx context.Context) (*Report, error) {
	doc := t.o.Cluster.Document()
	if doc == nil {
		return &Report{Node: t.self}, nil
	}
	// Only when the store goes by the document has everything that began under an older
	// one been applied: what is counted next is not counted too early.
	if err := t.o.Cluster.Settled(ctx); err != nil {
		return nil, err
	}
	r, err := t.read(ctx, doc, leftoversMost)
	if err != nil {
		return nil, err
	}
	r.Document = doc.Version
	t.mu.Lock()
	for i, e := range doc.Layout {
		t.proveLocked(r, ring.Partition(i), e) //nolint:gosec // there are few
	}
	t.mu.Unlock()
	return r, t.o.Store.Barrier(ctx)
}

// read tells what is as much as a look, and no proof.
func (t *Transfer) read(ctx context.Context, doc *ring.Document, leftovers int) (*Report, error) {
	r := &Report{Node: t.self, Hints: t.o.Store.HintStats().Count, Space: t.space()}
	var err error
	if _, r.Leftovers, err = t.o.Store.Leftovers(ctx, leftovers); err != nil {
		return nil, err
	}
	now := t.o.Clock.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	r.Working, r.Undecided = t.working, t.undecided
	if t.last != "" && now.Sub(t.lastAt) < errorFresh {
		r.Error = t.last
	}
	r.Progress = t.progressLocked(doc)
	return r, nil
}

func (t *Transfer) proveLocked(r *Report, p ring.Partition, e ring.Entry) {
	if slices.Contains(e.Former, t.self) && t.drops[p] == e.Changed && e.Phase == ring.PhaseDrop {
		r.Dropped = append(r.Dropped, DropReport{p, e.Changed})
	}
	if e.Phase != ring.PhaseCopy || !slices.Contains(Copiers(e), t.self) {
		return
	}
	c := t.copies[p]
	if c == nil || c.Changed != e.Changed || t.o.Store.Epochs(p).Fenced {
		r.Waiting = append(r.Waiting, p)
		return
	}
	one := CopyReport{Partition: p, Changed: c.Changed}
	for _, id := range e.Serving {
		if s := c.Sources[id]; s != nil && s.Done {
			one.Sources = append(one.Sources, id)
		}
	}
	r.Copied = append(r.Copied, one)
}
