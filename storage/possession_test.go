package storage

import (
	"bytes"
	"errors"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/causal"
)

// set makes the store hold o under k.
func setObject(t testing.TB, s *Store, k Key, o *causal.Object) error {
	t.Helper()
	_, err := s.Write(t.Context(), k, KindRepair, func(tx *Tx) error {
		tx.SetObject(o)
		return nil
	})
	return err
}

func TestAnActorEndsWhenItsPartitionForgets(t *testing.T) {
	var none *causal.Object
	foreign := func(generation uint64) *causal.Object {
		return none.Put(causal.Write{Dot: causal.Dot{Actor: 1, Counter: 1}, Stamp: 1, Policy: causal.Siblings, Generation: generation})
	}
	for name, test := range map[string]struct {
		now  func(held *causal.Object) *causal.Object
		want bool
	}{
		"an object":                         {func(*causal.Object) *causal.Object { return nil }, true},
		"a part of what an object knew":     {func(*causal.Object) *causal.Object { return foreign(5) }, true},
		"a newer generation of a bucket":    {func(*causal.Object) *causal.Object { return foreign(4) }, true},
		"nothing: another write came":       {func(o *causal.Object) *causal.Object { return causal.Join(o, foreign(5)) }, false},
		"nothing: the bucket was made anew": {func(*causal.Object) *causal.Object { return foreign(6) }, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, vfs.NewMem(), Options{})
			if err := setObject(t, s, key(1), none.Put(causal.Write{Dot: causal.Dot{Actor: 2, Counter: 1}, Stamp: 1, Policy: causal.Siblings, Generation: 5})); err != nil {
				t.Fatal(err)
			}
			before := mint(t, s, key(1))
			o, err := s.Read(t.Context(), key(1))
			if err != nil {
				t.Fatal(err)
			}
			if err := setObject(t, s, key(1), test.now(o)); err != nil {
				t.Fatal(err)
			}
			if ended := mint(t, s, key(1)).Actor != before.Actor; ended != test.want {
				t.Errorf("the actor ended: %v, want %v", ended, test.want)
			}
		})
	}
}

// TestADotThatTheWriterSawElsewhereIsAnAlarm: what it saw was minted by a copy of
// this process.
func TestADotThatTheWriterSawElsewhereIsAnAlarm(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{})
	for name, mint := range map[string]func(tx *Tx, saw causal.Context) (causal.Dot, causal.Stamp, error){
		"of a partition": (*Tx).Mint, "of a hint": (*Tx).MintHint,
	} {
		alarms := s.Counters().ActorAlarms
		_, err := s.Write(t.Context(), key(1), KindPut, func(tx *Tx) error {
			first, _, err := mint(tx, causal.Context{})
			if err != nil {
				return err
			}
			saw := causal.NewContext(1<<60, causal.Dot{Actor: first.Actor, Counter: first.Counter + 1})
			second, stamp, err := mint(tx, saw)
			if second.Actor == first.Actor || stamp <= 1<<60 {
				t.Errorf("%s: minted %v at %d over a context of %v", name, second, stamp, saw.Dots())
			}
			return err
		})
		if err != nil || s.Counters().ActorAlarms != alarms+1 {
			t.Errorf("%s: %v, and %d alarms, want 1", name, err, s.Counters().ActorAlarms-alarms)
		}
	}
}

// TestAHintsStampsFollowTheObjectToo: a holder may have both.
func TestAHintsStampsFollowTheObjectToo(t *testing.T) {
	var none *causal.Object
	s := open(t, vfs.NewMem(), Options{})
	at := func(stamp causal.Stamp) *causal.Object {
		return none.Put(causal.Write{Dot: causal.Dot{Actor: 1, Counter: 1}, Stamp: stamp, Policy: causal.Siblings, Generation: 1})
	}
	const object, hint, saw = causal.Stamp(1 << 60), causal.Stamp(1 << 61), causal.Stamp(1 << 62)
	_, err := s.Write(t.Context(), key(1), KindHint, func(tx *Tx) error {
		tx.SetObject(at(object))
		_, first, err := tx.MintHint(causal.Context{})
		tx.SetHint(&Hint{Targets: []ring.NodeID{9}, Object: at(hint)})
		_, second, err2 := tx.MintHint(causal.Context{})
		_, third, err3 := tx.MintHint(causal.NewContext(saw))
		if first <= object || second <= hint || third <= saw {
			t.Errorf("stamps %d, %d, %d; want them above %d, %d, %d", first, second, third, object, hint, saw)
		}
		return errors.Join(err, err2, err3)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestWhatCouldNotBeReadAgainIsNotStored(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{})
	mustPut(t, s, key(1), number(1))
	good, err := s.Read(t.Context(), key(1))
	if err != nil {
		t.Fatal(err)
	}
	empty, unknown := *good, *good
	empty.Siblings, unknown.Policy = nil, 9
	for name, bad := range map[string]*causal.Object{
		"without its values' bytes": good.Strip(), "without siblings": &empty, "of an unknown policy": &unknown,
	} {
		if err := setObject(t, s, key(1), bad); !errors.Is(err, causal.ErrObject) {
			t.Errorf("an object %s: %v, want ErrObject", name, err)
		}
		c, err := s.Write(t.Context(), key(1), KindHint, func(tx *Tx) error {
			tx.SetHint(&Hint{Targets: []ring.NodeID{9}, Object: bad})
			return nil
		})
		if c != nil || !errors.Is(err, causal.ErrObject) {
			t.Errorf("a hint with an object %s: %v, %v, want ErrObject", name, c, err)
		}
	}
	if got := numeral(value(t, s, key(1))); got != 1 {
		t.Errorf("value %d, want the one before", got)
	}
}

// TestWhatIsReadIsTheCallers writes all over it: neither the store nor Pebble's
// memory may notice.
func TestWhatIsReadIsTheCallers(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{})
	want := noise(100)
	mustPut(t, s, key(1), bytes.Clone(want))
	k := key(2)
	object, err := s.Read(t.Context(), key(1))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write(t.Context(), k, KindHint, func(tx *Tx) error {
		tx.SetHint(&Hint{Targets: []ring.NodeID{9}, Object: object})
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, where := range []string{"the memtable", "a table"} {
		for range 2 { // what one round leaves the next one reads
			read, err := s.Read(t.Context(), key(1))
			if err != nil {
				t.Fatal(err)
			}
			hint, err := s.ReadHint(t.Context(), k)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string][]byte{"object": read.Siblings[0].Value, "hint": hint.Object.Siblings[0].Value}
			for r, err := range s.Scan(t.Context(), ScanFrom{}, everything) {
				if err != nil {
					t.Fatal(err)
				}
				got["scanned object"] = r.Object.Siblings[0].Value
			}
			for r, err := range s.Hints(t.Context(), nil) {
				if err != nil {
					t.Fatal(err)
				}
				got["scanned hint"] = r.Hint.Object.Siblings[0].Value
			}
			for name, value := range got {
				if !bytes.Equal(value, want) {
					t.Errorf("the %s in %s changed with what was read before", name, where)
				}
				clear(value)
			}
		}
		if err := s.db.Flush(); err != nil {
			t.Fatal(err)
		}
	}
}
