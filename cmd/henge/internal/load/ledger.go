package load

import (
	"crypto/sha256"
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/hengedb/henge/replication/request"
)

// sum stands for a value. 16 bytes of SHA-256: two values of one key share it
// only by intent, and a ledger of millions of keys still fits in memory.
type sum [16]byte

func sumOf(value []byte) sum {
	full := sha256.Sum256(value)
	return sum(full[:])
}

// expected is what a read of a key may give: the last acknowledged value, or one
// whose put came later and whose outcome is not known.
type expected struct {
	acked sum
	known bool // acked is set
	maybe []sum
}

// Ledger notes what was acknowledged, in memory: about 100 bytes a key. The zero
// value is ready; a nil one notes nothing.
type Ledger struct {
	mu   sync.Mutex
	keys map[string]expected
}

// acked notes that the key's value was acknowledged. Keys come in order, so that
// everything noted before is replaced.
func (l *Ledger) acked(key string, value []byte) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.keys == nil {
		l.keys = make(map[string]expected)
	}
	l.keys[key] = expected{acked: sumOf(value), known: true}
}

// doubtful notes that the key may hold value: its put failed with err.
func (l *Ledger) doubtful(key string, value []byte, err error) {
	if l == nil || request.OutcomeOf(err) == request.None {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.keys == nil {
		l.keys = make(map[string]expected)
	}
	e := l.keys[key]
	e.maybe = append(e.maybe, sumOf(value))
	l.keys[key] = e
}

// Keys gives every key that has an acknowledged value, sorted.
func (l *Ledger) Keys() iter.Seq[string] {
	l.mu.Lock()
	defer l.mu.Unlock()
	keys := slices.Sorted(maps.Keys(l.keys))
	return func(yield func(string) bool) {
		for _, key := range keys {
			if l.expects(key) && !yield(key) {
				return
			}
		}
	}
}

func (l *Ledger) expects(key string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.keys[key].known
}

// Holds reports whether what a read of key gave holds what was acknowledged: one
// of its siblings must be it, or a later put's whose outcome is not known.
func (l *Ledger) Holds(key string, v request.Value) bool {
	l.mu.Lock()
	e := l.keys[key]
	l.mu.Unlock()
	return slices.ContainsFunc(v.Siblings, func(s request.Sibling) bool {
		got := sumOf(s.Data)
		return got == e.acked || slices.Contains(e.maybe, got)
	})
}
