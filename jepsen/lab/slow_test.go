package lab

import (
	"fmt"
	"testing"
	"time"

	"github.com/hengedb/henge"
)

// A node that answers later than the cap on silence is avoided, but it is alive: with
// the third one dead it is needed, and every request must be served with it.
func TestASlowNodeIsStillAskedWhenNobodyElseIsLeft(t *testing.T) {
	inBubble(t, Options{Nodes: 3, Seed: 4}, func(t *testing.T, l *Lab) {
		l.Nodes()[2].Kill()
		time.Sleep(settled)
		const slow = 150 * time.Millisecond // a round trip is above the cap and below the timeout
		l.Net.Slow("n1", "n2", slow, 0)
		l.Net.Slow("n2", "n1", slow, 0)
		b := l.Nodes()[0].Process().Bucket("default")
		for i := range 20 {
			key := fmt.Sprintf("k%d", i)
			if _, err := b.Put(t.Context(), key, []byte("v"), henge.WriteOptions{}); err != nil {
				t.Errorf("put: %v", err)
			}
			if _, err := b.Get(t.Context(), key, henge.ReadOptions{}); err != nil {
				t.Errorf("get: %v", err)
			}
		}
	})
}

// Nobody asked for the time for an hour: the first request must not be held against
// the one that the clock showed last.
func TestTheFirstRequestAfterAnIdleHourIsServed(t *testing.T) {
	inBubble(t, Options{Nodes: 3, Seed: 5}, func(t *testing.T, l *Lab) {
		for _, n := range l.Nodes() {
			time.Sleep(time.Hour)
			b := n.Process().Bucket("default")
			if _, err := b.Put(t.Context(), "k", []byte("v"), henge.WriteOptions{}); err != nil {
				t.Errorf("put through %s: %v", n.Name(), err)
			}
			time.Sleep(time.Hour)
			if _, err := b.Get(t.Context(), "k", henge.ReadOptions{}); err != nil {
				t.Errorf("get through %s: %v", n.Name(), err)
			}
		}
	})
}
