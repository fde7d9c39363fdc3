package storage

import (
	"errors"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/causal"
)

// room is a disk with as much room as a test says.
type room struct{ free atomic.Uint64 }

func (r *room) look(string) (free, total uint64, err error) { return r.free.Load(), 1000, nil }

// withRoom opens a store with marks at 100 and 20 free bytes.
func withRoom(t *testing.T, r *room, fs vfs.FS, ballast int64) *Store {
	t.Helper()
	return open(t, fs, Options{Space: r.look, LowWater: 100, FullWater: 20, BallastBytes: ballast})
}

// look makes the store look at its disk now.
func look(t *testing.T, s *Store, want SpaceLevel) {
	t.Helper()
	s.space.refresh()
	if got := s.Space().Level; got != want {
		t.Fatalf("with %d bytes free the disk is %v, want %v", s.Space().Free, got, want)
	}
}

// setTo returns a change that stores one value with a fixed dot.
func setTo(n uint64, size int) func(*Tx) error {
	return func(tx *Tx) error {
		var none *causal.Object
		tx.SetObject(none.Put(causal.Write{Dot: causal.Dot{Actor: 1, Counter: n}, Stamp: 1, Policy: causal.Siblings, Generation: 1, Value: make([]byte, size)}))
		return nil
	}
}

func hintTo(n uint64) func(*Tx) error {
	return func(tx *Tx) error {
		tx.SetHint(&Hint{Targets: []ring.NodeID{9}, Mark: n, W: 2, Since: 1})
		return nil
	}
}

func endHint(tx *Tx) error {
	tx.SetHint(nil)
	return nil
}

func TestAFullDiskRefusesByKind(t *testing.T) {
	nothing := func(*Tx) error { return nil }
	bigHint := func(tx *Tx) error {
		tx.SetHint(&Hint{Targets: []ring.NodeID{9, 10}, W: 2, Since: 1})
		return nil
	}
	for name, test := range map[string]struct {
		kind      WriteKind
		key       int // key 1 holds 100 bytes and a hint, key 2 nothing
		change    func(*Tx) error
		low, full bool // allowed
	}{
		"a put":                        {KindPut, 2, setTo(9, 10), false, false},
		"a put that makes less of it":  {KindPut, 1, setTo(9, 10), true, true},
		"a put that changes nothing":   {KindPut, 1, nothing, true, true},
		"a delete of a larger value":   {KindDelete, 1, setTo(9, 0), true, true},
		"a delete of an absent key":    {KindDelete, 2, setTo(9, 0), true, false},
		"another node's object":        {KindJoin, 2, setTo(9, 10), true, false},
		"another node's, smaller":      {KindJoin, 1, setTo(9, 10), true, true},
		"a repair":                     {KindRepair, 2, setTo(9, 10), true, false},
		"a new hint":                   {KindHint, 2, hintTo(9), false, false},
		"a hint that grows":            {KindHint, 1, bigHint, true, false},
		"a hint that is marked anew":   {KindHint, 1, hintTo(9), true, true},
		"the end of a hint":            {KindHint, 1, endHint, true, true},
		"a removal":                    {KindRepair, 1, func(tx *Tx) error { tx.SetObject(nil); return nil }, true, true},
		"a removal of what is not had": {KindRepair, 2, func(tx *Tx) error { tx.SetObject(nil); return nil }, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			for level, allowed := range map[SpaceLevel]bool{SpaceOK: true, SpaceLow: test.low, SpaceFull: test.full} {
				r := &room{}
				r.free.Store(1000)
				s := withRoom(t, r, vfs.NewMem(), 0)
				for _, change := range []func(*Tx) error{setTo(1, 100), hintTo(1)} {
					if _, err := s.Write(t.Context(), key(1), KindRepair, change); err != nil {
						t.Fatalf("write: %v", err)
					}
				}
				r.free.Store(map[SpaceLevel]uint64{SpaceOK: 100, SpaceLow: 99, SpaceFull: 19}[level])
				look(t, s, level)
				commits := s.Counters().Commits
				c, err := s.Write(t.Context(), key(test.key), test.kind, test.change)
				if allowed && err != nil {
					t.Errorf("%v disk: %v, want success", level, err)
				}
				if !allowed && (c != nil || !errors.Is(err, ErrFull) || s.Counters().Commits != commits || s.Counters().Refused != 1) {
					t.Errorf("%v disk: %v, %v after %d commits, want ErrFull and none", level, c, err, s.Counters().Commits-commits)
				}
				if err := s.SaveMeta(t.Context(), "decision", nil); err != nil {
					t.Errorf("%v disk: a record: %v", level, err)
				}
			}
		})
	}
}

func TestTheMarksOfASmallDiskAreSmall(t *testing.T) {
	for name, test := range map[string]struct {
		o               Options
		total           uint64
		wantLow, wantFu uint64
	}{
		"a large disk":      {Options{}, 1 << 40, DefaultLowWater, DefaultFullWater},
		"a small disk":      {Options{}, 1 << 30, 1 << 30 / 20, 1 << 30 / 80},
		"marks of our own":  {Options{LowWater: 1000, FullWater: 10}, 1 << 30, 1000, 10},
		"a full mark alone": {Options{FullWater: 1 << 29}, 1 << 30, 1 << 29, 1 << 29},
		"a low mark alone":  {Options{LowWater: 1000}, 1 << 30, 1000, 250},
	} {
		w := &space{options: &test.o}
		if st := w.judge(test.total, test.total); st.Low != test.wantLow || st.Full != test.wantFu || st.Level != SpaceOK {
			t.Errorf("%s: marks %d and %d, level %v; want %d and %d", name, st.Low, st.Full, st.Level, test.wantLow, test.wantFu)
		}
	}
}

func TestTheBallastIsGivenUpAndMadeAnew(t *testing.T) {
	r, fs := &room{}, vfs.NewMem()
	r.free.Store(1000)
	s := withRoom(t, r, fs, 50)
	exists := func() bool {
		info, err := fs.Stat(fs.PathJoin("store", ballastFile))
		return err == nil && info.Size() == 50
	}
	for _, step := range []struct {
		free  uint64
		level SpaceLevel
		want  bool
	}{
		{1000, SpaceOK, true}, {99, SpaceLow, true}, {19, SpaceFull, false}, {60, SpaceLow, false},
		{150, SpaceOK, false}, {151, SpaceOK, true}, {10, SpaceFull, false},
	} {
		r.free.Store(step.free)
		look(t, s, step.level)
		if got := exists(); got != step.want {
			t.Errorf("with %d bytes free the ballast is there: %v, want %v", step.free, got, step.want)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
}

func TestAFullDiskCostsTheBallastNotTheStore(t *testing.T) {
	r, mem := &room{}, vfs.NewMem()
	sick := newSickDisk(mem)
	r.free.Store(1000)
	s := withRoom(t, r, sick, 50)
	look(t, s, SpaceOK)
	path := mem.PathJoin("store", ballastFile)
	sick.fail(func(op errorfs.Op) error {
		if _, err := mem.Stat(path); op.Kind == errorfs.OpFileWrite && err == nil {
			return syscall.ENOSPC
		}
		return nil
	})
	mustPut(t, s, key(1), number(1))
	if _, err := mem.Stat(path); err == nil {
		t.Error("the ballast is still there")
	}
}

// hand is a clock whose timers a test fires.
type hand struct {
	mu     chan struct{}
	timers []*handTimer
}

type handTimer struct {
	stopped atomic.Bool
	f       func()
	after   time.Duration
}

func (t *handTimer) Stop() bool { return !t.stopped.Swap(true) }

func TestTheDiskIsLookedAtEverySecondAndAfterABurst(t *testing.T) {
	r := &room{}
	r.free.Store(1000)
	c := &handClock{hand: hand{mu: make(chan struct{}, 1)}}
	s := open(t, vfs.NewMem(), Options{Clock: c, Space: r.look, LowWater: 100, FullWater: 20})
	r.free.Store(50)
	if after := c.fire(); after != 0 {
		t.Errorf("the first look is %v after the start, want at once", after)
	}
	if s.Space().Level != SpaceLow {
		t.Errorf("level %v after the first look, want low", s.Space().Level)
	}
	r.free.Store(1000)
	if after := c.fire(); after != spaceInterval || s.Space().Level != SpaceOK {
		t.Errorf("the next look is after %v and sees %v; want %v and ok", after, s.Space().Level, spaceInterval)
	}
	for range 5 {
		mustPut(t, s, key(1), make([]byte, spaceBytes/4))
	}
	if after := c.fire(); after != 0 {
		t.Errorf("the look after a burst is after %v, want at once", after)
	}
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	if c.pending() != 0 {
		t.Error("a timer is set after Close")
	}
}
