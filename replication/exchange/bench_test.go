package exchange

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"testing"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
)

// BenchmarkExchange compares all partitions of two replicas once, of which so many keys
// differ, and tells what was sent for it. HENGE_BENCH_KEYS sets how many keys there are.
func BenchmarkExchange(b *testing.B) {
	keys := 100_000
	if n, err := strconv.Atoi(os.Getenv("HENGE_BENCH_KEYS")); err == nil {
		keys = n
	}
	w := newWorld(b, 2)
	w.latency = 0
	w.start(Options{Every: -1, Pace: noPace{}})
	var filling sync.WaitGroup
	for _, one := range w.nodes {
		filling.Go(func() {
			for i := range keys {
				if err := one.fill(key(i), object(write(uint64(i+1), 1, 5, "value"))); err != nil {
					b.Error(err)
				}
			}
			for p := range ring.Partition(testPartitions) {
				if err := one.store.BuildTree(b.Context(), p, one.x.paced); err != nil {
					b.Error(err)
				}
			}
		})
	}
	filling.Wait()
	round := uint64(1)
	for _, differ := range []int{0, 10, 10_000} {
		b.Run(fmt.Sprintf("keys=%d/differ=%d", keys, differ), func(b *testing.B) {
			var before Stats
			for b.Loop() {
				b.StopTimer()
				round++
				for i := range differ {
					n := i * (keys / differ)
					if err := w.nodes[i%2].fill(key(n), object(write(uint64(n+1), round, 5+round, "other"))); err != nil {
						b.Fatal(err)
					}
				}
				before = w.sum()
				b.StartTimer()
				for p := range ring.Partition(testPartitions) {
					if err := w.nodes[0].x.exchange(job{pair: pair{p, w.nodes[1].id()}}); err != nil {
						b.Fatal(err)
					}
				}
			}
			s := w.sum()
			if n := s.Pulled + s.Pushed - before.Pulled - before.Pushed; n != int64(differ) {
				b.Errorf("%d objects were shipped, want %d", n, differ)
			}
			b.ReportMetric(float64(s.Messages-before.Messages), "messages")
			b.ReportMetric(float64(s.BytesOut+s.BytesIn-before.BytesOut-before.BytesIn), "bytes")
			b.ReportMetric(float64(s.Keys-before.Keys), "digests")
		})
	}
}

// fill joins without a wait for the disk.
func (n *node) fill(k storage.Key, o *causal.Object) error {
	_, err := n.store.Write(context.Background(), k, storage.KindJoin, func(tx *storage.Tx) error {
		tx.SetObject(causal.Join(tx.Object(), o))
		return nil
	})
	return err
}

type noPace struct{}

func (noPace) Wait(ctx context.Context) error { return context.Cause(ctx) }
func (noPace) Pay(int)                        {}
