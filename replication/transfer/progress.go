package transfer

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
)

// Progress is what a node did in the change in flight, or the last one, for people: a
// start forgets what was done before it, but for copies that it goes on with. Bytes are estimates.
type Progress struct {
	Taken    int   `json:"taken,omitempty"`    // partitions that it copied and serves by now
	Begun    int   `json:"begun,omitempty"`    // that it copies now
	Handed   int   `json:"handed,omitempty"`   // that it handed over and deleted, by decision
	Fetched  int64 `json:"fetched,omitempty"`  // bytes taken
	Expected int64 `json:"expected,omitempty"` // bytes that the copies begun lack
	Sent     int64 `json:"sent,omitempty"`     // bytes
	RateIn   int64 `json:"rate_in,omitempty"`  // bytes a second, lately
	RateOut  int64 `json:"rate_out,omitempty"`
}

// Space is the room on a node's disk.
type Space struct {
	Known bool  `json:"known,omitempty"` // false: the node cannot tell
	Free  int64 `json:"free"`            // bytes
	Mark  int64 `json:"mark"`            // below so many free bytes client puts are refused
	Low   bool  `json:"low,omitempty"`   // it is below
}

const (
	// glanceLeftovers bounds the count of leftovers where people look: beyond it the
	// number says no more, and counting takes long.
	glanceLeftovers = 10_000
	// errorFresh is how long ago a job was given up that is told: it is tried again
	// several times in that time, unless it goes on.
	errorFresh = 5 * time.Second
)

// Glance tells how far this node is, for people. It waits for nothing, and proves
// nothing.
func (t *Transfer) Glance(ctx context.Context) (*Report, error) {
	if doc := t.o.Cluster.Document(); doc != nil {
		r, err := t.read(ctx, doc, glanceLeftovers)
		if !errors.Is(err, storage.ErrNoDocument) { // it is installed next
			return r, err
		}
	}
	return &Report{Node: t.self, Space: t.space()}, nil
}

// mark is what had been sent when a change was first seen.
type mark struct {
	applied uint64
	sent    int64
}

// progressLocked counts what was done since the change in flight, or the last one, was
// applied.
func (t *Transfer) progressLocked(doc *ring.Document) Progress {
	g := Progress{RateIn: t.bytesIn.Rate(), RateOut: t.bytesOut.Rate()}
	sent := t.bytesOut.Load()
	if doc.Change != nil && t.mark.applied != doc.Change.Applied {
		t.mark = mark{doc.Change.Applied, sent}
	}
	since := t.mark.applied // of the last one, where none is in flight: who asks may be behind
	if since == 0 {
		return g
	}
	g.Sent = sent - t.mark.sent
	for i, e := range doc.Layout {
		p := ring.Partition(i) //nolint:gosec // there are few
		if t.drops[p] >= since && !e.Takes(t.self) && !slices.Contains(e.Former, t.self) {
			g.Handed++
		}
		c := t.copies[p]
		if c == nil || c.Changed < since {
			continue
		}
		g.Fetched += int64(c.Bytes) //nolint:gosec // a sum of lengths
		switch {
		case c.Changed == e.Changed:
			g.Begun++
			g.Expected += c.lacks()
		case slices.Contains(e.Serving, t.self):
			g.Taken++
		}
	}
	return g
}

// lacks is about how many bytes are not taken yet: none once one replica was gone
// through, for the others differ little.
func (c *copied) lacks() int64 {
	for _, s := range c.Sources {
		if s.Done {
			return 0
		}
	}
	return max(0, int64(c.size)-int64(c.Bytes)) //nolint:gosec // a disk's size
}

func (t *Transfer) space() Space {
	s := t.o.Store.Space()
	return Space{Known: s.Known, Free: int64(s.Free), Mark: int64(s.Low), Low: s.Level != storage.SpaceOK} //nolint:gosec // a disk's size
}
