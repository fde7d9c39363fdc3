package storage

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hengedb/henge/storage/causal"
)

func TestAWriteCostsOneGetAndOneCommit(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{})
	mustPut(t, s, key(1), number(1))
	before := s.Counters()
	mustPut(t, s, key(1), number(2))
	after := s.Counters()
	if reads, writes, commits := after.Reads-before.Reads, after.Writes-before.Writes, after.Commits-before.Commits; reads != 1 || writes != 1 || commits != 1 {
		t.Errorf("a write cost %d reads, %d writes and %d commits, want 1 of each", reads, writes, commits)
	}
	if got := numeral(value(t, s, key(1))); got != 2 {
		t.Errorf("value %d, want 2", got)
	}
	if got := s.Counters().Reads - after.Reads; got != 1 {
		t.Errorf("a read cost %d reads, want 1", got)
	}
}

func TestAWriteThatChangesNothingIsABarrier(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{})
	mustPut(t, s, key(1), number(1))
	before := s.Counters()
	c, err := s.Write(t.Context(), key(1), KindJoin, func(tx *Tx) error {
		tx.SetObject(tx.Object())
		tx.SetHint(tx.Hint())
		return nil
	})
	if err != nil {
		t.Fatalf("write: %v", err)
	}
	if c.Changed() {
		t.Error("the write says that it changed something")
	}
	if got := s.Counters().Commits - before.Commits; got != 0 {
		t.Errorf("%d commits before Wait, want 0", got)
	}
	if err := c.Wait(t.Context()); err != nil {
		t.Fatalf("wait: %v", err)
	}
	if got := s.Counters(); got.BarrierSyncs-before.BarrierSyncs != 1 || got.Commits-before.Commits != 1 {
		t.Errorf("Wait cost %d barriers and %d commits, want 1 and 1", got.BarrierSyncs-before.BarrierSyncs, got.Commits-before.Commits)
	}
}

func TestAnErrorOfTheChangeAborts(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{})
	mustPut(t, s, key(1), number(1))
	refusal := errors.New("no")
	before := s.Counters().Commits
	c, err := s.Write(t.Context(), key(1), KindPut, func(tx *Tx) error {
		if err := putting(number(2))(tx); err != nil {
			return err
		}
		return refusal
	})
	if c != nil || !errors.Is(err, refusal) {
		t.Errorf("write: %v, %v; want the change's error", c, err)
	}
	if got := numeral(value(t, s, key(1))); got != 1 || s.Counters().Commits != before {
		t.Errorf("value %d after %d commits, want 1 after none", got, s.Counters().Commits-before)
	}
}

func TestAPanicOfTheChangeReleasesTheLock(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{})
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_, _ = s.Write(t.Context(), key(1), KindPut, func(*Tx) error { panic("bug") }) // panics
	}()
	mustPut(t, s, key(1), number(1))
}

func TestWritesAreRefused(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{})
	bare, err := Open("bare", Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = bare.Close() })
	over := strings.Repeat("x", 1025)
	for name, test := range map[string]struct {
		store *Store
		key   Key
		want  error
	}{
		"without a document":   {bare, key(1), ErrNoDocument},
		"with an empty key":    {s, Key{"b", ""}, ErrBadKey},
		"with a long key":      {s, Key{"b", over}, ErrBadKey},
		"with an empty bucket": {s, Key{"", "k"}, ErrBadKey},
		"with a long bucket":   {s, Key{over, "k"}, ErrBadKey},
	} {
		t.Run(name, func(t *testing.T) {
			if err := put(t.Context(), test.store, test.key, nil); !errors.Is(err, test.want) {
				t.Errorf("put: %v, want %v", err, test.want)
			}
		})
	}
}

func TestWaitingForALockCanBeGivenUp(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{})
	inside, leave := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		_, err := s.Write(t.Context(), key(1), KindPut, func(tx *Tx) error {
			close(inside)
			<-leave
			return putting(number(1))(tx)
		})
		if err != nil {
			t.Errorf("the holder's write: %v", err)
		}
	})
	<-inside
	tired := errors.New("tired")
	ctx, cancel := context.WithCancelCause(t.Context())
	var waiter sync.WaitGroup
	waiter.Go(func() {
		if err := put(ctx, s, key(1), number(2)); !errors.Is(err, tired) {
			t.Errorf("the waiter's write: %v, want the cause of its end", err)
		}
	})
	cancel(tired)
	waiter.Wait() // while the lock is held
	other := key(2)
	for n := 3; other.Position().Segment(testPartitions) == key(1).Position().Segment(testPartitions); n++ {
		other = key(n)
	}
	mustPut(t, s, other, number(1)) // another segment is free
	close(leave)
	wg.Wait()
	if got := numeral(value(t, s, key(1))); got != 1 {
		t.Errorf("value %d, want the holder's", got)
	}
}

func TestWaitingForALockEndsWithTheStore(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{})
	boom := errors.New("boom")
	_, err := s.Write(t.Context(), key(1), KindPut, func(*Tx) error {
		waiter := make(chan error)
		go func() { waiter <- put(t.Context(), s, key(1), number(2)) }()
		for s.gate.state.Load() < 2 { // until it is inside
			runtime.Gosched()
		}
		s.fail(boom)
		if err := <-waiter; !errors.Is(err, ErrFailed) || !errors.Is(err, boom) {
			t.Errorf("the waiter's write: %v, want ErrFailed and why", err)
		}
		return boom
	})
	if !errors.Is(err, boom) {
		t.Errorf("the holder's write: %v", err)
	}
}

func TestConcurrentWritersLoseNothing(t *testing.T) {
	const writers, rounds = 16, 25
	s := open(t, vfs.NewMem(), Options{})
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range rounds {
				_, err := s.Write(t.Context(), key(1), KindPut, func(tx *Tx) error {
					var held []byte
					if o := tx.Object(); o != nil {
						held = o.Siblings[0].Value
					}
					return putting(number(numeral(held) + 1))(tx)
				})
				if err != nil {
					t.Errorf("write: %v", err)
				}
			}
		})
	}
	wg.Wait()
	if got := numeral(value(t, s, key(1))); got != writers*rounds {
		t.Errorf("%d increments were kept, want %d", got, writers*rounds)
	}
}

func TestAnObjectCanBeRemoved(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{})
	mustPut(t, s, key(1), number(1))
	c, err := s.Write(t.Context(), key(1), KindRepair, func(tx *Tx) error {
		tx.SetObject(nil)
		return nil
	})
	if err != nil || !c.Changed() {
		t.Fatalf("write: %v, %v", c, err)
	}
	if got := value(t, s, key(1)); got != nil {
		t.Errorf("value %x, want none", got)
	}
}

func TestMintedStampsClimb(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{})
	far := s.Now() + 1<<40
	_, err := s.Write(t.Context(), key(1), KindPut, func(tx *Tx) error {
		_, first, err := tx.Mint(causal.Context{})
		if err != nil {
			return err
		}
		_, second, err := tx.Mint(causal.NewContext(far))
		if err != nil {
			return err
		}
		_, third, err := tx.Mint(causal.Context{})
		if first >= second || second <= far || third >= second {
			t.Errorf("stamps %d, %d, %d with floor %d: a far floor is passed by its own stamp, and moves no clock", first, second, third, far)
		}
		return err
	})
	if err != nil {
		t.Fatalf("write: %v", err)
	}
	put := func(floor causal.Stamp) (stamp causal.Stamp) {
		_, err := s.Write(t.Context(), key(1), KindPut, func(tx *Tx) (err error) {
			var dot causal.Dot
			dot, stamp, err = tx.Mint(causal.NewContext(floor))
			tx.SetObject(tx.Object().Put(causal.Write{Dot: dot, Stamp: stamp, Policy: causal.Siblings, Generation: 1}))
			return err
		})
		if err != nil {
			t.Fatalf("write: %v", err)
		}
		return stamp
	}
	if first, second := put(far), put(0); second <= first {
		t.Errorf("stamp %d was minted over an object with stamp %d", second, first)
	}
}
