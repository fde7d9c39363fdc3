package exit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/hengedb/henge/replication/request"
)

func TestEveryErrorHasItsCode(t *testing.T) {
	quorum := func(outcome request.Outcome, causes ...error) error {
		return fmt.Errorf("put: %w", &request.QuorumError{Op: "put", Key: "k", Outcome: outcome, Need: 2, Got: 1, Causes: causes})
	}
	cases := map[string]struct {
		err  error
		want Code
	}{
		"nothing went wrong":                             {nil, OK},
		"an error of no kind":                            {errors.New("odd"), Failure},
		"a code that was given wins":                     {With(Data, request.ErrNotFound), Data},
		"a given code survives wrapping":                 {fmt.Errorf("serve: %w", With(Peer, errors.New("x"))), Peer},
		"not found":                                      {fmt.Errorf("get: %w", request.ErrNotFound), NotFound},
		"a condition that did not hold":                  {request.ErrPrecondition, Conflict},
		"a bad knob":                                     {request.ErrBadKnob, Usage},
		"a quorum not met, nothing written":              {quorum(request.None), Quorum},
		"a quorum not met, perhaps written":              {quorum(request.Unknown), Unknown},
		"a quorum error's cause does not hide its kind":  {quorum(request.None, request.ErrFull), Quorum},
		"a timeout leaves a write in doubt":              {fmt.Errorf("put: %w", request.ErrTimeout), Unknown},
		"a deadline leaves a write in doubt":             {context.DeadlineExceeded, Unknown},
		"overload":                                       {request.ErrOverload, Unavailable},
		"no connection":                                  {&net.OpError{Op: "dial", Err: errors.New("refused")}, Unavailable},
		"a file that cannot be opened":                   {&fs.PathError{Op: "open", Path: "/nowhere", Err: syscall.ENOENT}, Failure},
		"a signal":                                       {ErrInterrupted, Interrupted},
		"a cancelled context is a signal's work as well": {context.Canceled, Interrupted},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if got := Of(c.err); got != c.want {
				t.Errorf("code %d, want %d", got, c.want)
			}
		})
	}
}

func TestAReadLeavesNothingInDoubt(t *testing.T) {
	if got := OfRead(request.ErrTimeout); got != Quorum {
		t.Errorf("code %d, want %d", got, Quorum)
	}
	if got := OfRead(request.ErrNotFound); got != NotFound {
		t.Errorf("code %d, want %d", got, NotFound)
	}
}

func TestTheTableNamesEachCodeOnce(t *testing.T) {
	seen := map[Code]bool{}
	words := map[string]bool{}
	for _, row := range Table() {
		if seen[row.Code] || words[row.Word] {
			t.Errorf("code %d or word %q stands twice", row.Code, row.Word)
		}
		seen[row.Code], words[row.Word] = true, true
		if row.Code.Word() != row.Word {
			t.Errorf("code %d is called %q, want %q", row.Code, row.Code.Word(), row.Word)
		}
		if !strings.Contains(Help(), row.Meaning) {
			t.Errorf("the help text lacks %q", row.Meaning)
		}
	}
	for _, row := range sentinels {
		if !seen[row.code] {
			t.Errorf("%v maps to %d, which the table lacks", row.sentinel, row.code)
		}
	}
	if Code(99).Word() != "code_99" {
		t.Errorf("an unlisted code is called %q", Code(99).Word())
	}
}

func TestNoCodeForNoError(t *testing.T) {
	if err := With(Data, nil); err != nil {
		t.Errorf("With(Data, nil) is %v", err)
	}
}
