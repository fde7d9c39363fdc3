package reap

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sort"
	"sync"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
)

// errRefused is a member that takes no part.
var errRefused = errors.New("no part is taken in a round")

// pass looks once through the partitions that this node leads and that may have
// something to reap, and takes what it finds through rounds.
func (r *Reap) pass() {
	doc := r.o.Cluster.Document()
	if doc == nil {
		return
	}
	due := r.due(doc)
	if len(due) == 0 {
		r.wait(nil)
		return
	}
	if why := r.holdsUp(doc); len(why) > 0 {
		r.wait(why)
		return
	}
	r.wait(nil)
	b := &batch{r: r, doc: doc, why: map[string]bool{}}
	for _, p := range due {
		began := r.o.Clock.Now()
		next, err := b.look(p)
		if err != nil {
			if r.life.Err() == nil {
				r.wait([]string{err.Error()})
				r.o.Logger.Warn("reaping waits", slog.Int("partition", int(p)), slog.String("error", err.Error()))
			}
			return
		}
		// What is written from here on is old enough after the grace period at the earliest.
		if next.IsZero() || next.After(began.Add(doc.Settings.Grace())) {
			next = began.Add(doc.Settings.Grace())
		}
		r.mu.Lock()
		r.ripe[p] = next
		r.mu.Unlock()
	}
	if err := b.flush(); err != nil && r.life.Err() == nil {
		b.why[err.Error()] = true
	}
	r.mu.Lock()
	for _, p := range due {
		if b.failed[p] {
			delete(r.ripe, p) // it is tried again in the next pass
		} else {
			delete(r.old, p)
		}
	}
	r.mu.Unlock()
	var why []string
	for text := range b.why {
		why = append(why, text)
	}
	sort.Strings(why)
	r.wait(why)
}

func (r *Reap) wait(why []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waits = why
}

// batch gathers candidates, and takes them through a round when they are enough.
type batch struct {
	r      *Reap
	doc    *ring.Document
	parts  []part
	keys   int
	failed map[ring.Partition]bool
	why    map[string]bool // rounds ended early
}

func (b *batch) add(p ring.Partition, c candidate) error {
	if n := len(b.parts); n == 0 || b.parts[n-1].Partition != p {
		b.parts = append(b.parts, part{Partition: p})
	}
	last := &b.parts[len(b.parts)-1]
	last.Keys = append(last.Keys, c)
	if b.keys++; b.keys < roundKeys {
		return nil
	}
	return b.flush()
}

// flush takes what was gathered through a round.
func (b *batch) flush() error {
	parts := b.parts
	b.parts, b.keys = nil, 0
	if len(parts) == 0 {
		return nil
	}
	if !b.doc.Reaping {
		err := b.r.o.Cluster.Propose(b.r.life, (*ring.Document).WithReaping)
		if err != nil {
			return fmt.Errorf("the first round: %w", err)
		}
		if b.doc = b.r.o.Cluster.Document(); !b.doc.Reaping || b.doc.Change != nil {
			return fmt.Errorf("%w: the document has changed", errRefused)
		}
	}
	begun := len(parts)
	for _, step := range []func([]part) []part{b.survey, b.raise, b.commit, b.reap} {
		if parts = step(parts); len(parts) == 0 {
			break
		}
	}
	b.r.rounds.Add(int64(len(parts)))
	b.r.ended.Add(int64(begun - len(parts)))
	return b.r.life.Err()
}

// survey leaves the candidates that all replicas hold alike. Every member takes part, and
// learns where this node stands, as this node does of it: one that has lost memory must
// not raise.
func (b *batch) survey(parts []part) []part {
	differ := map[ring.Partition]map[int]bool{}
	stands := map[ring.Partition]epochs{}
	for i := range parts {
		e := b.r.o.Store.Epochs(parts[i].Partition)
		parts[i].Stand = epochs{Raised: e.Raised, Committed: e.Committed}
	}
	parts = b.step(kindSurvey, parts, b.members, func(asked []part, got *answer) {
		for i, theirs := range got.Stands {
			p := asked[i].Partition
			highest := stands[p]
			if highest.Raised.Less(theirs.Raised) {
				highest.Raised = theirs.Raised
			}
			if highest.Committed.Less(theirs.Committed) {
				highest.Committed = theirs.Committed
			}
			stands[p] = highest
		}
		for i, js := range got.Differ {
			for _, j := range js {
				if p := asked[i].Partition; differ[p] == nil {
					differ[p] = map[int]bool{j: true}
				} else {
					differ[p][j] = true
				}
			}
		}
	})
	var left []part
	for _, p := range parts {
		theirs := stands[p.Partition]
		if err := b.r.o.Cluster.Meet(b.r.life, p.Partition, storage.Epochs{Raised: theirs.Raised, Committed: theirs.Committed}); err != nil {
			b.fail(p.Partition, err.Error())
			continue
		}
		var keys []candidate
		for j, c := range p.Keys {
			if !differ[p.Partition][j] {
				keys = append(keys, c)
			}
		}
		if len(keys) < len(p.Keys) {
			b.fail(p.Partition, "replicas differ yet")
		}
		if p.Keys = keys; len(keys) > 0 {
			left = append(left, p)
		}
	}
	return left
}

// raise has every member raise, above whatever this node knows of.
func (b *batch) raise(parts []part) []part {
	for i := range parts {
		raised := b.r.o.Store.Epochs(parts[i].Partition).Raised
		parts[i].Epoch = causal.Epoch{Number: raised.Number + 1, Round: b.r.o.Rand()}
	}
	above := map[ring.Partition]causal.Epoch{}
	parts = b.step(kindRaise, parts, b.members, func(asked []part, got *answer) {
		for i, raised := range got.Raised {
			if p := asked[i].Partition; above[p].Less(raised) {
				above[p] = raised
			}
		}
	})
	for p, raised := range above { // the next round goes above it
		if err := b.r.o.Cluster.Meet(b.r.life, p, storage.Epochs{Raised: raised}); err != nil {
			b.fail(p, err.Error())
		}
	}
	return parts
}

func (b *batch) commit(parts []part) []part { return b.step(kindCommit, parts, b.members, nil) }

func (b *batch) reap(parts []part) []part { return b.step(kindReap, parts, b.replicas, nil) }

// members are whom a step asks that every member takes.
func (b *batch) members(ring.Partition) []ring.NodeID {
	ids := make([]ring.NodeID, len(b.doc.Members))
	for i, m := range b.doc.Members {
		ids[i] = m.ID
	}
	return ids
}

// replicas are whom a step asks that each replica takes.
func (b *batch) replicas(p ring.Partition) []ring.NodeID { return b.doc.Entry(p).Serving }

// step has all who are to take a step take it, this node included, with one message
// each, and returns the parts in which nobody failed to.
func (b *batch) step(k kind, parts []part, who func(ring.Partition) []ring.NodeID, each func([]part, *answer)) []part {
	asked := map[ring.NodeID][]part{}
	for _, p := range parts {
		sent := p
		if k == kindRaise || k == kindCommit {
			sent.Keys = nil
		}
		for _, id := range who(p.Partition) {
			one := sent
			if k == kindSurvey && !slices.Contains(b.doc.Entry(p.Partition).Serving, id) {
				one.Keys = nil
			}
			asked[id] = append(asked[id], one)
		}
	}
	var mu sync.Mutex // guards failed, and what each changes
	failed := map[ring.Partition]bool{}
	var flying sync.WaitGroup
	for id, sent := range asked {
		flying.Go(func() {
			a := ask{Kind: k, Document: b.doc.Version, Parts: sent}
			var got *answer
			var err error
			if id == b.r.o.Self {
				got, err = b.r.take(b.r.life, a)
			} else {
				got, err = b.r.ask(id, a)
			}
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				err = got.check(sent)
			}
			if err != nil {
				for _, p := range sent {
					failed[p.Partition] = true
				}
				b.why[fmt.Sprintf("%s: %v", b.name(id), err)] = true
				return
			}
			for i, why := range got.Refused {
				failed[sent[i].Partition] = true
				b.why[fmt.Sprintf("%s: %s", b.name(id), why)] = true
			}
			if each != nil {
				each(sent, got)
			}
		})
	}
	flying.Wait()
	return slices.DeleteFunc(parts, func(p part) bool {
		if failed[p.Partition] {
			b.fail(p.Partition, "")
		}
		return failed[p.Partition]
	})
}

func (b *batch) fail(p ring.Partition, why string) {
	if b.failed == nil {
		b.failed = map[ring.Partition]bool{}
	}
	b.failed[p] = true
	if why != "" {
		b.why[why] = true
	}
}

func (b *batch) name(id ring.NodeID) string {
	if m, ok := b.doc.Member(id); ok {
		return m.Name
	}
	return id.String()
}
