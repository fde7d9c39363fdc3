package agree

import (
	"bytes"
	"testing"

	"github.com/hengedb/henge/ring"
)

// firstDocument is version 1 of a small cluster in which every member votes.
func firstDocument(t *testing.T, members []ring.Member) *ring.Document {
	t.Helper()
	d, err := ring.First(ring.FirstOptions{
		Cluster: "0123456789abcdef0123456789abcdef", Secret: bytes.Repeat([]byte{7}, 32), EraRandom: 42,
		Partitions: 8, Replicas: 3, Members: members, Settings: ring.Settings{AutoBuckets: true},
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}
