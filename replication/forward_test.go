package replication

import (
	"testing"
	"time"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/replication/rpc"
	"github.com/hengedb/henge/ring"
)

// A connection that breaks under a request says nothing of the node at its other end:
// that is asked once more, also where it coordinates.
func TestARequestOutlivesItsConnection(t *testing.T) {
	inCluster(t, 4, func(t *testing.T, c *cluster) {
		key, p, others := c.key(0)
		n := others[0]
		p[0].mustPut(t, key, "v", request.WriteOptions{W: request.All})
		f := &forwarding{
			c: n.Coordinator, ctx: t.Context(), deadline: n.clock.Now().Add(time.Second), replies: make(chan rpc.Reply, 1),
			head: forwarded{Verb: verbGet, Bucket: "default", Key: []byte(key), Read: &readKnobs{}}, leaders: []ring.NodeID{p[0].self},
		}
		for try, want := range []bool{true, false} {
			if try == 0 {
				f.next()
			}
			<-f.replies
			f.replies <- rpc.Reply{Err: rpc.ErrBroken} // instead
			answer, done := f.await(nil)
			if done != want || answer.err != nil || want && string(answer.value.Siblings[0].Data) != "v" {
				t.Errorf("after %d broken connections: %+v, done %v; want %v", try+1, answer, done, want)
			}
			f.call(0, nil)
		}
	})
}
