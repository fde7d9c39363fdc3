package heal

import (
	"errors"
	"fmt"
	"slices"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/clock"
)

var (
	errNoDocument = errors.New("the cluster document is not held yet")
	errAlone      = errors.New("no other node has a copy")
	errNobody     = errors.New("no other node that has a copy answers")
)

// gatherBytes bounds what is held of the others: more is not rebuilt at once.
const gatherBytes = 64 << 20

// gather asks every other node that is up and serves a partition for all that it has of a
// span there.
func (h *Heal) gather(doc *ring.Document, sp storage.Span) (others []storage.Record, err error) {
	first, last, ok := sp.Objects()
	if !ok {
		return nil, nil
	}
	size := 0
	for p := first.Partition(doc.Partitions); p <= last.Partition(doc.Partitions); p++ {
		from, to := p.Range(doc.Partitions)
		got, err := h.gatherFrom(doc, ask{partition: p, first: max(from, first), last: min(to, last)}, &size)
		if err != nil {
			return nil, fmt.Errorf("partition %d: %w", p, err)
		}
		others = append(others, got...)
	}
	return others, nil
}

// gatherFrom asks all for a part of one partition.
func (h *Heal) gatherFrom(doc *ring.Document, a ask, size *int) (others []storage.Record, err error) {
	serving := slices.DeleteFunc(slices.Clone(doc.Entry(a.partition).Serving), func(id ring.NodeID) bool { return id == h.self })
	if len(serving) == 0 {
		return nil, errAlone
	}
	answered := 0
	for _, id := range serving {
		if !h.o.Cluster.Up(id) {
			continue
		}
		got, damaged, err := h.fetch(doc, id, a, size)
		if err != nil {
			return nil, fmt.Errorf("node %s: %w", name(doc, id), err)
		}
		if damaged {
			continue
		}
		answered++
		others = append(others, got...)
	}
	if answered == 0 {
		return nil, errNobody
	}
	return others, nil
}

// fetch asks one node, piece by piece.
func (h *Heal) fetch(doc *ring.Document, id ring.NodeID, a ask, size *int) (rows []storage.Record, damaged bool, err error) {
	for more := true; more; {
		got, n, err := h.ask(id, &a)
		if err != nil || got.verdict == verdictDamaged {
			return nil, err == nil, err
		}
		for _, r := range got.rows {
			if !between(r.Key, a.first, a.last) || a.after != (storage.Key{}) && a.after.Compare(r.Key) >= 0 {
				return nil, false, fmt.Errorf("%w: a key that was not asked for", errMessage)
			}
			a.after = r.Key
			if !doc.Discarded(r.Key.Bucket, r.Object.Generation) {
				rows = append(rows, r)
			}
		}
		if more = got.more; more && len(got.rows) == 0 {
			return nil, false, fmt.Errorf("%w: more after nothing", errMessage)
		}
		if *size += n; *size > gatherBytes {
			return nil, false, storage.ErrTooLarge
		}
	}
	return rows, false, nil
}

// ask asks for one piece, and tells its size.
func (h *Heal) ask(id ring.NodeID, a *ask) (got *answer, size int, err error) {
	if err := h.o.Pace.Wait(h.life); err != nil {
		return nil, 0, err
	}
	ctx, cancel := clock.WithTimeout(h.life, h.o.Clock, askWithin)
	defer cancel()
	body := a.encode()
	raw, err := h.o.Cluster.Ask(ctx, id, body)
	if err != nil {
		return nil, 0, err
	}
	h.o.Pace.Pay(len(body) + len(raw))
	got, err = decodeAnswer(raw)
	return got, len(raw), err
}

// name is what people call a node.
func name(doc *ring.Document, id ring.NodeID) string {
	if m, ok := doc.Member(id); ok && m.Name != "" {
		return m.Name
	}
	return id.String()
}
