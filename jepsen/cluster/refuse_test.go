//go:build unix

package cluster_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/hengedb/henge/jepsen/cluster"
)

func TestAValueOverTheLimitIsRefusedAndTheNodeServesOn(t *testing.T) {
	c := cluster.Run(t, cluster.Options{Binary: binary(t), Nodes: 1})
	n := c.Nodes()[0]
	status, body, err := send(t, http.MethodPut, n, bucket, "heavy", make([]byte, 17<<20))
	if err != nil || status != http.StatusRequestEntityTooLarge || !strings.Contains(string(body), `"too_large"`) {
		t.Errorf("17 MiB: %d %s %v, want 413 with its code", status, body, err)
	}
	if status, _, err := send(t, http.MethodGet, n, bucket, "heavy", nil); err != nil || status != http.StatusNotFound {
		t.Errorf("what was refused reads %d %v, want 404", status, err)
	}
	limit := bytes.Repeat([]byte("stone"), (16<<20)/5)
	if status, body, err := sendWith(t, http.MethodPut, n, bucket, "heavy", patiently, limit); err != nil || status != http.StatusNoContent {
		t.Errorf("a value at the limit: %d %s %v", status, body, err)
	}
	if status, body, err := sendWith(t, http.MethodGet, n, bucket, "heavy", patiently, nil); err != nil || status != http.StatusOK || !bytes.Equal(body, limit) {
		t.Errorf("a value at the limit reads %d and %d bytes, %v", status, len(body), err)
	}
}
