package storage

import (
	"fmt"
	"log/slog"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/hengedb/henge/storage/clock"
)

// limit lets through one of a kind of log lines each logInterval, and tells how
// many were held back in between.
type limit struct {
	clock clock.Clock

	mu   sync.Mutex
	next map[string]time.Time
	held map[string]int
}

// logInterval between two lines of one kind: a person sees that something goes
// on, and a full disk does not drown the log in it.
const logInterval = time.Second

func newLimit(c clock.Clock) *limit {
	return &limit{clock: c, next: map[string]time.Time{}, held: map[string]int{}}
}

// allow reports whether a line of this kind may be written now, and how many
// were held back since the last. Kinds are constants, so the maps stay small.
func (l *limit) allow(kind string) (held int, ok bool) {
	now := l.clock.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Before(l.next[kind]) {
		l.held[kind]++
		return 0, false
	}
	held = l.held[kind]
	l.next[kind], l.held[kind] = now.Add(logInterval), 0
	return held, true
}

// pebbleLogger is what Pebble logs to.
type pebbleLogger struct {
	log    *slog.Logger
	limit  *limit
	onFail func(cause error)
	park   func()
}

// Infof keeps Pebble's own news at the debug level: users look for Henge's.
func (l *pebbleLogger) Infof(format string, args ...any) {
	l.log.Debug("pebble says", "message", fmt.Sprintf(format, args...))
}

// Errorf logs Pebble's complaints, not too many a second.
func (l *pebbleLogger) Errorf(format string, args ...any) {
	if held, ok := l.limit.allow("pebble complains"); ok {
		l.log.Error("pebble complains", "message", fmt.Sprintf(format, args...), "held_back", held)
	}
}

// Fatalf sets the failed mark. Pebble expects it to end the process, and goes on
// as if nothing had happened when it returns; so it returns only to goroutines
// whose caller reads the mark before it acknowledges anything: ours. Pebble's own
// end here.
func (l *pebbleLogger) Fatalf(format string, args ...any) {
	l.onFail(fmt.Errorf("pebble: "+format, args...))
	if !onOwnGoroutine() {
		l.park()
	}
}

// packagePath is how this package's functions begin in a stack trace.
func packagePath() string { return reflect.TypeFor[pebbleLogger]().PkgPath() + "." }

// onOwnGoroutine reports whether code of this package called Pebble on this
// goroutine, rather than Pebble having started it. What Pebble called back (the
// logger, the disk) is at the top of the stack and does not count.
func onOwnGoroutine() bool {
	own := packagePath()
	var pcs [128]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	inPebble := false
	for {
		frame, more := frames.Next()
		switch {
		case strings.Contains(frame.Function, "cockroachdb/pebble"):
			inPebble = true
		case inPebble && strings.HasPrefix(frame.Function, own):
			return true
		}
		if !more {
			return false
		}
	}
}
