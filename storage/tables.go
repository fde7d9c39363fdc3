package storage

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
)

// part is what the database uses of one table's file.
type part struct {
	path, table string
	first, last []byte // keys, both included
}

// span is all of the part.
func (p part) span() Span { return Span{bytes.Clone(p.first), successor(p.last), p.table} }

// parts lists the tables that can have keys in a span. Compactions may have replaced them
// by the time they are read.
func (s *Store) parts(sp Span) ([]part, error) {
	levels, err := s.db.SSTables(pebble.WithKeyRangeFilter(sp.lower, sp.upper))
	if err != nil {
		return nil, errors.Join(err, s.fault.err())
	}
	var found []part
	for _, level := range levels {
		for _, info := range level {
			table := info.BackingSSTNum.String() + ".sst"
			found = append(found, part{
				table: table, path: s.fs.PathJoin(s.dir, pebbleDir, table),
				first: bytes.Clone(info.Smallest.UserKey), last: bytes.Clone(info.Largest.UserKey),
			})
		}
	}
	return found, nil
}

// Locate reads what of a damaged table the database still uses, block by block, and
// returns what cannot be read: nothing when it was compacted away or reads well by now.
// It calls pace as BuildTree does.
func (s *Store) Locate(ctx context.Context, d Damage, pace func(ctx context.Context, read int) error) ([]Span, error) {
	if d.Table == "" {
		return []Span{d.span()}, nil
	}
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.gate.leave()
	parts, err := s.parts(d.span())
	if err != nil {
		return nil, err
	}
	var gaps []Span
	for _, p := range parts {
		if p.table != d.Table {
			continue
		}
		read := 0
		found, err := s.walk(ctx, p, p.span(), func(_ []byte, size int) error {
			if read += size; read < pageBytes {
				return nil
			}
			defer func() { read = 0 }()
			return pace(ctx, read)
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("locate damage in %s: %w", d.Table, err)
		}
		gaps = append(gaps, found...)
	}
	return gaps, nil
}

// walk visits the keys of a part in a span, and returns what of the span is in blocks
// that cannot be read. A gap begins with the last key before it that can be read, and ends
// before the next one: so that a table can be cut there.
func (s *Store) walk(ctx context.Context, p part, in Span, visit func(key []byte, size int) error) (gaps []Span, err error) {
	r, it, err := s.openTable(ctx, p)
	if err != nil {
		if isCorruption(err) {
			return []Span{p.span()}, nil
		}
		return nil, err
	}
	defer r.Close()  //nolint:errcheck // it was only read
	defer it.Close() //nolint:errcheck // it says what Error said
	w := &walker{it: it, part: p, visit: visit}
	at := p.first
	if bytes.Compare(in.lower, at) > 0 {
		at = in.lower
	}
	end := successor(p.last)
	if bytes.Compare(in.upper, end) < 0 {
		end = in.upper
	}
	for at != nil {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		gap, next, err := w.forward(at, end)
		if err != nil {
			return nil, err
		}
		if gap != nil {
			gaps = append(gaps, *gap)
		}
		at = next
	}
	return gaps, nil
}

// openTable opens a part's file beside the database, whose cache would answer for blocks
// that were read before they were damaged.
func (s *Store) openTable(ctx context.Context, p part) (*sstable.Reader, sstable.Iterator, error) {
	f, err := s.disk.Open(p.path)
	if err != nil {
		return nil, nil, err
	}
	readable, err := sstable.NewSimpleReadable(f)
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	r, err := sstable.NewReader(ctx, readable, s.tableOptions().MakeReaderOptions())
	if err != nil {
		return nil, nil, errors.Join(err, readable.Close())
	}
	it, err := r.NewIter(sstable.NoTransforms, nil, nil, sstable.AssertNoBlobHandles)
	if err != nil {
		return nil, nil, errors.Join(err, r.Close())
	}
	return r, it, nil
}

// tableOptions are the options that the store's tables are written and read with.
func (s *Store) tableOptions() *pebble.Options {
	o := s.pebbleOptions(s.cache)
	o.EnsureDefaults()
	return o
}

// walker goes through one table's file.
type walker struct {
	it    sstable.Iterator
	part  part
	visit func(key []byte, size int) error
}

// forward visits what follows key at, up to end, until a block cannot be read: that is
// the gap, and next is where it goes on.
func (w *walker) forward(at, end []byte) (gap *Span, next []byte, err error) {
	from := bytes.Clone(w.part.first)
	for kv := w.it.SeekGE(at, 0); kv != nil; kv = w.it.Next() {
		if bytes.Compare(kv.K.UserKey, end) >= 0 {
			return nil, nil, nil
		}
		from = append(from[:0], kv.K.UserKey...)
		if err := w.visit(kv.K.UserKey, len(kv.K.UserKey)+kv.V.Len()); err != nil {
			return nil, nil, err
		}
	}
	if err := w.it.Error(); err == nil || !isCorruption(err) {
		return nil, nil, err
	}
	if bytes.Compare(from, at) < 0 { // nothing was read behind at: what is before it may be cut off with it
		if from, err = w.before(at); err != nil {
			return nil, nil, err
		}
	}
	next, err = w.beyond(from)
	switch {
	case err != nil:
		return nil, nil, err
	case next == nil:
		return &Span{from, successor(w.part.last), w.part.table}, nil, nil
	}
	return &Span{from, next, w.part.table}, next, nil
}

// before is the last key below at that can be read, or the table's first.
func (w *walker) before(at []byte) ([]byte, error) {
	if kv := w.it.SeekLT(at, 0); kv != nil {
		return bytes.Clone(kv.K.UserKey), nil
	}
	if err := w.it.Error(); err != nil && !isCorruption(err) {
		return nil, err
	}
	return bytes.Clone(w.part.first), nil
}

// firstStep is how far the first look ahead goes: some keys, where a store has a thousand
// million of them.
const firstStep = 1 << 34

// beyond finds the first key behind a gap that can be read; nil when there is none. It
// looks further and further ahead, at last at the table's end, and then back to the gap.
func (w *walker) beyond(from []byte) (next []byte, err error) {
	kv := w.it.SeekGE(ahead(from, firstStep), 0)
	for step := uint64(firstStep << 2); kv == nil && step != 0; step <<= 2 {
		kv = w.it.SeekGE(ahead(from, step), 0)
	}
	if kv == nil {
		kv = w.it.SeekLT(successor(w.part.last), 0)
	}
	for ; kv != nil && bytes.Compare(kv.K.UserKey, from) > 0; kv = w.it.Prev() {
		next = append(next[:0], kv.K.UserKey...)
	}
	if err := w.it.Error(); err != nil && !isCorruption(err) {
		return nil, err
	}
	return next, nil
}

// ahead is a key that lies a step behind another, by its position; when there is no such
// position, it is the first one of the next section.
func ahead(from []byte, step uint64) []byte {
	at := place(from)
	if at+step < at {
		return []byte{from[0] + 1}
	}
	return binary.BigEndian.AppendUint64([]byte{from[0]}, at+step)
}
