package replication

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"

	"github.com/hengedb/henge/replication/rpc"
	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/clock"
)

// silentGossip has told of nobody yet.
type silentGossip struct{ Membership }

func (silentGossip) Peers() []ring.Peer { return nil }
func (silentGossip) Subscribe(func())   {}

// refusing is a network on which nobody listens, which shows once it is closed.
type refusing chan struct{}

func (r refusing) Call(context.Context, rpc.Target, rpc.Call) ([]byte, error) {
	<-r
	return nil, rpc.ErrUnreachable
}

// A member that gossip has not told of yet is asked like any other, so that a
// cluster serves as soon as its document is held; what a probe finds counts.
func TestAMemberIsBelievedUntilSomebodyFindsItAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := make(refusing)
		h := NewHealth(HealthOptions{
			Self: 1, Members: silentGossip{}, Dial: network, Clock: clock.System{}, Logger: slog.New(slog.DiscardHandler),
		})
		defer h.Close()
		h.Learn(&ring.Document{Members: []ring.Member{{ID: 2, RPC: "n2:1"}}})
		if !h.Up(2) {
			t.Error("a member is down before anybody asked it")
		}
		close(network)
		synctest.Wait()
		if h.Up(2) || h.Node(2).Reason != reasonProbe {
			t.Errorf("after a probe in vain: up %v, %q", h.Up(2), h.Node(2).Reason)
		}
	})
}

// A probe that runs before what began it is published goes to the member's address all
// the same: no member is away before it was asked.
func TestAProbeWaitsForWhatBeganIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := make(refusing)
		h := NewHealth(HealthOptions{
			Self: 1, Members: silentGossip{}, Dial: network, Clock: clock.System{}, Logger: slog.New(slog.DiscardHandler),
		})
		defer h.Close()
		defer close(network)
		d := &ring.Document{}
		for id := ring.NodeID(2); id < 2000; id++ {
			d.Members = append(d.Members, ring.Member{ID: id, RPC: "n:1"})
		}
		h.Learn(d)
		synctest.Wait()
		for _, m := range d.Members {
			if !h.Up(m.ID) {
				t.Fatalf("%s is away, %q, though nobody has answered or refused yet", m.ID, h.Node(m.ID).Reason)
			}
		}
	})
}
