package client

import (
	"context"
	"io"
	"net"
	"testing"
)

// The attempt of a call that its caller ends may be seen to end before the call is: what
// it sent may have been written all the same.
func TestWhatWasSentOfACallThatItsCallerEndedMayBeWritten(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, tc := range map[string]struct {
		write   bool
		err     error
		written bool
	}{
		"a write that was sent":    {true, io.EOF, true},
		"a write to nobody":        {true, &net.OpError{Op: "dial", Err: io.EOF}, false},
		"a read writes in no case": {false, io.EOF, false},
	} {
		k := &call{o: &operation{write: tc.write}, ctx: ctx}
		if k.lost(&try{err: tc.err}); k.mayHaveWritten() != tc.written {
			t.Errorf("%s: it may have written: %v, want %v", name, !tc.written, tc.written)
		}
	}
}
