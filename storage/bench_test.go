package storage

import (
	"fmt"
	"testing"
)

// onDisk opens a store in a directory of the machine's.
func onDisk(b *testing.B) *Store {
	b.Helper()
	s, err := Open(b.TempDir(), Options{BallastBytes: -1})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	install(b, s, 1, s.NodeID())
	return s
}

// BenchmarkWrite puts 1 KiB under ever new keys and waits for the sync.
func BenchmarkWrite(b *testing.B) {
	for _, writers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			s := onDisk(b)
			value := noise(1 << 10)
			b.ReportAllocs()
			b.SetBytes(int64(len(value)))
			work := make(chan int)
			done := make(chan error, writers)
			for range writers {
				go func() {
					var failed error
					for n := range work {
						if err := put(b.Context(), s, key(n), value); err != nil {
							failed = err
						}
					}
					done <- failed
				}()
			}
			n := 0
			for b.Loop() {
				work <- n
				n++
			}
			close(work)
			for range writers {
				if err := <-done; err != nil {
					b.Fatal(err)
				}
			}
			syncs := s.disk.sync.snapshot()
			b.ReportMetric(float64(n)/float64(syncs.Count()), "writes/sync")
			b.ReportMetric(float64(syncs.Sum.Microseconds())/float64(syncs.Count()), "µs/sync")
		})
	}
}

// BenchmarkRead reads 1 KiB out of tables that lie in the cache.
func BenchmarkRead(b *testing.B) {
	const keys = 10_000
	s := onDisk(b)
	for n := range keys {
		if _, err := s.Write(b.Context(), key(n), KindPut, putting(noise(1<<10))); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.db.Flush(); err != nil {
		b.Fatal(err)
	}
	names := make([]Key, keys)
	for n := range names {
		names[n] = key(n)
	}
	b.ReportAllocs()
	b.SetBytes(1 << 10)
	n := 0
	for b.Loop() {
		if o, err := s.Read(b.Context(), names[n%keys]); err != nil || o == nil {
			b.Fatalf("read: %v, %v", o, err)
		}
		n++
	}
}

// BenchmarkJoinNothing joins an object that is held already, without a barrier.
func BenchmarkJoinNothing(b *testing.B) {
	s := onDisk(b)
	if err := put(b.Context(), s, key(1), noise(1<<10)); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if c, err := s.Write(b.Context(), key(1), KindJoin, func(*Tx) error { return nil }); err != nil || c.Changed() {
			b.Fatalf("write: %v, %v", c, err)
		}
	}
}
