package rpc

import (
	"errors"
	"fmt"
)

// What can come of a call besides an answer, the end of its context aside.
var (
	// ErrUnreachable: nothing of the call was written. The peer cannot have seen it.
	ErrUnreachable = errors.New("unreachable")
	// ErrBroken: the connection ended after the call was handed to it. The peer may
	// have seen it.
	ErrBroken = errors.New("connection broke")
	// ErrRefused: the peer refused the connection, for the reason that is told.
	ErrRefused = errors.New("refused")
	// ErrTooLarge: the call is above Options.MaxMessage. Nothing of it was written.
	ErrTooLarge = errors.New("message too large")
	// ErrClosed: the endpoint is closed.
	ErrClosed = errors.New("endpoint closed")
)

// Why a connection ends.
var (
	errFrame   = errors.New("malformed frame") // bytes that no peer of this version sends
	errVersion = errors.New("another protocol")
	errMemory  = errors.New("no memory left for messages in pieces")
	errStalled = errors.New("nothing was heard on it, and calls went unanswered")
)

// RemoteError is a handler's error on the other side.
type RemoteError struct {
	Code    uint16 // of an error with a method RPCCode() uint16; else 0
	Message string
}

// Error is the handler's text.
func (e *RemoteError) Error() string { return e.Message }

// CodeOverload says that the peer has too many calls of this connection at work; it
// did nothing. Codes from here on belong to this package.
const CodeOverload uint16 = 0xff00

func unreachable(addr string, err error) error {
	return fmt.Errorf("%w: %s: %w", ErrUnreachable, addr, err)
}
