package ring

import (
	"errors"
	"fmt"
	"slices"
)

// Forced records that a person gave the document a new era because a majority of its
// voters was lost. Every later version keeps it.
type Forced struct {
	From Name     `json:"from"` // the document that it forked from
	At   int64    `json:"at"`   // when: Unix milliseconds
	By   NodeID   `json:"by"`   // the node that was asked to
	Lost []NodeID `json:"lost"` // who was given up, in earlier forces too while they were not heard of; sorted

	Earlier []uint64 `json:"earlier,omitempty"` // the versions that forces before this one forked from, ascending
	Dropped []string `json:"dropped,omitempty"` // the buckets that were dropped since the first of them, sorted
}

// forcedAhead is how far a forced version is ahead of the one it forked from. Requests
// between nodes name their sender's document by its version alone (design R3), so a
// forced one must be above all that the other side decides before it hears of the
// force, or a node of that side would take it for older than its own. A million
// decisions are 12 days of one a second, where a layout change makes some hundreds.
const forcedAhead = 1 << 20

// ForcedWithout is the document of the next era, in which the lost vote no more. They
// stay members, and hold what they held, until a change replaces or removes them; one
// that comes back is a member like any other, and votes from the next completed change
// on. Every partition counts as changed: what
// the other side decided about it is not known here, and whoever asks by that is
// refused and told. at is the Unix time in milliseconds, by the node that was asked
// to, random the new era's random part. It fails with ErrStep when the lost are
// not distinct members, or are all who vote.
func (d *Document) ForcedWithout(lost []NodeID, by NodeID, at int64, random uint64) (*Document, error) {
	lost = slices.Sorted(slices.Values(lost))
	if len(lost) == 0 {
		return nil, fmt.Errorf("%w: nobody is named as lost", ErrStep)
	}
	for i, id := range lost {
		if _, member := d.Member(id); !member || i > 0 && lost[i-1] == id {
			return nil, fmt.Errorf("%w: lost node %s: want members, each once", ErrStep, id)
		}
	}
	given := slices.Clone(lost)
	if d.Forced != nil { // and who was given up before, and has not answered since
		given = append(given, slices.DeleteFunc(slices.Clone(d.Forced.Lost), func(id NodeID) bool { return !d.GivenUp(id) || !d.IsMember(id) })...)
	}
	slices.Sort(given)
	given = slices.Compact(given)
	return d.edit(func(next *Document) error {
		next.Voters = slices.DeleteFunc(next.Voters, func(id NodeID) bool { return slices.Contains(lost, id) })
		if len(next.Voters) == 0 {
			return fmt.Errorf("%w: nobody who votes would be left", ErrStep)
		}
		next.Era = Era{Number: d.Era.Number + 1, Random: random}
		next.Version = d.Version + forcedAhead
		next.Forced = &Forced{From: d.Name(), At: at, By: by, Lost: given}
		if d.Forced != nil {
			next.Forced.Earlier = append(slices.Clone(d.Forced.Earlier), d.Forced.From.Version)
			next.Forced.Dropped = d.Forced.Dropped
		}
		for p := range next.Layout {
			next.Layout[p].Changed = next.Version
		}
		return nil
	})
}

// SetsAside reports whether this document, which takes the place of another of a lower
// era, leaves out what may have been decided there: the other is not the one it forked
// from, nor one before that.
func (d *Document) SetsAside(other Name) bool {
	if d.Forced == nil || other.IsZero() || other.Era.Number >= d.Era.Number {
		return false
	}
	from := d.Forced.From
	return other != from && (other.Era != from.Era || other.Version >= from.Version)
}

// GivenUp reports whether a member was named as lost in the last force, and no change has
// been completed since at which it answered: it does not vote, and nobody waits for it
// while it is away.
func (d *Document) GivenUp(id NodeID) bool {
	return d.Forced != nil && slices.Contains(d.Forced.Lost, id) && !slices.Contains(d.Voters, id)
}

// Forsaken reports whether a bucket of this generation was made by the losing side of the
// last force, or of one before: after the document that was forked from, and not by the
// side that forced. Nobody has dropped it; it is not part of this document.
func (d *Document) Forsaken(generation uint64) bool {
	by := func(from uint64) bool { return generation > from && generation < from+forcedAhead }
	return d.Forced != nil && (by(d.Forced.From.Version) || slices.ContainsFunc(d.Forced.Earlier, by))
}

// validateForced looks at whether a force can have led to this document.
func (d *Document) validateForced() error {
	f := d.Forced
	if f == nil {
		return nil
	}
	if f.From.Era.Number >= d.Era.Number || f.From.IsZero() || f.From.Version >= d.Version {
		return fmt.Errorf("forced from %s to era %d, version %d: want a lower era and version", f.From, d.Era.Number, d.Version)
	}
	if f.By == 0 || len(f.Lost) < 1 || len(f.Lost) > maxMembers {
		return fmt.Errorf("forced by node %s without %d members: want a node, and 1 to %d", f.By, len(f.Lost), maxMembers)
	}
	for i, id := range f.Lost {
		if id == 0 || i > 0 && f.Lost[i-1] >= id {
			return errors.New("forced: the lost must be set, distinct and sorted")
		}
	}
	if len(f.Earlier) > maxMembers || !slices.IsSorted(f.Earlier) || !slices.IsSorted(f.Dropped) {
		return errors.New("forced: earlier forces and dropped buckets must be sorted, and the forces few")
	}
	return nil
}
