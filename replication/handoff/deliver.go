package handoff

import (
	"slices"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
	"github.com/hengedb/henge/storage/clock"
)

// recipients are the primaries that should get a hint now: its targets first, and,
// while a target stays away, the others, so that the copy is not this node's alone.
func (h *Handoff) recipients(hint *storage.Hint, primaries []ring.NodeID) []ring.NodeID {
	var recipients []ring.NodeID
	away := false
	for _, id := range targetsOf(hint, primaries) {
		switch {
		case id == h.o.Store.NodeID() || slices.Contains(hint.Noted, id):
		case h.o.Cluster.Up(id):
			recipients = append(recipients, id)
		default:
			away = true
		}
	}
	if !away || hint.Object == nil {
		return recipients
	}
	for _, id := range primaries {
		if h.o.Cluster.Up(id) && !slices.Contains(hint.Noted, id) && !slices.Contains(recipients, id) {
			recipients = append(recipients, id)
		}
	}
	return recipients
}

func (h *Handoff) primaries(key storage.Key) []ring.NodeID {
	doc := h.o.Cluster.Document()
	return takers(doc.Entry(key.Position().Partition(doc.Partitions)))
}

// takers are the present primaries: of both sets while the layout changes.
func takers(e ring.Entry) []ring.NodeID {
	second := slices.DeleteFunc(slices.Clone(e.Second()), func(id ring.NodeID) bool { return slices.Contains(e.Serving, id) })
	if len(second) == 0 {
		return e.Serving
	}
	return slices.Concat(e.Serving, second)
}

// targetsOf resolves a hint's targets at delivery: one that is no replica any more, and
// none at all, means every present primary.
func targetsOf(hint *storage.Hint, primaries []ring.NodeID) []ring.NodeID {
	if len(hint.Targets) == 0 {
		return primaries
	}
	for _, id := range hint.Targets {
		if !slices.Contains(primaries, id) {
			return primaries
		}
	}
	return hint.Targets
}

// offer sends one hint to its recipients and notes who holds it.
func (h *Handoff) offer(record storage.HintRecord, recipients []ring.NodeID) {
	object := record.Hint.Object
	if object == nil {
		var err error
		if object, err = h.o.Store.Read(h.life, record.Key); err != nil {
			h.fault("object behind a marker cannot be read", err)
			return
		}
	}
	if object != nil && h.o.Cluster.Document().Discarded(record.Key.Bucket, object.Generation) {
		return // it goes with its bucket
	}
	holders := h.deliver(record.Key, object, recipients)
	if len(holders) == 0 {
		return
	}
	if err := h.note(record, holders); err != nil {
		h.fault("hint cannot be noted", err)
	}
}

// deliver sends an object to one recipient after the other, so that a simulation
// sees one order, and returns who holds it now. Each has its own time: one that is
// silent keeps nothing from the others.
func (h *Handoff) deliver(key storage.Key, object *causal.Object, recipients []ring.NodeID) []ring.NodeID {
	if object == nil {
		return recipients // there is nothing that they could lack
	}
	var holders []ring.NodeID
	for _, id := range recipients {
		if h.o.Budget.Wait(h.life) != nil {
			break // it is closing
		}
		h.o.Budget.Pay(size(object))
		ctx, cancel := clock.WithTimeout(h.life, h.o.Clock, deliverWithin)
		err := h.o.Cluster.Deliver(ctx, id, key.Bucket, key.Key, object)
		cancel()
		if err != nil {
			h.failed.Add(1)
			continue
		}
		h.delivered.Add(1)
		holders = append(holders, id)
	}
	return holders
}

// size is about what an object takes on its way.
func size(o *causal.Object) int {
	n := 64
	for i := range o.Siblings {
		n += 64 + len(o.Siblings[i].Value)
	}
	return n
}

// adopt joins the hint of a holder that has become a replica into its own copy, for
// which the hint stands from then on.
func (h *Handoff) adopt(key storage.Key) {
	_, err := h.o.Store.Write(h.life, key, storage.KindRepair, func(tx *storage.Tx) error {
		held := tx.Hint()
		if held == nil || held.Object == nil || !tx.Partition().Entry.Takes(h.o.Store.NodeID()) {
			return nil
		}
		if h.o.Cluster.Document().Discarded(key.Bucket, held.Object.Generation) {
			return nil
		}
		tx.SetObject(causal.Join(tx.Object(), held.Object))
		marker := *held
		marker.Object, marker.Noted, marker.Mark = nil, nil, h.o.Rand()
		tx.SetHint(&marker)
		return nil
	})
	if err != nil {
		h.fault("hint cannot be joined into the object", err)
	}
}
