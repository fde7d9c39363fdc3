package transfer

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/hengedb/henge/storage/clock"
)

// meterSeconds is what a rate is taken over: long enough to even out the throttle's
// pauses, short enough to show within a few looks that a node has stalled.
const meterSeconds = 5

// meter counts bytes, and knows how many of them passed lately.
type meter struct {
	clock clock.Clock
	total atomic.Int64

	mu    sync.Mutex // guards what follows
	slots [meterSeconds]slot
}

// slot is what passed in one second.
type slot struct{ second, bytes int64 }

// Add counts n bytes more.
func (m *meter) Add(n int64) {
	m.total.Add(n)
	second := m.clock.Now().Unix()
	m.mu.Lock()
	defer m.mu.Unlock()
	s := &m.slots[uint64(second)%meterSeconds] //nolint:gosec // any slot will do for a clock before 1970
	if s.second != second {
		*s = slot{second: second}
	}
	s.bytes += n
}

// Load tells all bytes.
func (m *meter) Load() int64 { return m.total.Load() }

// Rate tells the bytes a second since the first of the last meterSeconds in which any
// passed; 0 when none did.
func (m *meter) Rate() int64 {
	now := m.clock.Now()
	first, sum := now.Unix(), int64(0)
	m.mu.Lock()
	for _, s := range m.slots {
		if s.bytes > 0 && now.Unix()-s.second < meterSeconds {
			first, sum = min(first, s.second), sum+s.bytes
		}
	}
	m.mu.Unlock()
	took := now.Sub(time.Unix(first, 0)).Seconds()
	return int64(float64(sum) / max(took, 1))
}
