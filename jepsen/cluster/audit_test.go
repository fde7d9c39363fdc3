//go:build unix

package cluster_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hengedb/henge/jepsen/checker"
	"github.com/hengedb/henge/jepsen/cluster"
	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
)

// disk is what the store of a node that does not run holds.
type disk struct {
	node     string
	id       ring.NodeID
	document *ring.Document
	objects  map[storage.Key]*causal.Object
	hints    map[storage.Key]*causal.Object // nil for what the node holds itself
}

// readDisk opens the store of a node that does not run.
func readDisk(t *testing.T, n *cluster.Node) disk {
	t.Helper()
	store, err := storage.Open(n.Data, storage.Options{})
	if err != nil {
		t.Fatalf("the store of %s: %v", n.Name, err)
	}
	defer store.Close() //nolint:errcheck // only read
	d := disk{node: n.Name, id: store.NodeID(), objects: make(map[storage.Key]*causal.Object), hints: make(map[storage.Key]*causal.Object)}
	raw, err := store.Document()
	if err != nil {
		t.Fatal(err)
	}
	if d.document, err = ring.Decode(raw); err != nil {
		t.Fatalf("the document of %s: %v", n.Name, err)
	}
	for record, err := range store.Scan(t.Context(), storage.ScanFrom{}, ^ring.Position(0)) {
		if err != nil {
			t.Fatalf("the objects of %s: %v", n.Name, err)
		}
		d.objects[record.Key] = record.Object
	}
	for record, err := range store.Hints(t.Context(), nil) {
		if err != nil {
			t.Fatalf("the hints of %s: %v", n.Name, err)
		}
		d.hints[record.Key] = record.Hint.Object
	}
	return d
}

// state stands for all that a replica knows of a key.
func state(o *causal.Object) string {
	if o == nil {
		return ""
	}
	hash := sha256.Sum256(o.Append(nil))
	return hex.EncodeToString(hash[:8])
}

// foreign counts the objects of partitions that the node does not serve.
func (d disk) foreign() (n int) {
	for key := range d.objects {
		p := key.Position().Partition(d.document.Partitions)
		if !slices.Contains(d.document.Entry(p).Serving, d.id) {
			n++
		}
	}
	return n
}

// audit waits until nobody owes a hint, stops all nodes, and reads what their disks
// hold: nothing of a partition that the node does not serve, no hint, and every key
// alike on each of its replicas. Then it starts them again. Nobody may write meanwhile.
func audit(t *testing.T, after string, nodes ...*cluster.Node) {
	t.Helper()
	cluster.Eventually(t, drained, "no hint is owed after "+after, func() (bool, string) {
		n := owes(t, nodes)
		return n == 0, fmt.Sprint(n)
	})
	begun := time.Now()
	together(nodes, func(n *cluster.Node) {
		if err := n.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	})
	disks := make([]disk, len(nodes))
	for i, n := range nodes {
		disks[i] = readDisk(t, n)
	}
	compare(t, after, disks)
	caller.CloseIdleConnections()
	together(nodes, func(n *cluster.Node) {
		if err := n.Start(t.Context()); err != nil {
			t.Error(err)
		}
	})
	seeEachOther(t, nodes)
	t.Logf("the audit after %s took %s", after, time.Since(begun).Round(time.Millisecond))
}

// together calls f for each node at once, and waits.
func together(nodes []*cluster.Node, f func(*cluster.Node)) {
	var wg sync.WaitGroup
	for _, n := range nodes {
		wg.Go(func() { f(n) })
	}
	wg.Wait()
}

// compare judges the disks of all members.
func compare(t *testing.T, after string, disks []disk) {
	t.Helper()
	document := disks[0].document
	byID := make(map[ring.NodeID]disk)
	var debts []checker.Debt
	union := make(map[storage.Key]bool)
	for _, d := range disks {
		byID[d.id] = d
		debts = append(debts, checker.Debt{Node: d.node, Hints: int64(len(d.hints))})
		for key := range d.objects {
			union[key] = true
		}
		if d.document.Name() != document.Name() {
			t.Errorf("after %s %s holds document %s, %s holds %s", after, d.node, d.document.Name(), disks[0].node, document.Name())
		}
		left := d.foreign()
		t.Logf("after %s %s holds %d objects, %d of partitions that it does not serve, %d hints", after, d.node, len(d.objects), left, len(d.hints))
		if left > 0 {
			t.Errorf("after %s %d objects are left over on %s", after, left, d.node)
		}
	}
	var dumps []checker.Dump
	for key := range union {
		for _, id := range document.Entry(key.Position().Partition(document.Partitions)).Serving {
			d, there := byID[id]
			if !there {
				t.Fatalf("after %s node %s serves and is no member", after, id)
			}
			dumps = append(dumps, checker.Dump{Bucket: key.Bucket, Key: key.Key, Node: d.node, State: state(d.objects[key])})
		}
	}
	r := checker.Converged(dumps, debts)
	t.Logf("after %s %d keys on %d members, %d replicas in all: %d keys differ between replicas", after, len(union), len(disks), len(dumps), len(r.Anomalies))
	if r.Valid != checker.Valid {
		t.Errorf("after %s %s", after, r)
	}
}

// empty fails the test unless a node that went has nothing left.
func empty(t *testing.T, n *cluster.Node) {
	t.Helper()
	d := readDisk(t, n)
	objects, hints := len(d.objects), len(d.hints)
	t.Logf("%s left with %d objects and %d hints", n.Name, objects, hints)
	if objects+hints > 0 {
		t.Errorf("%s left with %d objects and %d hints, want none", n.Name, objects, hints)
	}
}
