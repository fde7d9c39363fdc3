package reap

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
)

// Handle answers another node's Ask. The caller has seen to it that this node's document
// is not older than the asker's.
func (r *Reap) Handle(ctx context.Context, body []byte) ([]byte, error) {
	var a ask
	if err := decode(body, &a); err != nil {
		return nil, err
	}
	got, err := r.take(ctx, a)
	if err != nil {
		return nil, err
	}
	return encode(got)
}

// take takes this member's part in a step of rounds.
func (r *Reap) take(ctx context.Context, a ask) (*answer, error) {
	doc := r.o.Cluster.Document()
	switch {
	case doc == nil:
		return nil, fmt.Errorf("%w: there is no document yet", errRefused)
	case a.Kind == kindTable:
		return r.table(doc), nil
	case doc.Version != a.Document || doc.Change != nil:
		return nil, fmt.Errorf("%w: this node holds document %d, and the round goes by %d", errRefused, doc.Version, a.Document)
	case slices.ContainsFunc(a.Parts, func(p part) bool { return int(p.Partition) >= len(doc.Layout) }):
		return nil, errMessage
	}
	if err := r.o.Cluster.Settled(ctx); err != nil {
		return nil, err
	}
	switch a.Kind {
	case kindSurvey:
		return r.survey(ctx, doc, a.Parts)
	case kindRaise:
		return r.raise(ctx, doc, a.Parts)
	case kindCommit:
		return r.commit(ctx, a.Parts)
	case kindReap:
		return r.remove(ctx, doc, a.Parts)
	}
	return nil, fmt.Errorf("%w: kind %q", errMessage, a.Kind)
}

// table tells where this node stands everywhere.
func (r *Reap) table(doc *ring.Document) *answer {
	got := &answer{Epochs: make([]epochs, len(doc.Layout))}
	for p := range doc.Layout {
		e := r.o.Store.Epochs(ring.Partition(p)) //nolint:gosec // there are few
		got.Epochs[p] = epochs{e.Raised, e.Committed, e.Awaited}
	}
	return got
}

// survey tells where this node stands, and, as a replica, which keys are not here as their
// digests say. It says so after a sync (R2). A node that has lost memory finds out here,
// before it raises: from then on nobody could tell.
func (r *Reap) survey(ctx context.Context, doc *ring.Document, parts []part) (*answer, error) {
	got := &answer{Differ: map[int][]int{}, Stands: make([]epochs, len(parts))}
	for i, p := range parts {
		err := r.o.Cluster.Meet(ctx, p.Partition, storage.Epochs{Raised: p.Stand.Raised, Committed: p.Stand.Committed})
		if err != nil && !errors.Is(err, storage.ErrFenced) {
			return nil, err
		}
		e := r.o.Store.Epochs(p.Partition)
		got.Stands[i] = epochs{Raised: e.Raised, Committed: e.Committed}
		if why := r.stands(doc, e, p); why != "" {
			got.refuse(i, why)
			continue
		}
		for j, c := range p.Keys {
			if err := r.o.Budget.Wait(ctx); err != nil {
				return nil, err
			}
			o, err := r.o.Store.Read(ctx, c.stored())
			if err != nil {
				return nil, err
			}
			r.o.Budget.Pay(len(c.Key))
			if !c.is(o.Digest(doc.Secret, c.Bucket, string(c.Key))) {
				got.Differ[i] = append(got.Differ[i], j)
			}
		}
	}
	return got, r.o.Store.Barrier(ctx)
}

// stands says why this node cannot take part in a partition's round.
func (r *Reap) stands(doc *ring.Document, e storage.Epochs, p part) string {
	switch {
	case e.Fenced:
		return "it is fenced there"
	case e.Awaited:
		return "it does not know its epochs there yet"
	case len(p.Keys) > 0 && !slices.Contains(doc.Entry(p.Partition).Serving, r.o.Self):
		return "it is no replica"
	}
	return ""
}

// raise raises to the rounds' epochs, and then looks whether anything is left here that
// was read before: from here on nothing such comes in.
func (r *Reap) raise(ctx context.Context, doc *ring.Document, parts []part) (*answer, error) {
	got := &answer{}
	number := make(map[ring.Partition]int, len(parts))
	var of []ring.Partition
	for i, p := range parts {
		number[p.Partition] = i
		of = append(of, p.Partition)
	}
	err := r.o.Store.ChangeEpochs(ctx, of, func(p ring.Partition, e storage.Epochs) (storage.Epochs, bool) {
		i := number[p]
		switch {
		case e.Fenced:
			got.refuse(i, "it is fenced there")
		case e.Awaited:
			got.refuse(i, "it does not know its epochs there yet")
		case e.Raised.Less(parts[i].Stand.Committed):
			got.refuse(i, "it has lost memory since the survey")
		case !e.Raised.Less(parts[i].Epoch):
			got.refuse(i, "another round has begun")
			if got.Raised == nil {
				got.Raised = map[int]causal.Epoch{}
			}
			got.Raised[i] = e.Raised
		default:
			e.Raised = parts[i].Epoch
			return e, true
		}
		return e, false
	})
	if err != nil {
		return nil, err
	}
	undecided, err := r.o.Cluster.Undecided(ctx)
	if err != nil {
		return nil, err
	}
	for i, p := range parts {
		if _, refused := got.Refused[i]; refused {
			continue
		}
		why, err := r.leftovers(doc, p.Partition)
		switch {
		case err != nil:
			return nil, err
		case undecided || r.o.Cluster.Document().Version != doc.Version:
			why = "another document is being decided"
		}
		if why != "" {
			got.refuse(i, why)
		}
	}
	if err := r.o.Store.Barrier(ctx); err != nil { // what is not here stays so (R2)
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, p := range parts {
		if _, refused := got.Refused[i]; !refused {
			r.answered[p.Partition] = p.Epoch
		}
	}
	return got, nil
}

// leftovers says what this node still has of a partition beside a replica's copy.
func (r *Reap) leftovers(doc *ring.Document, p ring.Partition) (string, error) {
	if hint, err := r.o.Store.HoldsHint(p); err != nil || hint {
		return "it holds hints there", err
	}
	if slices.Contains(doc.Entry(p).Serving, r.o.Self) {
		return "", nil
	}
	if object, err := r.o.Store.HoldsObject(p); err != nil || object {
		return "it holds leftovers there", err
	}
	return "", nil
}

// commit writes down that the rounds may remove something: from then on nobody who has
// raised less is believed.
func (r *Reap) commit(ctx context.Context, parts []part) (*answer, error) {
	got := &answer{}
	epoch := make(map[ring.Partition]causal.Epoch, len(parts))
	r.mu.Lock()
	for i, p := range parts {
		if r.answered[p.Partition] != p.Epoch {
			got.refuse(i, "it was started anew")
			continue
		}
		epoch[p.Partition] = p.Epoch
	}
	r.mu.Unlock()
	var of []ring.Partition
	for p := range epoch {
		of = append(of, p)
	}
	slices.Sort(of)
	written := map[ring.Partition]bool{}
	err := r.o.Store.ChangeEpochs(ctx, of, func(p ring.Partition, e storage.Epochs) (storage.Epochs, bool) {
		if e.Raised != epoch[p] || e.Fenced {
			return e, false
		}
		written[p] = true
		e.Committed = epoch[p]
		return e, true
	})
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, p := range parts {
		if written[p.Partition] {
			delete(r.answered, p.Partition)
			r.committed[p.Partition] = p.Epoch
		} else if _, refused := got.Refused[i]; !refused {
			got.refuse(i, "it has raised higher")
		}
	}
	return got, nil
}

// remove removes, or narrows, what is still as the survey found it.
func (r *Reap) remove(ctx context.Context, doc *ring.Document, parts []part) (*answer, error) {
	got := &answer{}
	for i, p := range parts {
		r.mu.Lock()
		mine := r.committed[p.Partition]
		r.mu.Unlock()
		if mine != p.Epoch {
			got.refuse(i, "it has not committed the round")
			continue
		}
		for _, c := range p.Keys {
			if err := r.o.Budget.Wait(ctx); err != nil {
				return nil, err
			}
			done, err := r.removeKey(ctx, doc, p, c)
			if err != nil {
				return nil, err
			}
			r.o.Budget.Pay(len(c.Key))
			if done {
				got.Reaped++
			}
		}
	}
	return got, nil
}

// removeKey is the end of a round for one key, under its lock.
func (r *Reap) removeKey(ctx context.Context, doc *ring.Document, p part, c candidate) (done bool, err error) {
	_, err = r.o.Store.Write(ctx, c.stored(), storage.KindDelete, func(tx *storage.Tx) error {
		done = false
		state, o := tx.Partition(), tx.Object()
		switch {
		case state.Partition != p.Partition:
			return errMessage
		case state.Epochs.Committed != p.Epoch || state.Document != doc.Version || o == nil:
			return nil
		case !c.is(o.Digest(doc.Secret, c.Bucket, string(c.Key))):
			return nil
		}
		done = true
		if c.Narrow {
			tx.Reap(o.Narrow())
		} else {
			tx.Reap(nil)
		}
		return nil
	})
	if err == nil && done && c.Narrow {
		r.narrowed.Add(1)
	} else if err == nil && done {
		r.reaped.Add(1)
	}
	return done && err == nil, err
}
