package fence

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
	"github.com/hengedb/henge/storage/clock"
)

// errAlone says that nobody is there to fill a partition.
var errAlone = errors.New("no other replica of it answers that is whole itself")

// errMoved says that the layout has no use any more for what is filled.
var errMoved = errors.New("the partition's entry has changed")

// work is one fenced partition in one pass.
type work struct {
	f *Fence
	p ring.Partition
	r refilled
}

// refilled is how far a partition is filled, by primary. It is saved beside the objects,
// after those it tells of.
type refilled struct {
	Set     uint32                   `json:"set"` // of the fencing
	Sources map[ring.NodeID]*refills `json:"sources"`
}

// refills is how far it is filled from one primary.
type refills struct {
	Bucket string `json:"bucket,omitempty"` // with key: behind what
	Key    []byte `json:"key,omitempty"`
	Done   bool   `json:"done,omitempty"`
}

// why is kept with what is set aside.
const why = "this node had lost memory of the partition: its disk was older than what the others had agreed on"

// run goes from where the partition is to where it cannot go on, or is whole.
func (w *work) run() error {
	set, err := w.setAside()
	if err != nil {
		return err
	}
	if err := w.load(set); err != nil {
		return err
	}
	w.f.note(w.p, func(s *State) { s.Step = StepRefill })
	if err := w.refill(); err != nil {
		return err
	}
	if err := w.f.o.Store.Unfence(w.f.life, set); err != nil {
		return err
	}
	w.f.unfenced.Add(1)
	w.f.forget(w.p)
	w.f.o.Cluster.Unfenced(w.p)
	w.f.o.Logger.Info("a fenced partition is filled again and serves; what this node had held of it is set aside: see henge salvage list",
		slog.Int("partition", int(w.p)), slog.Uint64("set", uint64(set)))
	return w.f.o.Store.SaveMeta(w.f.life, metaName(w.p), nil)
}

// setAside moves what this node holds of the partition, objects and hints, out of its way.
func (w *work) setAside() (set uint32, err error) {
	a, err := w.f.o.Store.OpenAside(w.f.life, w.p, why)
	for err == nil && !a.Moved {
		if err = w.f.o.Budget.Wait(w.f.life); err != nil {
			break
		}
		before := a
		if a, err = w.f.o.Store.SetAside(w.f.life, a.Set); err != nil {
			break
		}
		w.f.o.Budget.Pay(int(a.Bytes - before.Bytes))
		w.f.aside.Add(a.Objects + a.Hints - before.Objects - before.Hints)
		w.f.note(w.p, func(s *State) { s.Step, s.Aside = StepAside, a.Objects+a.Hints })
	}
	if err == nil {
		err = w.f.o.Cluster.Emptied(w.f.life, w.p)
	}
	return a.Set, err
}

// metaName is where a partition's refilled is saved.
func metaName(p ring.Partition) string { return fmt.Sprintf("fence/%d", p) }

// load finds out how far an earlier pass, or start, has come.
func (w *work) load(set uint32) error {
	raw, err := w.f.o.Store.Meta(metaName(w.p))
	if err != nil {
		return err
	}
	if len(raw) == 0 || json.Unmarshal(raw, &w.r) != nil || w.r.Set != set || w.r.Sources == nil {
		w.r = refilled{Set: set, Sources: map[ring.NodeID]*refills{}}
	}
	return nil
}

func (w *work) save() error {
	raw, err := json.Marshal(w.r)
	if err != nil {
		return fmt.Errorf("save a refill's place: %w", err)
	}
	return w.f.o.Store.SaveMeta(w.f.life, metaName(w.p), raw)
}

// refill fills the partition from every other primary that is up and not fenced, at least
// one. Who comes up meanwhile is asked too.
func (w *work) refill() error {
	doc := w.f.o.Cluster.Document()
	if !doc.Entry(w.p).Takes(w.f.self) {
		return w.takeFromAny(doc)
	}
	var errs []error
	done := 0
	for _, id := range doc.Primaries(w.p) {
		if id == w.f.self || !w.f.o.Cluster.Up(id) {
			continue
		}
		err := w.refillFrom(doc, id)
		switch {
		case err == nil:
			done++
		case !errors.Is(err, storage.ErrFenced):
			errs = append(errs, fmt.Errorf("from %s: %w", nameOf(doc, id), err))
		}
	}
	if len(errs) == 0 && done == 0 {
		return w.alone(doc)
	}
	return errors.Join(errs...)
}

// alone is what is done with nobody to fill the partition: it waits, until a person has it
// opened. Then the epochs are those of any member; where none answers they stay, and the
// first that does has the partition fenced anew.
func (w *work) alone(doc *ring.Document) error {
	if !w.f.opened(w.p) {
		return errAlone
	}
	if err := w.takeFromAny(doc); err != nil {
		w.f.o.Logger.Warn("a fenced partition is opened by hand, and no member tells its epochs",
			slog.Int("partition", int(w.p)), slog.String("error", err.Error()))
		return nil
	}
	w.f.o.Logger.Warn("a fenced partition is opened by hand: it lacks what only this node had, until that is restored", slog.Int("partition", int(w.p)))
	return nil
}

// takeFromAny takes the epochs of a partition that this node holds no replica of.
func (w *work) takeFromAny(doc *ring.Document) error {
	err := errors.New("no other member answers")
	for _, m := range doc.Members {
		if m.ID == w.f.self || !w.f.o.Cluster.Up(m.ID) {
			continue
		}
		if err = w.take(m.ID); err == nil {
			return nil
		}
	}
	return err
}

// take takes both epochs from another member, where they are above this node's: what is
// taken from there is read at those. The range is empty, or filled as of what was taken
// before.
func (w *work) take(from ring.NodeID) error {
	ctx, cancel := clock.WithTimeout(w.f.life, w.f.o.Clock, askWithin)
	defer cancel()
	theirs, err := w.f.o.Cluster.Stand(ctx, from, w.p)
	if err != nil {
		return err
	}
	return w.f.o.Store.ChangeEpochs(w.f.life, []ring.Partition{w.p}, func(_ ring.Partition, e storage.Epochs) (storage.Epochs, bool) {
		changed := e.Raised.Less(theirs.Raised) || e.Committed.Less(theirs.Committed)
		if e.Raised.Less(theirs.Raised) {
			e.Raised = theirs.Raised
		}
		if e.Committed.Less(theirs.Committed) {
			e.Committed = theirs.Committed
		}
		return e, changed && e.Fenced
	})
}

// refillFrom takes what one primary has: from the first one all of it, from others what
// differs.
func (w *work) refillFrom(doc *ring.Document, id ring.NodeID) error {
	if err := w.take(id); err != nil {
		return err
	}
	s := w.r.Sources[id]
	if s == nil {
		s = &refills{}
		w.r.Sources[id] = s
	}
	var differs func(storage.Key, causal.Digest) (bool, error)
	if len(w.r.Sources) > 1 {
		differs = w.differs
	}
	for pieces := 1; !s.Done; pieces++ {
		after := storage.Key{Bucket: s.Bucket, Key: string(s.Key)}
		piece, err := w.f.o.Cluster.Pull(w.f.life, id, w.p, after, differs, w.join)
		if err != nil {
			return err
		}
		if piece.Last != (storage.Key{}) {
			s.Bucket, s.Key = piece.Last.Bucket, []byte(piece.Last.Key)
		}
		s.Done = !piece.More
		if s.Done || pieces%saveEvery == 0 {
			if err := w.save(); err != nil {
				return err
			}
		}
		if now := w.f.o.Cluster.Document(); !slices.Equal(now.Primaries(w.p), doc.Primaries(w.p)) {
			return errMoved
		}
	}
	return nil
}

// differs reports whether this node holds something else than a digest says. It asks in
// the way of a write, for a fenced partition answers no read.
func (w *work) differs(k storage.Key, digest causal.Digest) (bool, error) {
	secret := w.f.o.Cluster.Document().Secret
	var own causal.Digest
	_, err := w.f.o.Store.Write(w.f.life, k, storage.KindRefill, func(tx *storage.Tx) error {
		own = tx.Object().Digest(secret, k.Bucket, k.Key)
		return nil
	})
	return own != digest, err
}

// join joins an object into what is filled.
func (w *work) join(k storage.Key, o *causal.Object) error {
	doc := w.f.o.Cluster.Document()
	if doc.Discarded(k.Bucket, o.Generation) {
		return nil
	}
	if k.Position().Partition(doc.Partitions) != w.p {
		return fmt.Errorf("a key of another partition: %q in bucket %q", k.Key, k.Bucket)
	}
	c, err := w.f.o.Store.Write(w.f.life, k, storage.KindRefill, func(tx *storage.Tx) error {
		if !tx.Partition().Entry.Takes(w.f.self) {
			return errMoved
		}
		if w.f.o.Cluster.Document().Discarded(k.Bucket, o.Generation) {
			return nil
		}
		tx.SetObject(causal.Join(tx.Object(), o))
		return nil
	})
	if err == nil && c.Changed() {
		w.f.refilled.Add(1)
		w.f.note(w.p, func(s *State) { s.Refilled++ })
	}
	return err
}

// nameOf is a member's name, or its id.
func nameOf(doc *ring.Document, id ring.NodeID) string {
	if m, ok := doc.Member(id); ok && m.Name != "" {
		return m.Name
	}
	return id.String()
}
