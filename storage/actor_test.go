package storage

import (
	"errors"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/causal"
	"github.com/hengedb/henge/storage/clock"
)

// mint mints one dot for k without keeping it.
func mint(t testing.TB, s *Store, k Key) causal.Dot {
	t.Helper()
	dot, err := tryMint(t, s, k)
	if err != nil {
		t.Fatalf("mint: %v", err)
	}
	return dot
}

func tryMint(t testing.TB, s *Store, k Key) (dot causal.Dot, err error) {
	t.Helper()
	_, err = s.Write(t.Context(), k, KindPut, func(tx *Tx) (err error) {
		dot, _, err = tx.Mint(causal.Context{})
		return err
	})
	return dot, err
}

// mintHint mints one dot for k's hint, and keeps the hint.
func mintHint(t testing.TB, s *Store, k Key) (dot causal.Dot) {
	t.Helper()
	_, err := s.Write(t.Context(), k, KindHint, func(tx *Tx) error {
		var o *causal.Object
		if h := tx.Hint(); h != nil {
			o = h.Object
		}
		var stamp causal.Stamp
		var err error
		dot, stamp, err = tx.MintHint(causal.Context{})
		o = o.Put(causal.Write{Dot: dot, Stamp: stamp, Policy: causal.Siblings, Generation: 1})
		tx.SetHint(&Hint{Targets: []ring.NodeID{9}, W: 2, Since: stamp, Object: o})
		return err
	})
	if err != nil {
		t.Fatalf("mint for a hint: %v", err)
	}
	return dot
}

// seeded is a source that begins alike each time.
func seeded() func() uint64 { return rand.New(rand.NewPCG(1, 2)).Uint64 }

func TestAnActorIsOnePartitionsAndOneStarts(t *testing.T) {
	fs := vfs.NewMem()
	seen := map[causal.Actor]string{}
	for _, start := range []string{"first start", "second start", "third start"} {
		s := open(t, fs, Options{Rand: seeded()})
		partitions := map[ring.Partition]causal.Actor{}
		for n := range 100 {
			p := key(n).Position().Partition(testPartitions)
			dot := mint(t, s, key(n))
			if actor, ok := partitions[p]; ok && actor != dot.Actor {
				t.Errorf("partition %d has the actors %x and %x in one start", p, actor, dot.Actor)
			}
			partitions[p] = dot.Actor
		}
		for p, actor := range partitions {
			if where, ok := seen[actor]; ok {
				t.Errorf("%s: partition %d has actor %x, which was seen in the %s", start, p, actor, where)
			}
			seen[actor] = start
		}
		if err := s.Close(); err != nil {
			t.Fatalf("close: %v", err)
		}
	}
}

func TestAnActorDoesNotRepeatACounter(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{})
	seen := map[causal.Dot]bool{}
	for n := range 200 {
		if dot := mint(t, s, key(n%10)); seen[dot] {
			t.Errorf("dot %v was minted twice", dot)
		} else {
			seen[dot] = true
		}
	}
}

func TestAnActorEndsWithThePossession(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{})
	before := mint(t, s, key(1))
	install(t, s, 2, s.NodeID(), 7)
	if dot := mint(t, s, key(1)); dot.Actor != before.Actor {
		t.Errorf("another document that gives the partition to the node changed its actor from %x to %x", before.Actor, dot.Actor)
	}
	install(t, s, 3, 7)
	if _, err := tryMint(t, s, key(1)); !errors.Is(err, ErrNotHeld) {
		t.Errorf("mint where nothing is held: %v, want ErrNotHeld", err)
	}
	install(t, s, 2, s.NodeID()) // an older document
	if _, err := tryMint(t, s, key(1)); !errors.Is(err, ErrNotHeld) {
		t.Errorf("mint after an older document came late: %v, want ErrNotHeld", err)
	}
	install(t, s, 4, s.NodeID())
	if dot := mint(t, s, key(1)); dot.Actor == before.Actor {
		t.Errorf("actor %x outlived the possession of its partition", dot.Actor)
	}
}

func TestOnlyWhoServesMints(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{})
	self, others := []ring.NodeID{s.NodeID()}, []ring.NodeID{7}
	version := uint64(1)
	for _, step := range []struct {
		name        string
		entry       ring.Entry
		held, mints bool
	}{
		{"named for later", ring.Entry{Serving: others, Next: self, Phase: ring.PhaseWait}, false, false},
		{"a newcomer that is copied to", ring.Entry{Serving: others, Next: self, Phase: ring.PhaseCopy}, true, false},
		{"a newcomer that serves", ring.Entry{Serving: self, Former: others, Phase: ring.PhaseSwitch}, true, true},
		{"one that served before the switch", ring.Entry{Serving: others, Former: self, Phase: ring.PhaseSwitch}, true, false},
		{"one that only hands over the rest", ring.Entry{Serving: others, Former: self, Phase: ring.PhaseDrop}, false, false},
	} {
		version++
		d := document(version, s.NodeID())
		for p := range d.Layout {
			d.Layout[p] = step.entry
			d.Layout[p].Changed = version
		}
		if err := s.Install(d); err != nil {
			t.Fatal(err)
		}
		if held := s.layout.Load().of(0).Held; held != step.held {
			t.Errorf("%s: held is %v, want %v", step.name, held, step.held)
		}
		if _, err := tryMint(t, s, key(1)); (err == nil) != step.mints || err != nil && !errors.Is(err, ErrNotHeld) {
			t.Errorf("%s: mint: %v, want it to succeed: %v", step.name, err, step.mints)
		}
	}
}

func TestADocumentCannotChangeTheNumberOfPartitions(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{})
	for name, d := range map[string]*ring.Document{
		"more partitions":     {Version: 2, Partitions: 16, Layout: make([]ring.Entry, 16)},
		"missing entries":     {Version: 2, Partitions: 8, Layout: make([]ring.Entry, 7)},
		"no power of two":     {Version: 2, Partitions: 6, Layout: make([]ring.Entry, 6)},
		"no partition at all": {Version: 2},
	} {
		if err := s.Install(d); err == nil {
			t.Errorf("%s: the document was installed", name)
		}
	}
}

func TestInstallWaitsForWritesUnderTheOlderDocument(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{})
	inside, leave, installed := make(chan struct{}), make(chan struct{}), make(chan struct{})
	go func() {
		_, err := s.Write(t.Context(), key(1), KindPut, func(tx *Tx) error {
			close(inside)
			<-leave
			if got := tx.Partition().Document; got != 1 {
				t.Errorf("the write sees document %d, want 1, under which it took the lock", got)
			}
			return putting(number(1))(tx)
		})
		if !errors.Is(err, ErrNotHeld) {
			t.Errorf("write while the partition is taken away: %v, want ErrNotHeld", err)
		}
	}()
	<-inside
	go func() {
		defer close(installed)
		install(t, s, 2, 7)
	}()
	for s.layout.Load().of(0).Document != 2 {
		runtime.Gosched()
	}
	select {
	case <-installed:
		t.Error("Install returned while a write held a lock")
	default:
	}
	close(leave)
	<-installed
}

func TestAKnownDotIsAnAlarmAndANewActor(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{})
	dot := mint(t, s, key(1))
	_, err := s.Write(t.Context(), key(1), KindJoin, func(tx *Tx) error {
		ahead := causal.Dot{Actor: dot.Actor, Counter: dot.Counter + 1} // as if minted elsewhere
		tx.SetObject(tx.Object().Put(causal.Write{Dot: ahead, Stamp: 1, Policy: causal.Siblings, Generation: 1}))
		return nil
	})
	if err != nil {
		t.Fatalf("write: %v", err)
	}
	got := mint(t, s, key(1))
	if got.Actor == dot.Actor || s.Counters().ActorAlarms != 1 {
		t.Errorf("minted %v after %v with %d alarms; want another actor and 1 alarm", got, dot, s.Counters().ActorAlarms)
	}
	if again := mint(t, s, key(1)); again.Actor != got.Actor {
		t.Errorf("the actor changed from %x to %x without an alarm", got.Actor, again.Actor)
	}
}

// jumpy is a clock whose wall time can be set against its monotonic time, as
// happens to a machine that was suspended.
type jumpy struct {
	clock.System
	seconds atomic.Int64
}

// Now moves the wall time alone, which no method of time.Time does: bits 30 and
// up of its first word count seconds when there is a monotonic reading.
func (j *jumpy) Now() time.Time {
	now := j.System.Now()
	*(*int64)(unsafe.Pointer(&now)) += j.seconds.Load() << 30
	return now
}

func TestActorsEndWhenTheClocksComeApart(t *testing.T) {
	for name, test := range map[string]struct {
		seconds int64
		want    bool
	}{
		"by a second":               {1, false},
		"by nine seconds":           {9, false},
		"by eleven seconds forward": {11, true},
		"by eleven seconds back":    {-11, true},
	} {
		t.Run(name, func(t *testing.T) {
			c := &jumpy{}
			s := open(t, vfs.NewMem(), Options{Clock: c})
			before, hint := mint(t, s, key(1)), mintHint(t, s, key(2))
			c.seconds.Store(test.seconds)
			after, other, hinted := mint(t, s, key(1)), mint(t, s, key(3)), mintHint(t, s, key(2))
			if ended := after.Actor != before.Actor; ended != test.want || (hint.Actor != hinted.Actor) != test.want {
				t.Errorf("the actor changed: %v, the hint's: %v; want %v", ended, hint.Actor != hinted.Actor, test.want)
			}
			if again := mint(t, s, key(1)); again.Actor != after.Actor || mint(t, s, key(3)).Actor != other.Actor {
				t.Errorf("one jump ended actors twice: %x, then %x", after.Actor, again.Actor)
			}
		})
	}
}

func TestAHintsActorEndsWithTheHint(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{})
	first, second := mintHint(t, s, key(1)), mintHint(t, s, key(1))
	if first.Actor != second.Actor || second.Counter != 2 {
		t.Errorf("one hint minted %v and %v; want one actor, counting", first, second)
	}
	if other := mintHint(t, s, key(2)); other.Actor == first.Actor {
		t.Errorf("two hints share the actor %x", other.Actor)
	}
	if _, err := s.Write(t.Context(), key(1), KindHint, func(tx *Tx) error { tx.SetHint(nil); return nil }); err != nil {
		t.Fatalf("end the hint: %v", err)
	}
	if again := mintHint(t, s, key(1)); again.Actor == first.Actor {
		t.Errorf("actor %x outlived its hint", first.Actor)
	}
}

func TestAHintsActorEndsWhenTheHintForgets(t *testing.T) {
	for name, change := range map[string]func(*Hint) *Hint{
		"it ends":                          func(*Hint) *Hint { return nil },
		"it comes to stand for the object": func(h *Hint) *Hint { return &Hint{Targets: h.Targets, W: h.W, Since: h.Since} },
		"it is replaced by something older": func(h *Hint) *Hint {
			var none *causal.Object
			older := none.Put(causal.Write{Dot: causal.Dot{Actor: 1, Counter: 1}, Stamp: 1, Policy: causal.Siblings, Generation: 1})
			return &Hint{Targets: h.Targets, W: h.W, Since: h.Since, Object: older}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, vfs.NewMem(), Options{})
			first := mintHint(t, s, key(1))
			if _, err := s.Write(t.Context(), key(1), KindHint, func(tx *Tx) error { tx.SetHint(change(tx.Hint())); return nil }); err != nil {
				t.Fatalf("write: %v", err)
			}
			if again := mintHint(t, s, key(1)); again.Actor == first.Actor {
				t.Errorf("actor %x outlived what its hint knew", first.Actor)
			}
		})
	}
}

func TestTheTableOfHintsActorsIsBounded(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{})
	first := s.hintActors.of(key(0), s.newHolding)
	for n := 1; n <= hintActorsMax; n++ {
		s.hintActors.of(key(n), s.newHolding)
	}
	if got := len(s.hintActors.byKey); got != hintActorsMax || s.hintActors.order.Len() != got {
		t.Errorf("the table holds %d actors in a list of %d, want %d", got, s.hintActors.order.Len(), hintActorsMax)
	}
	if s.hintActors.of(key(0), s.newHolding) == first {
		t.Error("the oldest actor is still there")
	}
}

// A bucket that was dropped goes key by key, and the keys of others in its partitions keep
// their actor: each new one would be an entry in the context of every key that is written.
func TestAnActorOutlivesWhatGoesWithItsBucket(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{Rand: seeded()})
	k := key(0)
	first := mint(t, s, k)
	mustPut(t, s, k, []byte("v"))
	change(t, s, k, func(tx *Tx) { tx.Discard() })
	if value(t, s, k) != nil {
		t.Error("it is there still")
	}
	if next := mint(t, s, k); next.Actor != first.Actor || next.Counter <= first.Counter {
		t.Errorf("minted %+v after %+v; want the same actor", next, first)
	}
	mustPut(t, s, k, []byte("v"))
	change(t, s, k, func(tx *Tx) { tx.SetObject(nil) })
	if next := mint(t, s, k); next.Actor == first.Actor {
		t.Error("what was plainly removed is minted on by the actor that knew it")
	}
}
