package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/objstorage/objstorageprovider"
	"github.com/cockroachdb/pebble/v2/sstable"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/causal"
)

// ErrTooLarge refuses to rebuild so much under locks.
var ErrTooLarge = errors.New("too much to rebuild while the store is in use")

const (
	// rebuildBytes is how much a rebuild writes at most. A block of a table is 16 KiB; but
	// one of a young table covers much of the ring, and all that older tables have there
	// is written again with it. So much takes a disk about a second, in which no writer
	// gets through.
	rebuildBytes = 64 << 20
	// rebuildWait is how long a rebuild waits, under locks, for a flush.
	rebuildWait = 10 * time.Second
	// rebuildFile is what a rebuild writes, before the database takes it over.
	rebuildFile = "REBUILD.sst"
)

// ErrMoved refuses to rebuild by what nodes said that may not be the partition's any more.
var ErrMoved = errors.New("the layout has changed")

// Rebuilt is what a rebuild did.
type Rebuilt struct {
	Objects int // written anew
	Fetched int // of them: that could not be read here, or had less than others
	Unread  int // that nobody else had, so that nothing is left of them
	Hints   int // that could be read, and stay; the others in the span are lost
}

// Rebuild writes a span that cannot be read anew: what can be read of it, joined with
// others, what every other replica has there by a version of the document. Nothing else stays in the span, on any level
// of the database; and that is one change, which a crash makes or does not make.
//
// Nobody writes to the span's segments meanwhile. Where an object was, its actor ends, and
// the hash trees of the span's partitions are built anew: nobody knows what their leaves
// counted. A hint, which others do not have, stays if it can be read. When Rebuild returns
// nil the disk holds the change; after an error that is not ErrFailed it was not made.
func (s *Store) Rebuild(ctx context.Context, sp Span, others []Record, document uint64) (Rebuilt, error) {
	if err := s.begin(); err != nil {
		return Rebuilt{}, err
	}
	defer s.gate.leave()
	r := &rebuild{store: s, span: sp, others: make(map[string]*causal.Object, len(others))}
	for _, o := range others {
		key := string(appendKey(nil, sectionObject, o.Position, o.Key))
		if sp.has([]byte(key)) {
			r.others[key] = causal.Join(r.others[key], o.Object)
		}
	}
	if err := r.prepare(ctx, document); err != nil {
		return Rebuilt{}, fmt.Errorf("rebuild: %w", err)
	}
	// What follows is Pebble's, which no one can take back: it has a goroutine of its own,
	// like a commit.
	done := make(chan error, 1)
	s.gate.again()
	s.committers.Go(func() {
		defer s.gate.leave()
		defer r.release()
		done <- r.run(context.WithoutCancel(ctx))
	})
	select {
	case err := <-done:
		if err != nil {
			return Rebuilt{}, fmt.Errorf("rebuild: %w", err)
		}
	case <-s.fault.done:
		return Rebuilt{}, s.fault.err()
	}
	if sp.touches(sectionHint) {
		if err := s.recountHints(ctx); err != nil && !errors.Is(err, ErrCorrupt) {
			return r.rebuilt, err
		}
	}
	return r.rebuilt, nil
}

// rebuild is one call of Rebuild.
type rebuild struct {
	store   *Store
	span    Span
	others  map[string]*causal.Object // by key of the store
	held    []ring.Segment            // locks
	records map[string][]byte         // nil unless the span touches them
	keys    [][]byte                  // that may be in the span
	bytes   int                       // of what there is and what is written
	rebuilt Rebuilt

	readable map[string]bool // keys that were found in a table
}

// prepare takes what keeps everybody else out of the span.
func (r *rebuild) prepare(ctx context.Context, document uint64) (err error) {
	s := r.store
	l := s.layout.Load()
	if l == nil {
		return ErrNoDocument
	}
	if st := s.space.state.Load(); st.Level == SpaceFull {
		return fmt.Errorf("%w: %d bytes are free", ErrFull, st.Free)
	}
	select {
	case s.rebuilding <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() {
		if err != nil {
			r.release()
		}
	}()
	for i, guards := range r.span.segments(len(l.states)) {
		if !guards {
			continue
		}
		if err := s.locks.lock(ctx, ring.Segment(i), s.fault); err != nil { //nolint:gosec // at most 1,023
			return err
		}
		r.held = append(r.held, ring.Segment(i)) //nolint:gosec // as above
	}
	if first, last, ok := r.span.Objects(); ok {
		for p := first.Partition(len(l.states)); p <= last.Partition(len(l.states)); p++ {
			if changed := l.states[p].Load().Entry.Changed; changed > document {
				return fmt.Errorf("%w: partition %d is as of document %d", ErrMoved, p, changed)
			}
		}
	}
	if r.span.touches(sectionMeta) {
		if err := s.takeRecords(ctx); err != nil {
			return err
		}
		r.records = s.copyRecords()
	}
	return nil
}

// release gives back what prepare took.
func (r *rebuild) release() {
	for _, i := range r.held {
		r.store.locks.unlock(i)
	}
	if r.records != nil {
		<-r.store.records.token
	}
	<-r.store.rebuilding
}

// run does it.
func (r *rebuild) run(ctx context.Context) error {
	s := r.store
	if err := r.flush(); err != nil {
		return err
	}
	if err := r.collect(ctx); err != nil {
		return err
	}
	path := s.fs.PathJoin(s.dir, rebuildFile)
	written, err := r.write(path)
	if err == nil {
		var paths []string
		if written > 0 {
			paths = []string{path}
		}
		_, err = s.db.IngestAndExcise(ctx, paths, nil, nil, pebble.KeyRange{Start: r.span.lower, End: r.span.upper})
	}
	if failed := s.fault.err(); failed != nil {
		return failed
	}
	if err != nil || written == 0 {
		err = errors.Join(err, s.removeRebuild(path))
	}
	if err != nil {
		return err
	}
	if first, last, ok := r.span.Objects(); ok {
		s.renewTrees(first, last)
		s.endHoldings(first, last)
	}
	if r.span.touches(sectionHint) {
		s.hintActors.clear()
	}
	return nil
}

func (s *Store) removeRebuild(path string) error {
	if err := s.disk.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// flush has the tables hold all that was written to the span, so that the keys in it can
// be found beside the damaged block.
func (r *rebuild) flush() error {
	flushed, err := r.store.db.AsyncFlush()
	if err != nil {
		return err
	}
	limit, stop := r.store.after(rebuildWait)
	defer stop()
	select {
	case <-flushed:
		return nil
	case <-limit:
		return errors.New("the disk does not take a flush")
	case <-r.store.fault.done:
		return r.store.fault.err()
	}
}

// collect finds every key that can be in the span: in tables, as far as they can be read,
// in others' copies, and among the records.
func (r *rebuild) collect(ctx context.Context) error {
	var err error
	for range 3 { // a compaction may take tables away between the list and the look
		r.keys, r.bytes = nil, 0
		if err = r.collectTables(ctx); !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	if err != nil {
		return err
	}
	r.readable = make(map[string]bool, len(r.keys))
	for _, key := range r.keys {
		r.readable[string(key)] = true
	}
	for key := range r.others {
		r.keys = append(r.keys, []byte(key))
	}
	for name := range r.records {
		if key := metaKey(name); r.span.has(key) {
			r.keys = append(r.keys, key)
		}
	}
	slices.SortFunc(r.keys, bytes.Compare)
	r.keys = slices.CompactFunc(r.keys, bytes.Equal)
	return nil
}

func (r *rebuild) collectTables(ctx context.Context) error {
	parts, err := r.store.parts(r.span)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if p.table == r.span.table { // a look at a damaged block takes long
			r.keys = append(r.keys, bytes.Clone(r.span.lower))
			continue
		}
		_, err := r.store.walk(ctx, p, r.span, func(key []byte, size int) error {
			if r.bytes += size; r.bytes > rebuildBytes {
				return ErrTooLarge
			}
			if r.span.has(key) {
				r.keys = append(r.keys, bytes.Clone(key))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// write makes a table of what the span shall hold.
func (r *rebuild) write(path string) (written int, err error) {
	s := r.store
	f, err := s.disk.Create(path, "henge-rebuild")
	if err != nil {
		return 0, err
	}
	w := sstable.NewWriter(objstorageprovider.NewFileWritable(f), s.tableOptions().MakeWriterOptions(0, s.db.TableFormat()))
	defer func() {
		if closed := w.Close(); err == nil && written > 0 {
			err = closed
		}
	}()
	size := 0
	for _, key := range r.keys {
		value, err := r.value(key)
		if err != nil {
			return written, err
		}
		if value == nil {
			continue
		}
		if size += len(key) + len(value); size > rebuildBytes {
			return written, ErrTooLarge
		}
		if err := w.Set(key, value); err != nil {
			return written, err
		}
		written++
	}
	return written, nil
}

// value is what a key shall have; nil is nothing.
func (r *rebuild) value(key []byte) ([]byte, error) {
	if key[0] == byte(sectionMeta) {
		return r.records[string(key[1:])], nil
	}
	if !r.readable[string(key)] {
		return r.object(key, nil, false)
	}
	raw, err := r.store.lookup(key)
	unread := err != nil && isCorruption(err)
	if err != nil && !unread {
		return nil, err
	}
	if key[0] == byte(sectionAside) { // nobody else has it
		return raw, nil
	}
	if key[0] == byte(sectionHint) {
		if unread || raw == nil {
			return nil, nil
		}
		if _, err := decodeHint(raw); err != nil {
			return nil, nil //nolint:nilerr // it is damaged, and not kept
		}
		r.rebuilt.Hints++
		return raw, nil
	}
	return r.object(key, raw, unread)
}

// object joins what can be read of an object here with what the others have.
func (r *rebuild) object(key, raw []byte, unread bool) ([]byte, error) {
	pos, k, err := parseKey(key, sectionObject)
	if err != nil {
		return nil, nil //nolint:nilerr // no object was ever stored there
	}
	raised := r.store.layout.Load().of(pos).Epochs.Raised
	var own *causal.Object
	if raw != nil {
		if own, err = r.store.decodeObject(k.Bucket, raw, raised); err != nil {
			own, unread = nil, true
		}
	}
	other := r.others[string(key)]
	if other != nil && other.Epoch.Less(raised) { // as the write function does
		return nil, fmt.Errorf("%q in bucket %q: %w", k.Key, k.Bucket, ErrEpoch)
	}
	whole := causal.Join(own, other)
	switch whole {
	case nil:
		if unread {
			r.rebuilt.Unread++
		}
		return nil, nil
	case own:
		r.rebuilt.Objects++
		return raw, nil
	}
	if err := checkObject(whole); err != nil {
		return nil, fmt.Errorf("%q in bucket %q: %w", k.Key, k.Bucket, err)
	}
	r.rebuilt.Objects++
	r.rebuilt.Fetched++
	return whole.At(causal.Epoch{}).Append(nil), nil
}

// renewTrees gives the partitions from that of first to that of last new hash trees,
// which are to be built.
func (s *Store) renewTrees(first, last ring.Position) {
	s.layoutMu.Lock()
	defer s.layoutMu.Unlock()
	l := s.layout.Load()
	for p := first.Partition(len(l.states)); p <= last.Partition(len(l.states)); p++ {
		state := l.states[p].Load()
		if state.tree == nil {
			continue
		}
		renewed := *state
		renewed.tree = newTree(state.tree.secret)
		l.states[p].Store(&renewed)
	}
}
