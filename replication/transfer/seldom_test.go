package transfer

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hengedb/henge/storage/clock"
)

func TestAReasonIsLoggedOnceInAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		s := &seldom{clock: clock.System{}, log: slog.New(slog.NewTextHandler(&log, nil))}
		for range 100 {
			s.warn("transfer waits", errors.New("from n1: away"), slog.Int("partition", 3))
			s.warn("transfer waits", errors.New("from n2: away"))
			time.Sleep(500 * time.Millisecond)
		}
		if got := strings.Count(log.String(), "\n"); got != 2 || !strings.Contains(log.String(), "partition=3") {
			t.Errorf("%d lines in 50 s:\n%s", got, log.String())
		}
		for i := range 100 {
			s.warn("transfer waits", fmt.Errorf("port %d is closed", i))
		}
		if got := strings.Count(log.String(), "\n"); got != tellMost {
			t.Errorf("%d lines for many reasons, want %d", got, tellMost)
		}
		time.Sleep(time.Minute)
		log.Reset()
		s.warn("transfer waits", errors.New("from n1: away"))
		if !strings.Contains(log.String(), "not_logged=94") {
			t.Errorf("a minute later: %s", log.String())
		}
	})
}
