package lab

import (
	"cmp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// errReset is what a connection gives whose other end died.
const errReset = syscall.ECONNRESET

// stream is one direction of a connection. Its fields are guarded by the network's
// mutex.
type stream struct {
	net      *Network
	link     link
	state    *linkState
	id       uint64 // of the seed, the link, when it was dialled, and what the dialler said first
	named    bool   // the dialler has spoken
	from, to *conn

	flying   []*segment // in order of arrival; the first may be held up
	stalled  bool       // the first of flying waits for the link
	inFlight int        // bytes flying or unread
}

// segment is what was written at one instant.
type segment struct {
	written time.Time
	arrives time.Time
	data    []byte
	fin     bool // nothing comes after it
	reset   bool // the connection is broken
}

// sendLocked puts data on its way. What is written at one instant travels
// together, so that it does not matter how many writes it was.
func (s *stream) sendLocked(seg segment) {
	now := time.Now()
	s.nameLocked(seg.data)
	seg.written = now
	s.inFlight += len(seg.data)
	if n := len(s.flying); n > 0 && s.flying[n-1].written.Equal(now) && !s.flying[n-1].fin {
		last := s.flying[n-1]
		last.data = append(last.data, seg.data...)
		last.fin, last.reset = seg.fin, seg.reset
		return
	}
	seg.arrives = now.Add(s.travelLocked())
	if n := len(s.flying); n > 0 && !seg.arrives.After(s.flying[n-1].arrives) {
		seg.arrives = s.flying[n-1].arrives.Add(1)
	}
	s.flying = append(s.flying, &seg)
	if len(s.flying) == 1 {
		s.scheduleLocked(&seg)
	}
}

// nameLocked tells connections apart that were dialled at one instant: by their
// first words, which say what each is for. Both directions take the name.
func (s *stream) nameLocked(words []byte) {
	back := s.to.out
	if s.named || back.named {
		return
	}
	s.named, back.named = true, true
	name := text(string(words))
	s.id, back.id = chance(s.id, name), chance(back.id, name)
}

// travelLocked draws how long the next segment is under way.
func (s *stream) travelLocked() time.Duration {
	now := instant()
	d := latency + s.state.delay + within(chance(s.id, now), jitter)
	if s.state.loss > 0 {
		draw := chance(s.id, now, 1)
		for pause := resend; float64(draw%1000) < 1000*s.state.loss; pause *= 2 {
			d += pause
			draw = mix(draw)
		}
	}
	return d
}

// scheduleLocked has the first segment delivered when it arrives.
func (s *stream) scheduleLocked(seg *segment) {
	time.AfterFunc(max(time.Until(seg.arrives), 1), func() {
		s.net.mu.Lock()
		defer s.net.mu.Unlock()
		s.deliverLocked(seg)
	})
}

// deliverLocked hands the first segment to the reader, unless the link is cut or
// the other machine off.
func (s *stream) deliverLocked(seg *segment) {
	if len(s.flying) == 0 || s.flying[0] != seg {
		return // the connection broke meanwhile
	}
	if s.state.cut || s.to.host.offLocked() {
		s.stalled = true
		return
	}
	s.flying = s.flying[1:]
	s.to.receiveLocked(seg)
	if len(s.flying) > 0 {
		next := s.flying[0]
		if !next.arrives.After(time.Now()) {
			next.arrives = time.Now().Add(s.travelLocked())
		}
		s.scheduleLocked(next)
	}
}

// resumeLocked sends on what a cut had held up.
func (s *stream) resumeLocked(lasted time.Duration) {
	if !s.stalled || len(s.flying) == 0 {
		return
	}
	s.stalled = false
	first := s.flying[0]
	first.arrives = time.Now().Add(latency + within(chance(s.id, instant(), 2), max(min(lasted, slowest), jitter)))
	s.scheduleLocked(first)
}

// dropLocked forgets all that is under way.
func (s *stream) dropLocked() {
	s.flying, s.stalled = nil, false
	delete(s.state.streams, s)
}

func (l *linkState) sortedStreams() []*stream {
	list := make([]*stream, 0, len(l.streams))
	for s := range l.streams {
		list = append(list, s)
	}
	slices.SortFunc(list, func(a, b *stream) int { return cmp.Compare(a.id, b.id) })
	return list
}

func compareLinks(a, b link) int {
	return cmp.Or(strings.Compare(a.from, b.from), strings.Compare(a.to, b.to))
}
