package henge_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/hengedb/henge"
)

// One node that listens on nothing.
func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "henge")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()

	node, err := henge.Open(ctx, dir, henge.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = node.Close() }()
	if err := node.Ready(ctx); err != nil {
		log.Fatal(err)
	}

	carts := node.Bucket("carts")
	if _, err := carts.Put(ctx, "alice", []byte("two apples"), henge.WriteOptions{Timeout: 20 * time.Second}); err != nil {
		log.Fatal(err)
	}
	value, err := carts.Get(ctx, "alice", henge.ReadOptions{})
	if err != nil {
		log.Fatal(err)
	}
	cart, _ := value.Bytes()
	fmt.Printf("%s\n", cart)
	// Output: two apples
}

// Three nodes in one process. One is closed; reads and writes go on.
func Example_cluster() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	nodes, stop, err := threeNodes(ctx)
	if err != nil {
		log.Fatal(err)
	}
	defer stop()

	carts := nodes[0].Bucket("carts")
	patient := henge.WriteOptions{Timeout: 20 * time.Second} // three nodes and more on one machine
	if _, err := carts.Put(ctx, "alice", []byte("two apples"), patient); err != nil {
		log.Fatal(err)
	}
	if err := nodes[2].Close(); err != nil {
		log.Fatal(err)
	}
	receipt, err := carts.Put(ctx, "alice", []byte("two apples, a pear"), patient)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d of %d replicas hold it\n", receipt.Acks, receipt.Replicas)
	value, err := nodes[1].Bucket("carts").Get(ctx, "alice", henge.ReadOptions{Timeout: patient.Timeout})
	if err != nil {
		log.Fatal(err)
	}
	cart, _ := value.Bytes()
	fmt.Printf("%s\n", cart)
	// Output:
	// 2 of 3 replicas hold it
	// two apples, a pear
}

// Two shoppers add to one cart without having seen each other. Update merges what
// both wrote.
func ExampleBucket_Update() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "henge")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	node, err := henge.Open(ctx, dir, henge.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = node.Close() }()
	if err := node.Ready(ctx); err != nil {
		log.Fatal(err)
	}
	carts := node.Bucket("carts")

	first, err := carts.Put(ctx, "bob", []byte("milk"), henge.WriteOptions{Timeout: 20 * time.Second})
	if err != nil {
		log.Fatal(err)
	}
	for _, cart := range []string{"milk,bread", "milk,honey"} {
		if _, err := carts.Put(ctx, "bob", []byte(cart), henge.WriteOptions{Context: first.Context}); err != nil {
			log.Fatal(err)
		}
	}

	union := func(siblings []henge.Sibling) ([]byte, error) {
		var items []string
		for _, s := range siblings {
			items = append(items, strings.Split(string(s.Data), ",")...)
		}
		slices.Sort(items)
		return []byte(strings.Join(slices.Compact(items), ",")), nil
	}
	if _, err := carts.Update(ctx, "bob", union); err != nil {
		log.Fatal(err)
	}
	value, err := carts.Get(ctx, "bob", henge.ReadOptions{})
	if err != nil {
		log.Fatal(err)
	}
	cart, _ := value.Bytes()
	fmt.Printf("%d value: %s\n", len(value.Siblings), cart)
	// Output: 1 value: bread,honey,milk
}

// threeNodes opens a cluster on free loopback ports and waits until it serves.
func threeNodes(ctx context.Context) (nodes []*henge.Node, stop func(), err error) {
	dir, err := os.MkdirTemp("", "henge")
	if err != nil {
		return nil, nil, err
	}
	stop = func() {
		for _, node := range nodes {
			_ = node.Close() // one may be closed already
		}
		_ = os.RemoveAll(dir)
	}
	for i := range 3 {
		o := henge.Options{Name: fmt.Sprintf("n%d", i+1), RPC: "127.0.0.1:0", Gossip: "127.0.0.1:0", LocalGossip: true}
		if i == 0 {
			o.Init, o.Expect = true, 3
		} else {
			o.Join = []string{nodes[0].Addrs().Gossip}
		}
		node, err := henge.Open(ctx, fmt.Sprintf("%s/%d", dir, i), o)
		if err != nil {
			stop()
			return nil, nil, err
		}
		nodes = append(nodes, node)
	}
	for _, node := range nodes {
		if err := node.Ready(ctx); err != nil {
			stop()
			return nil, nil, err
		}
	}
	return nodes, stop, nil
}
