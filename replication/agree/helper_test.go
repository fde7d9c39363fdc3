package agree

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/hengedb/henge/ring"
)

// firstDocument is version 1 of a cluster of the members 1 to count, all of which
// vote.
func firstDocument(t testing.TB, count int) *ring.Document {
	t.Helper()
	var members []ring.Member
	for id := ring.NodeID(1); int(id) <= count; id++ {
		members = append(members, ring.Member{ID: id, Name: fmt.Sprintf("n%d", id), Weight: 100, RPC: fmt.Sprintf("n%d:7421", id)})
	}
	d, err := ring.First(ring.FirstOptions{
		Cluster: "0123456789abcdef0123456789abcdef", Secret: bytes.Repeat([]byte{7}, 32), EraRandom: 42,
		Partitions: 8, Replicas: 3, Members: members, Settings: ring.Settings{AutoBuckets: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// successorWith is d's next version, with one bucket more.
func successorWith(t *testing.T, d *ring.Document, bucket string) *ring.Document {
	t.Helper()
	next, err := d.WithBucket(ring.Bucket{Name: bucket, Policy: "siblings"})
	if err != nil {
		t.Fatal(err)
	}
	return next
}
