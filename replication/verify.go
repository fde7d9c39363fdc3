package replication

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/replication/transfer"
	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
	"github.com/hengedb/henge/storage/clock"
)

// The bounds of one call of Verify: it comes back with a place to go on from.
const (
	verifyKeys = 1 << 14
	verifyFor  = 2 * time.Second
	verifyBad  = 256 // keys that differ
)

// A write that is under way differs between replicas for a moment: a key is looked at so
// often before it counts.
const (
	verifyLooks = 4
	verifyPause = 50 * time.Millisecond
)

// Verify compares what all nodes that serve a partition hold, key by key, from one place
// on: not their hash trees, what is on their disks. It fails with request.ErrBadValue for
// a partition or place that is none, and with request.ErrNotReady when the layout moved
// under it or fewer than two replicas answer.
func (c *Coordinator) Verify(ctx context.Context, o request.VerifyOptions) (request.Verification, error) {
	release, err := c.admit(ctx)
	if err != nil {
		return request.Verification{}, err
	}
	defer release()
	v := &verifying{c: c, o: o, doc: c.agent.Document(), found: request.Verification{Partition: o.Partition}}
	if int(o.Partition) >= v.doc.Partitions {
		return v.found, fmt.Errorf("%w: partition %d; there are %d, from 0", request.ErrBadValue, o.Partition, v.doc.Partitions)
	}
	after, err := placeFrom(o.After)
	if err != nil {
		return v.found, err
	}
	began := c.clock.Now()
	v.until = began.Add(verifyFor)
	v.before = after
	v.open(ctx, after)
	if v.found.Replicas = len(v.replicas); v.found.Replicas < 2 && len(v.doc.Primaries(o.Partition)) > 1 {
		return v.found, fmt.Errorf("%w: %d replicas of partition %d answer, and two are compared at least; away: %q",
			request.ErrNotReady, v.found.Replicas, o.Partition, v.found.Away)
	}
	err = v.run(ctx)
	v.found.Took = c.clock.Now().Sub(began)
	return v.found, err
}

// verifying is one call of Verify.
type verifying struct {
	c        *Coordinator
	o        request.VerifyOptions
	doc      *ring.Document
	until    time.Time
	replicas []*cursor
	before   storage.Key // the key before the one that is looked at
	found    request.Verification
}

// cursor is how far one replica's keys are read.
type cursor struct {
	node ring.NodeID
	page []transfer.KeyDigest
	last storage.Key // read
	more bool
}

// open reads the first page of every replica that answers.
func (v *verifying) open(ctx context.Context, after storage.Key) {
	for _, id := range v.doc.Primaries(v.o.Partition) {
		at := &cursor{node: id, last: after, more: true}
		if !v.c.health.Up(id) || v.fill(ctx, at) != nil {
			v.found.Away = append(v.found.Away, nameOf(v.doc, id))
			continue
		}
		v.replicas = append(v.replicas, at)
	}
}

// fill sees to it that a cursor has its next key, if there is one.
func (v *verifying) fill(ctx context.Context, at *cursor) (err error) {
	if len(at.page) > 0 || !at.more {
		return nil
	}
	at.page, at.more, err = v.c.transfer.Digests(ctx, at.node, v.o.Partition, at.last)
	if n := len(at.page); n > 0 {
		at.last = at.page[n-1].Key
	}
	return err
}

// run goes through the keys of all replicas in ring order.
func (v *verifying) run(ctx context.Context) error {
	for seen := 0; ; seen++ {
		key, left := storage.Key{}, false
		for _, at := range v.replicas {
			if err := v.fill(ctx, at); err != nil {
				return fmt.Errorf("%w: %s: %w", request.ErrNotReady, nameOf(v.doc, at.node), err)
			}
			if len(at.page) > 0 && (!left || at.page[0].Key.Compare(key) < 0) {
				key, left = at.page[0].Key, true
			}
		}
		if !left {
			return nil
		}
		same := v.take(key)
		if b, listed := v.doc.Bucket(key.Bucket); listed && (v.o.Bucket == "" || v.o.Bucket == b.Name) {
			v.found.Keys++
			if !same {
				if err := v.settle(ctx, key); err != nil {
					return err
				}
			}
		}
		v.before = key
		if seen+1 >= verifyKeys || len(v.found.Differing) >= verifyBad || v.c.clock.Now().After(v.until) {
			v.found.Next = placeText(key)
			return nil
		}
	}
}

// take moves every cursor beyond a key, and reports whether all replicas have the same.
func (v *verifying) take(key storage.Key) bool {
	var first causal.Digest
	same := true
	for i, at := range v.replicas {
		var digest causal.Digest
		if len(at.page) > 0 && at.page[0].Key == key {
			digest, at.page = at.page[0].Digest, at.page[1:]
		}
		if i == 0 {
			first = digest
		}
		same = same && digest == first
	}
	return same
}

// settle looks again at a key that differed, and repairs it if that is asked for.
func (v *verifying) settle(ctx context.Context, key storage.Key) error {
	var digests map[string]string
	for look := range verifyLooks {
		if look > 0 {
			if err := clock.Sleep(ctx, v.c.clock, verifyPause); err != nil {
				return err
			}
		}
		found, same := v.look(ctx, key)
		if digests = found; same {
			if look > 1 && v.o.Repair {
				v.found.Repaired++
			}
			return nil
		}
		if look > 0 && v.o.Repair { // a read of all replicas has them join what it found
			_, _ = v.c.Get(ctx, key.Bucket, key.Key, request.ReadOptions{R: request.All}) // the next look tells
		}
	}
	v.found.Differing = append(v.found.Differing, request.DifferingKey{Bucket: key.Bucket, Key: key.Key, Digests: digests})
	return nil
}

// look asks the compared replicas what they hold of a key now.
func (v *verifying) look(ctx context.Context, key storage.Key) (digests map[string]string, same bool) {
	digests, same = make(map[string]string, len(v.replicas)), true
	var first causal.Digest
	for i, at := range v.replicas {
		page, _, err := v.c.transfer.Digests(ctx, at.node, v.o.Partition, v.before)
		var digest causal.Digest
		text := ""
		if k := slices.IndexFunc(page, func(d transfer.KeyDigest) bool { return d.Key == key }); k >= 0 {
			digest = page[k].Digest
			text = fmt.Sprintf("%x", digest[:8])
		}
		if err != nil {
			text = "no answer: " + err.Error()
		}
		if i == 0 {
			first = digest
		}
		same = same && err == nil && digest == first
		digests[nameOf(v.doc, at.node)] = text
	}
	return digests, same
}

// placeText is a place that a client brings back.
func placeText(k storage.Key) string {
	raw, err := json.Marshal([2][]byte{[]byte(k.Bucket), []byte(k.Key)})
	if err != nil {
		return "" // two byte strings always have JSON
	}
	return base64.RawURLEncoding.EncodeToString(raw)
}

func placeFrom(text string) (storage.Key, error) {
	if text == "" {
		return storage.Key{}, nil
	}
	var parts [2][]byte
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(raw, &parts)
	}
	if err != nil || len(parts[0]) == 0 || len(parts[1]) == 0 || len(parts[0]) > 255 || len(parts[1]) > 1024 {
		return storage.Key{}, fmt.Errorf("%w: %.40q is no place to go on from", request.ErrBadValue, text)
	}
	return storage.Key{Bucket: string(parts[0]), Key: string(parts[1])}, nil
}
