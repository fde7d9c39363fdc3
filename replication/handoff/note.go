package handoff

import (
	"slices"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
)

// note enters who holds a hint's content, and ends it when that is enough. It is
// not waited for: a note that a crash undoes costs one more delivery.
func (h *Handoff) note(record storage.HintRecord, holders []ring.NodeID) error {
	ended := false
	_, err := h.o.Store.Write(h.life, record.Key, storage.KindHint, func(tx *storage.Tx) error {
		ended = false
		held := tx.Hint()
		if held == nil || held.Mark != record.Hint.Mark {
			return nil // ended, or joined into since: what was delivered is not all of it
		}
		next := *held
		next.Noted = slices.Clone(held.Noted)
		for _, id := range holders {
			if !slices.Contains(next.Noted, id) {
				next.Noted = append(next.Noted, id)
			}
		}
		if h.enough(&next, takers(tx.Partition().Entry)) {
			ended = true
			tx.SetHint(nil)
			return nil
		}
		tx.SetHint(&next)
		return nil
	})
	if ended && err == nil {
		h.ended.Add(1)
	}
	return err
}

// enough is the rule for when a hint ends.
func (h *Handoff) enough(hint *storage.Hint, primaries []ring.NodeID) bool {
	holds := func(id ring.NodeID) bool {
		return slices.Contains(hint.Noted, id) || (id == h.o.Store.NodeID() && hint.Object == nil)
	}
	targets := targetsOf(hint, primaries)
	if !slices.ContainsFunc(targets, func(id ring.NodeID) bool { return !holds(id) }) {
		return true
	}
	if h.o.Store.HintStats().Count <= h.o.Pressure {
		return false
	}
	others := 0
	for _, id := range primaries {
		if slices.Contains(targets, id) {
			continue
		}
		if !holds(id) {
			return false
		}
		others++
	}
	return others > 0 && others >= hint.W
}
