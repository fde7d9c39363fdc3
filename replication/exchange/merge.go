package exchange

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
	"github.com/hengedb/henge/storage/clock"
)

// merge walks the keys of both sides at once, and ships what differs.
type merge struct {
	x        *Exchange
	job      job
	doc      *ring.Document
	segments *segments

	pulls []storage.Key // that the other side has, or has otherwise
	push  []storage.Key // that it lacks
}

func (m *merge) run() error {
	ours := &cursor{fill: m.ours}
	theirs := &cursor{fill: m.theirs}
	for {
		a, err := ours.head()
		if err != nil {
			return err
		}
		b, err := theirs.head()
		if err != nil {
			return err
		}
		if a == nil && b == nil {
			break
		}
		var order int
		switch {
		case a == nil:
			order = 1
		case b == nil:
			order = -1
		default:
			order = a.key.Compare(b.key)
		}
		switch {
		case order < 0:
			m.push = append(m.push, a.key)
		case order > 0 || a.digest != b.digest:
			m.pulls = append(m.pulls, b.key)
		}
		if order <= 0 {
			ours.next()
		}
		if order >= 0 {
			theirs.next()
		}
		m.x.counts.keys.Add(1)
		if err := m.ship(pieceRows); err != nil {
			return err
		}
	}
	return m.ship(1)
}

func (m *merge) ours(after storage.Key) ([]row, bool, error) {
	if err := m.x.pace.Wait(m.x.life); err != nil {
		return nil, false, err
	}
	return m.x.rows(m.x.life, m.doc, m.job.partition, m.segments, after)
}

func (m *merge) theirs(after storage.Key) ([]row, bool, error) {
	raw, err := m.x.ask(m.job.node, &ask{kind: kindDigests, partition: m.job.partition, segments: *m.segments, after: after})
	if err != nil {
		return nil, false, err
	}
	rows, more, err := decodeRows(raw)
	if err != nil {
		return nil, false, err
	}
	for _, r := range rows {
		if !m.asked(r.key) {
			return nil, false, fmt.Errorf("%w: a key of another segment", errMessage)
		}
	}
	return rows, more, nil
}

// asked reports whether a key is in the segments that are compared.
func (m *merge) asked(k storage.Key) bool {
	pos := k.Position()
	return pos.Partition(m.doc.Partitions) == m.job.partition && m.segments.has(pos.Segment(m.doc.Partitions))
}

// ship fetches and sends what has come together, once that is so much.
func (m *merge) ship(atLeast int) error {
	if len(m.pulls) >= atLeast {
		if err := m.pull(); err != nil {
			return err
		}
	}
	if len(m.push) < atLeast {
		return nil
	}
	keys := m.push
	m.push = nil
	return m.deliver(len(keys), func(i int) (storage.Key, *causal.Object, error) {
		o, err := m.x.o.Store.Read(m.x.life, keys[i])
		return keys[i], o, err
	})
}

// pull fetches objects and joins them here. What the other has of them is then less
// than what is here, or the same: in the first case it is sent.
func (m *merge) pull() error {
	want := m.pulls
	m.pulls = nil
	for len(want) > 0 {
		raw, err := m.x.ask(m.job.node, &ask{kind: kindFetch, partition: m.job.partition, keys: want})
		if err != nil {
			return err
		}
		got, err := decodeObjects(raw)
		if err != nil {
			return err
		}
		if len(got) == 0 || len(got) > len(want) {
			return fmt.Errorf("%w: %d objects of %d", errMessage, len(got), len(want))
		}
		var keys []storage.Key
		var joined []*causal.Object
		for i, o := range got {
			whole, err := m.join(want[i], o)
			if err != nil {
				return err
			}
			if whole != nil {
				keys, joined = append(keys, want[i]), append(joined, whole)
			}
		}
		err = m.deliver(len(keys), func(i int) (storage.Key, *causal.Object, error) { return keys[i], joined[i], nil })
		if err != nil {
			return err
		}
		want = want[len(got):]
	}
	return nil
}

// join joins an object of the other side into this node's copy, and returns what is
// here then if the other side has less.
func (m *merge) join(k storage.Key, o *causal.Object) (more *causal.Object, err error) {
	if o == nil || !m.listed(k, o) {
		return nil, nil
	}
	c, err := m.x.o.Store.Write(m.x.life, k, storage.KindRepair, func(tx *storage.Tx) error {
		e := tx.Partition().Entry
		if e.Changed > m.doc.Version || !slices.Contains(e.Serving, m.x.self) {
			return errMoved
		}
		more = causal.Join(tx.Object(), o)
		tx.SetObject(more)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if c.Changed() {
		m.x.counts.pulled.Add(1)
	}
	secret := m.doc.Secret
	if more.Digest(secret, k.Bucket, k.Key) == o.Digest(secret, k.Bucket, k.Key) {
		return nil, nil
	}
	return more, nil
}

// listed reports whether an object is of a bucket that there is. What is not is
// removed where it lies, not shipped.
func (m *merge) listed(k storage.Key, o *causal.Object) bool {
	b, ok := m.doc.Bucket(k.Bucket)
	return ok && b.Generation == o.Generation
}

// deliver sends n objects to the other side, a few at once, and returns when it holds
// them on disk. One that it refuses keeps nothing from the others.
func (m *merge) deliver(n int, object func(i int) (storage.Key, *causal.Object, error)) error {
	var mu sync.Mutex
	var failed []error
	slots := make(chan struct{}, inFlight)
	var flying sync.WaitGroup
	defer flying.Wait()
	for i := range n {
		if err := m.x.pace.Wait(m.x.life); err != nil {
			return err
		}
		k, o, err := object(i)
		if err != nil {
			return err
		}
		if o == nil || !m.listed(k, o) {
			continue
		}
		select {
		case slots <- struct{}{}:
		case <-m.x.life.Done():
			return context.Cause(m.x.life)
		}
		flying.Go(func() {
			defer func() { <-slots }()
			if err := m.send(k, o); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed = append(failed, err)
			}
		})
		mu.Lock()
		enough := len(failed) >= inFlight // it is away, or refuses everything
		mu.Unlock()
		if enough {
			break
		}
	}
	flying.Wait()
	if len(failed) > 0 {
		return fmt.Errorf("%d objects not delivered: %w", len(failed), errors.Join(failed[0]))
	}
	return nil
}

func (m *merge) send(k storage.Key, o *causal.Object) error {
	ctx, cancel := clock.WithTimeout(m.x.life, m.x.o.Clock, askWithin)
	defer cancel()
	size := sizeOf(o) + len(k.Bucket) + len(k.Key)
	m.x.counts.messages.Add(1)
	m.x.counts.bytesOut.Add(int64(size))
	m.x.pace.Pay(size)
	if err := m.x.o.Cluster.Deliver(ctx, m.job.node, k.Bucket, k.Key, o); err != nil {
		return err
	}
	m.x.counts.pushed.Add(1)
	return nil
}

// sizeOf is about what an object takes in a message.
func sizeOf(o *causal.Object) int {
	if o == nil {
		return 0
	}
	n := 64
	for i := range o.Siblings {
		n += 64 + len(o.Siblings[i].Value)
	}
	return n
}
