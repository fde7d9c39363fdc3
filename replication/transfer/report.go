package transfer

import (
	"context"
	"slices"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/clock"
)

// Report is how far one node is. It is given after a sync that began after it was
// read (R2).
type Report struct {
	Node       ring.NodeID      `json:"node"`
	Document   uint64           `json:"document"` // that this node holds, on disk
	Copied     []CopyReport     `json:"copied,omitempty"`
	Dropped    []DropReport     `json:"dropped,omitempty"`
	Hints      int64            `json:"hints,omitempty"`
	Leftovers  int              `json:"leftovers,omitempty"` // objects of partitions that it does not hold; counted up to a million
	Working    int              `json:"working,omitempty"`   // partitions at work
	BytesIn    int64            `json:"bytes_in,omitempty"`
	BytesOut   int64            `json:"bytes_out,omitempty"`
	BytesTotal uint64           `json:"bytes_total,omitempty"` // of the partitions it copies now, about
	Error      string           `json:"error,omitempty"`       // why the last job was given up
	Waiting    []ring.Partition `json:"waiting,omitempty"`     // to be copied here, not compared yet
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

// Report tells how far this node is.
func (t *Transfer) Report(ctx context.Context) (*Report, error) {
	r := &Report{Node: t.self}
	doc := t.o.Cluster.Document()
	if doc == nil {
		return r, nil
	}
	// Only when the store goes by the document has everything that began under an older
	// one been applied: what is counted next is not counted too early.
	if err := t.o.Cluster.Settled(ctx); err != nil {
		return nil, err
	}
	r.Document, r.Hints = doc.Version, t.o.Store.HintStats().Count
	var err error
	if _, r.Leftovers, err = t.o.Store.Leftovers(ctx, leftoversMost); err != nil {
		return nil, err
	}
	t.mu.Lock()
	for i, e := range doc.Layout {
		t.reportLocked(r, ring.Partition(i), e) //nolint:gosec // there are few
	}
	r.Working, r.Error = t.working, t.last
	t.mu.Unlock()
	r.BytesIn, r.BytesOut = t.bytesIn.Load(), t.bytesOut.Load()
	return r, t.o.Store.Barrier(ctx)
}

func (t *Transfer) reportLocked(r *Report, p ring.Partition, e ring.Entry) {
	if slices.Contains(e.Former, t.self) && t.drops[p] == e.Changed && e.Phase == ring.PhaseDrop {
		r.Dropped = append(r.Dropped, DropReport{p, e.Changed})
	}
	if e.Phase != ring.PhaseCopy || !slices.Contains(Copiers(e), t.self) {
		return
	}
	c := t.copies[p]
	if c == nil || c.Changed != e.Changed {
		r.Waiting = append(r.Waiting, p)
		return
	}
	r.BytesTotal += c.size
	one := CopyReport{Partition: p, Changed: c.Changed}
	for _, id := range e.Serving {
		if s := c.Sources[id]; s != nil && s.Done {
			one.Sources = append(one.Sources, id)
		}
	}
	r.Copied = append(r.Copied, one)
}

// ReportOf asks a node, which may be this one, for its report.
func (t *Transfer) ReportOf(ctx context.Context, id ring.NodeID) (*Report, error) {
	if id == t.self {
		return t.Report(ctx)
	}
	body, err := encode(ask{Kind: kindReport}, nil)
	if err != nil {
		return nil, err
	}
	ctx, cancel := clock.WithTimeout(ctx, t.o.Clock, reportWithin)
	defer cancel()
	raw, err := t.o.Cluster.Ask(ctx, id, body)
	if err != nil {
		return nil, err
	}
	var got answer
	if _, err := decode(raw, &got); err != nil {
		return nil, err
	}
	if got.Report == nil || got.Report.Node != id {
		return nil, errMessage
	}
	return got.Report, nil
}
