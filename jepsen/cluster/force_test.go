//go:build unix

package cluster_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/hengedb/henge/jepsen/cluster"
	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
)

// forceKeys is how many keys each side writes in each bucket.
const forceKeys = 30

// TestALostMajorityIsForcedAndNothingIsLostWithoutAWord has three of five nodes decide
// and store while the other two are away, and then die; the two come back, decide nothing,
// and are forced. One of the three comes back after that.
func TestALostMajorityIsForcedAndNothingIsLostWithoutAWord(t *testing.T) {
	c := cluster.Run(t, cluster.Options{Binary: binary(t), Nodes: 5})
	n1, back := c.Nodes()[0], c.Nodes()[2]
	survivors, lost := c.Nodes()[:2], c.Nodes()[2:]
	putAll(t, n1, "default", "before")

	// The majority goes on alone, and dies.
	together(survivors, func(n *cluster.Node) { kill(t, n) })
	putAll(t, back, "late", "theirs")
	putAll(t, back, "both", "theirs")
	putAll(t, back, "default", "theirs")
	together(lost, func(n *cluster.Node) { kill(t, n) })
	kept := readDisk(t, back)
	caller.CloseIdleConnections()
	together(survivors, func(n *cluster.Node) {
		if err := n.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	seeEachOther(t, survivors)

	force(t, c, survivors)
	for _, n := range survivors {
		putAll(t, n, "both", "ours-"+n.Name)
		putAll(t, n, "default", "ours-"+n.Name)
		for i := range forceKeys {
			if status, body, err := sendWith(t, http.MethodGet, n, "default", forceKey(i), patiently, nil); err != nil || status != http.StatusOK {
				t.Errorf("get through %s: %d %s %v", n.Name, status, body, err)
			}
		}
	}
	henge(t, c, "bucket", "create", "decided")

	// One of the dead comes back.
	if err := back.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	mine := count(kept, "late")
	told := fmt.Sprintf("n3 keeps %d keys of bucket late", mine)
	cluster.Eventually(t, patience, "what is set aside and kept is told", func() (bool, string) {
		out := henge(t, c, "status")
		return strings.Contains(out, "n3 has set aside 1: ") && strings.Contains(out, told), out
	})
	if mine == 0 {
		t.Fatal("n3 held nothing of the bucket that its side made")
	}
	want := map[string]string{"both": "ours-n2", "default": "ours-n2"}
	for bucket, ours := range want {
		merged(t, back, kept, bucket, ours)
	}
	henge(t, c, "bucket", "create", "late")
	merged(t, back, kept, "late", "")
	if out := henge(t, c, "status"); strings.Contains(out, "keeps ") && strings.Contains(out, "keys of bucket") {
		t.Errorf("status still tells of what is served again:\n%s", out)
	}
}

// force checks that the survivors decide nothing, are forced only by who knows what is
// risked, and decide then.
func force(t *testing.T, c *cluster.Cluster, survivors []*cluster.Node) {
	t.Helper()
	status, body, err := send(t, http.MethodPut, survivors[0], "new", "k", []byte("v"))
	if err != nil || status < 500 || !bytes.Contains(body, []byte("cannot be made now")) {
		t.Errorf("a bucket is made without a majority: %d %s %v", status, body, err)
	}
	s, err := survivors[0].Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, answer := range []string{"yes\n", s.Cluster + "\n"} {
		cmd := c.Command(t.Context(), "layout", "force", "--lost", "n3,n4,n5")
		cmd.Stdin = strings.NewReader(answer)
		out, err := cmd.CombinedOutput()
		if !bytes.Contains(out, []byte("It risks data")) || (err == nil) != strings.HasPrefix(answer, s.Cluster) {
			t.Fatalf("force, answered with %q: %v\n%s", answer, err, out)
		}
	}
	// The command may have reached the other survivor: the first one hears of it soon.
	cluster.Eventually(t, patience, "status tells of the force", func() (bool, string) {
		out := henge(t, c, "status")
		return strings.Contains(out, "forced on "), out
	})
	var logs []byte
	for _, n := range survivors {
		log, err := os.ReadFile(n.Log)
		if err != nil {
			t.Fatal(err)
		}
		logs = append(logs, log...)
	}
	if !bytes.Contains(logs, []byte("layout forced without a majority")) {
		t.Error("nobody has logged the force")
	}
}

func kill(t *testing.T, n *cluster.Node) {
	t.Helper()
	if err := n.Kill(); err != nil {
		t.Error(err)
	}
}

func forceKey(i int) string { return fmt.Sprintf("k%d", i) }

// putAll writes a value under every key; each must be acknowledged.
func putAll(t *testing.T, n *cluster.Node, bucket, value string) {
	t.Helper()
	for i := range forceKeys {
		if status, body, err := sendWith(t, http.MethodPut, n, bucket, forceKey(i), patiently, []byte(value)); err != nil || status != http.StatusNoContent {
			t.Fatalf("put %s/%s=%s through %s: %d %s %v", bucket, forceKey(i), value, n.Name, status, body, err)
		}
	}
}

// count is how many keys of a bucket a disk holds, in copies and in hints.
func count(d disk, bucket string) (n int) {
	for _, held := range []map[storage.Key]*causal.Object{d.objects, d.hints} {
		for key, o := range held {
			if key.Bucket == bucket && o != nil {
				n++
			}
		}
	}
	return n
}

// merged waits until every key of a bucket shows, through the node that came back, what
// was acknowledged last by the others and what that node had on its disk. Through it:
// others ask it only when they need its answer.
func merged(t *testing.T, n *cluster.Node, kept disk, bucket, ours string) {
	t.Helper()
	for i := range forceKeys {
		key := storage.Key{Bucket: bucket, Key: forceKey(i)}
		var want []string
		if ours != "" {
			want = append(want, ours)
		}
		for _, o := range []*causal.Object{kept.objects[key], kept.hints[key]} {
			if o != nil {
				want = append(want, string(o.Siblings[0].Value))
			}
		}
		cluster.Eventually(t, drained, bucket+"/"+key.Key+" shows what both sides wrote", func() (bool, string) {
			got, err := values(t, n, bucket, key.Key)
			lacks := slices.ContainsFunc(want, func(v string) bool { return !slices.Contains(got, v) })
			return err == nil && !lacks, fmt.Sprintf("%q, want %q, %v", got, want, err)
		})
	}
}

// values reads a key with all its siblings.
func values(t *testing.T, n *cluster.Node, bucket, key string) ([]string, error) {
	t.Helper()
	status, body, err := send(t, http.MethodGet, n, bucket, key, nil)
	switch {
	case err != nil:
		return nil, err
	case status == http.StatusOK:
		return []string{string(body)}, nil
	case status == http.StatusNotFound:
		return nil, nil
	case status != http.StatusMultipleChoices:
		return nil, fmt.Errorf("%d %s", status, body)
	}
	return siblingsIn(body)
}

// siblingsIn are the values in the body of a read with several.
func siblingsIn(body []byte) (values []string, err error) {
	var many struct{ Siblings []struct{ Base64 []byte } }
	err = json.Unmarshal(body, &many)
	for _, s := range many.Siblings {
		values = append(values, string(s.Base64))
	}
	return values, err
}

// seeEachOther waits until nodes believe in each other.
func seeEachOther(t *testing.T, nodes []*cluster.Node) {
	t.Helper()
	for _, n := range nodes {
		cluster.Eventually(t, patience, n.Name+" sees the others", func() (bool, string) {
			s, err := n.Status(t.Context())
			away := slices.ContainsFunc(s.Members, func(m request.MemberStatus) bool {
				return m.Health != "up" && slices.ContainsFunc(nodes, func(n *cluster.Node) bool { return n.Name == m.Name })
			})
			return err == nil && !away, fmt.Sprint(s.Members, err)
		})
	}
}
