package agree

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/clock"
)

// Log keeps what must survive a crash. A load returns nil for what was never
// saved. A save returns nil only once the bytes are synced; one that fails may or
// may not have taken effect, but never after a later save of the same kind.
type Log interface {
	LoadAcceptor() ([]byte, error)
	SaveAcceptor(ctx context.Context, record []byte) error
	LoadDocument() ([]byte, error)
	SaveDocument(ctx context.Context, raw []byte) error
	// LoadAside lists what SaveAside kept. SaveAside keeps a document for a person to
	// look at, for ever; keeping one again changes nothing.
	LoadAside() ([]string, error)
	SaveAside(ctx context.Context, name string, raw []byte) error
}

// Peers carries a message to another node's Agent.Handle and its answer back. It
// returns soon after ctx ends.
type Peers interface {
	Send(ctx context.Context, to ring.NodeID, body []byte) ([]byte, error)
}

// Options are what an Agent works with. Self, Log, Peers and Rand must be set.
type Options struct {
	Self   ring.NodeID
	Log    Log
	Peers  Peers
	Clock  clock.Clock   // nil is the machine's
	Rand   func() uint64 // safe for concurrent use; spreads retries, decides nothing
	Logger *slog.Logger  // nil discards

	// Adopted is called for every document that is adopted, in order, one at a time,
	// with no lock held, on a goroutine of the Agent; Document shows it already.
	// It is not called for the document that New finds in the Log. It must return,
	// and must not call Adopt, Pull or Propose, which wait for it. Nil does nothing.
	Adopted func(*ring.Document)

	// Abstain says why this node must not vote at present, as when its disk may have
	// been put back; empty lets it. Nil never abstains.
	Abstain func() string
}

// EnsureDefaults fills in what may be left zero.
func (o *Options) EnsureDefaults() {
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Adopted == nil {
		o.Adopted = func(*ring.Document) {}
	}
	if o.Abstain == nil {
		o.Abstain = func() string { return "" }
	}
}

// Validate tells everything that is missing.
func (o *Options) Validate() error {
	var errs []error
	want := func(set bool, name string) {
		if !set {
			errs = append(errs, fmt.Errorf("agree.Options: %s is not set", name))
		}
	}
	want(o.Self != 0, "Self")
	want(o.Log != nil, "Log")
	want(o.Peers != nil, "Peers")
	want(o.Rand != nil, "Rand")
	return errors.Join(errs...)
}
