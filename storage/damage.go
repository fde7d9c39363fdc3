package storage

import (
	"bytes"
	"slices"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/hengedb/henge/ring"
)

// Damage is a part of the store that a read, a compaction or a build of a hash tree
// could not read. It is known until it is mended or found to read well, or the process
// ends; after that the next read finds it again.
type Damage struct {
	Table string // the file's name; empty when one value is damaged and its block is not
	Cause string
	Found time.Time

	first, last []byte // keys of the store, both included
}

// span is all that may be damaged.
func (d Damage) span() Span { return Span{lower: d.first, upper: successor(d.last)} }

func (d Damage) same(other Damage) bool {
	return d.Table == other.Table && bytes.Equal(d.first, other.first) && bytes.Equal(d.last, other.last)
}

// maxDamages bounds what is remembered: who mends the first of them finds the others
// again.
const maxDamages = 1024

// damages are what was found and is not mended.
type damages struct {
	found chan struct{} // a token when there is news

	mu   sync.Mutex
	list []Damage
}

func newDamages() *damages { return &damages{found: make(chan struct{}, 1)} }

func (ds *damages) add(d Damage) {
	ds.mu.Lock()
	known := len(ds.list) >= maxDamages || slices.ContainsFunc(ds.list, d.same)
	if !known {
		ds.list = append(ds.list, d)
	}
	ds.mu.Unlock()
	if known {
		return
	}
	select {
	case ds.found <- struct{}{}:
	default:
	}
}

// Damages lists what was found to be damaged and is not mended, the oldest first.
func (s *Store) Damages() []Damage {
	s.damages.mu.Lock()
	defer s.damages.mu.Unlock()
	return slices.Clone(s.damages.list)
}

// DamageFound has a token when there is new damage. One goroutine may wait for it.
func (s *Store) DamageFound() <-chan struct{} { return s.damages.found }

// Mended forgets damage that was rebuilt, or that reads well.
func (s *Store) Mended(d Damage) {
	s.damages.mu.Lock()
	defer s.damages.mu.Unlock()
	s.damages.list = slices.DeleteFunc(s.damages.list, d.same)
}

// damagedTable takes in what Pebble says of a table.
func (s *Store) damagedTable(info pebble.DataCorruptionInfo) {
	first, last := info.Bounds.Start, info.Bounds.End.Key
	if len(first) == 0 || len(last) == 0 {
		return
	}
	s.damages.add(Damage{
		Table: s.fs.PathBase(info.Path), Cause: info.Details.Error(), Found: s.options.Clock.Now(),
		first: bytes.Clone(first), last: bytes.Clone(last),
	})
}

// damagedKey takes in that what lies under a key is no object, or no hint, though its
// block is as it was written. Which of the two, its reader knows, and a rebuild finds out.
func (s *Store) damagedKey(pos ring.Position, k Key, cause error) {
	if pebble.ExtractDataCorruptionInfo(cause) != nil {
		return // its table is damaged
	}
	for _, in := range []section{sectionObject, sectionHint} {
		key := appendKey(nil, in, pos, k)
		s.damages.add(Damage{Cause: cause.Error(), Found: s.options.Clock.Now(), first: key, last: key})
	}
}

// successor is the first key after one.
func successor(key []byte) []byte { return append(bytes.Clone(key), 0) }
