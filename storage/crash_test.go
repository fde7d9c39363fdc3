package storage

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// A promise is the highest number that somebody was told of a key.
type promises [16]atomic.Uint64

func (p *promises) raise(n int, to uint64) {
	for {
		old := p[n].Load()
		if old >= to || p[n].CompareAndSwap(old, to) {
			return
		}
	}
}

// snapshot is what had been promised before now.
func (p *promises) snapshot() (out [16]uint64) {
	for i := range p {
		out[i] = p[i].Load()
	}
	return out
}

// TestACrashLosesNothingThatWasPromised cuts the power at random moments of a run
// of writers, who promise what Wait told them, and of readers, who promise what
// they read before a barrier.
func TestACrashLosesNothingThatWasPromised(t *testing.T) {
	const crashes = 40
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	fs := vfs.NewCrashableMem()
	s := open(t, fs, small)
	var written, vouched promises
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() { writeOn(t, s, rand.New(rand.NewPCG(seed, uint64(w))), &written, stop) })
		wg.Go(func() { vouchOn(t, s, rand.New(rand.NewPCG(seed, uint64(w+100))), &vouched, stop) })
	}
	chance := rand.New(rand.NewPCG(seed, 1000))
	for crash := range crashes {
		for target := s.Counters().Commits + chance.Uint64N(200); s.Counters().Commits < target; {
			if s.Failed() != nil {
				t.Fatal(s.Failed())
			}
		}
		promised := [][16]uint64{written.snapshot(), vouched.snapshot()}
		clone := fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: chance.IntN(101), RNG: chance})
		checkPromises(t, clone, crash, promised)
	}
	close(stop)
	wg.Wait()
}

// writeOn counts up random keys, and promises what was acknowledged.
func writeOn(t *testing.T, s *Store, chance *rand.Rand, p *promises, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		n := chance.IntN(len(p))
		var next uint64
		c, err := s.Write(t.Context(), key(n), KindPut, func(tx *Tx) error {
			if o := tx.Object(); o != nil {
				next = numeral(o.Siblings[0].Value)
			}
			next++
			return putting(append(number(next), make([]byte, chance.IntN(512))...))(tx)
		})
		if err != nil {
			t.Errorf("write: %v", err)
			return
		}
		if chance.IntN(4) == 0 {
			continue // nobody waits for this one
		}
		if err := c.Wait(t.Context()); err != nil {
			t.Errorf("wait: %v", err)
			return
		}
		p.raise(n, next)
	}
}

// vouchOn reads random keys, and promises what it read once a sync that began
// afterwards is done: through a barrier, or a write that changes nothing.
func vouchOn(t *testing.T, s *Store, chance *rand.Rand, p *promises, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		n := chance.IntN(len(p))
		var held uint64
		var err error
		if chance.IntN(2) == 0 {
			held = numeral(value(t, s, key(n)))
			err = s.Barrier(t.Context())
		} else {
			var c *Commit
			c, err = s.Write(t.Context(), key(n), KindJoin, func(tx *Tx) error {
				if o := tx.Object(); o != nil {
					held = numeral(o.Siblings[0].Value)
				}
				return nil
			})
			if err == nil {
				err = c.Wait(t.Context())
			}
		}
		if err != nil {
			t.Errorf("vouch: %v", err)
			return
		}
		p.raise(n, held)
	}
}

func checkPromises(t *testing.T, fs vfs.FS, crash int, promised [][16]uint64) {
	t.Helper()
	s, err := Open("store", Options{FS: fs})
	if err != nil {
		t.Fatalf("crash %d: open: %v", crash, err)
	}
	for n := range promised[0] {
		got := numeral(value(t, s, key(n)))
		if acked, vouched := promised[0][n], promised[1][n]; got < acked || got < vouched {
			t.Errorf("crash %d: key %d holds %d; %d was acknowledged, %d vouched for", crash, n, got, acked, vouched)
		}
	}
	if err := s.Close(); err != nil {
		t.Errorf("crash %d: close: %v", crash, err)
	}
}
