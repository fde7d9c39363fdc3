package gossip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/hengedb/henge/ring"
)

// Profile tunes gossip for where the nodes are.
type Profile int

// The profiles.
const (
	LAN   Profile = iota // a death is noticed within about ten seconds
	Local                // all on one machine: within about two
)

// Options are what a Gossip works with. Self and Bind must be set.
type Options struct {
	Self    ring.Peer       // where it gossips is found out
	Bind    string          // host:port to listen on
	Seeds   []string        // host:port of processes to join; a host name stands for all its addresses
	Known   func() []string // more of them, remembered from earlier; nil is none
	Rejoin  time.Duration   // between tries to reach those who are missing; 0 is 5 s
	Profile Profile
	Sleep   func(context.Context, time.Duration) error // nil is the machine's clock
	Rand    func() uint64                              // safe for concurrent use; nil is the runtime's
	Logger  *slog.Logger                               // nil discards

	Transport memberlist.Transport // nil is UDP and TCP on Bind
}

// rejoinEvery is short enough that a healed split is over within seconds, and long
// enough that a thousand nodes do not flood an address where nobody is any more.
const rejoinEvery = 5 * time.Second

// EnsureDefaults fills in what may be left zero.
func (o *Options) EnsureDefaults() {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Known == nil {
		o.Known = func() []string { return nil }
	}
	if o.Rejoin == 0 {
		o.Rejoin = rejoinEvery
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	if o.Rand == nil {
		o.Rand = rand.Uint64
	}
}

// Validate tells everything that is missing, and what of Self does not fit.
func (o *Options) Validate() error {
	var errs []error
	if o.Self.ID == 0 {
		errs = append(errs, errors.New("gossip.Options: Self has no id"))
	}
	if o.Bind == "" {
		errs = append(errs, errors.New("gossip.Options: Bind is not set"))
	}
	if o.Rejoin < time.Millisecond {
		errs = append(errs, fmt.Errorf("gossip.Options: Rejoin is %v, want a millisecond or more", o.Rejoin))
	}
	return errors.Join(errs...)
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
