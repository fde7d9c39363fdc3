package transfer

import (
	"testing"
	"time"
)

// Every node pays for what it takes, sends and reads to compare.
func TestWhatIsMovedAndReadIsPaidFor(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.put(0, 300, 0, 1, 2)
		w.copying()
		time.Sleep(10 * time.Second)
		sources := int64(0)
		for _, n := range w.nodes[:3] {
			sources += n.paid.Load()
		}
		// One source sends the objects, two read them for their digests, at an eighth.
		in := w.nodes[3].tr.Stats().BytesIn
		if paid := w.nodes[3].paid.Load(); in < 30_000 || paid != in {
			t.Errorf("the newcomer took %d bytes and paid for %d", in, paid)
		}
		if want := in * 5 / 4; sources < want*9/10 || sources > want*11/10 {
			t.Errorf("the sources paid for %d bytes, want about %d", sources, want)
		}
		former := w.nodes[2]
		before := former.paid.Load() // before it hears that it is to drop: it begins at once
		w.dropping()
		time.Sleep(10 * time.Second)
		if paid := former.paid.Load() - before; paid < in/8*9/10 || former.count() != 0 {
			t.Errorf("the former owner paid for %d bytes, want at least %d, and has %d objects left", paid, in/8, former.count())
		}
	})
}

func TestNothingMovesWithoutTheBudget(t *testing.T) {
	for name, held := range map[string]int{"a source": 0, "the newcomer": 3} {
		inWorld(t, func(t *testing.T, w *world) {
			w.put(0, 300, 0)
			w.nodes[held].held.Store(true)
			w.copying()
			time.Sleep(20 * time.Second)
			if got := w.nodes[3].count(); got != 0 {
				t.Errorf("%s has no budget, and %d objects were copied", name, got)
			}
		})
	}
	inWorld(t, func(t *testing.T, w *world) {
		w.put(0, 300, 0, 1, 2)
		w.copying()
		time.Sleep(20 * time.Second) // the owners lack nothing
		w.nodes[2].held.Store(true)
		w.dropping()
		time.Sleep(20 * time.Second)
		if got := w.nodes[2].count(); got != 300 {
			t.Errorf("a former owner without a budget has %d objects left, want 300", got)
		}
	})
}
