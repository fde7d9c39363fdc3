package api_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hengedb/henge/api/wire"
	"github.com/hengedb/henge/replication/request"
)

func TestVerifyComparesAsItIsAsked(t *testing.T) {
	const path = wire.Verify
	c := &changing{}
	c.verified = request.Verification{
		Partition: 3, Replicas: 3, Keys: 17, Away: []string{"n4"}, Next: "there", Repaired: 1, Took: 5,
		Differing: []request.DifferingKey{
			{Bucket: "b", Key: "k", Digests: map[string]string{"n1": "aa", "n2": ""}},
			{Bucket: "b", Key: "\xff", Digests: map[string]string{"n1": "bb", "n2": "cc"}},
		},
	}
	h := changes(t, c)
	got := read[wire.Verification](t, wants(t, do(t, h, ask("POST", path, `{"partition":3,"bucket":"b","after":"here","repair":true}`)), 200))
	if diff := cmp.Diff(c.verified, got.Request()); diff != "" {
		t.Errorf("(-found +read):\n%s", diff)
	}
	if want := (request.VerifyOptions{Partition: 3, Bucket: "b", After: "here", Repair: true}); c.verify != want {
		t.Errorf("asked for %+v, want %+v", c.verify, want)
	}
	for _, body := range []string{`{"partition":-1}`, `{"all":true}`, `[]`} {
		wants(t, do(t, h, ask("POST", path, body)), 400)
	}
	wants(t, do(t, h, ask("POST", path+"?partition=3", "")), 400)
	wants(t, do(t, h, ask("POST", path, `{"after":"`+strings.Repeat("h", 1<<20)+`"}`)), 413)
	wants(t, do(t, h, ask("GET", path, "")), 405)
	c.err = request.ErrNotReady
	wants(t, do(t, h, ask("POST", path, "")), 503)
}
