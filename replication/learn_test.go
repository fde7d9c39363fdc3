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
