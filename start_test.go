package henge_test

import (
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hengedb/henge"
	"github.com/hengedb/henge/replication"
	"github.com/hengedb/henge/replication/rpc"
	"github.com/hengedb/henge/ring"
)

// A node that comes back with a document serves once its store goes by it, and not
// before: until then it could store nothing, and might be one that the cluster expelled.
func TestNobodyIsServedBeforeTheDocumentIsInstalled(t *testing.T) {
	inCluster(t, 3, func(t *testing.T, c *testCluster) {
		c.close(2)
		var accepting, announced atomic.Bool
		c.change = func(o *henge.Options) {
			o.HTTP = o.Name + ":7420"
			o.Seams.Network = watched{o.Seams.Network, &accepting}
			o.Seams.Membership = func(self ring.Peer) (replication.Membership, error) {
				m, err := c.table.join(self)
				return telling{m, func(self ring.Peer) {
					if !self.Doc.IsZero() && !announced.Swap(true) {
						time.Sleep(time.Second) // whoever would serve by now does
						if accepting.Load() {
							t.Error("connections are accepted before it has told by which document it goes")
						}
					}
				}}, err
			}
		}
		c.open(2)
		c.ready()
		if time.Sleep(time.Second); !announced.Load() || !accepting.Load() {
			t.Errorf("a document was told: %v, connections are accepted: %v", announced.Load(), accepting.Load())
		}
	})
}

// telling is a Membership with something to do before an announcement.
type telling struct {
	replication.Membership
	before func(self ring.Peer)
}

func (m telling) Announce(self ring.Peer) {
	m.before(self)
	m.Membership.Announce(self)
}

// watched is a network that notes when somebody begins to accept.
type watched struct {
	rpc.Network
	accepting *atomic.Bool
}

func (w watched) Listen(addr string) (net.Listener, error) {
	l, err := w.Network.Listen(addr)
	return watchedListener{l, w.accepting}, err
}

type watchedListener struct {
	net.Listener
	accepting *atomic.Bool
}

func (l watchedListener) Accept() (net.Conn, error) {
	l.accepting.Store(true)
	return l.Listener.Accept()
}
