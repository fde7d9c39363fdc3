package exchange

import (
	"context"
	"errors"
	"fmt"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/clock"
)

// errMoved says that the layout changed under an exchange.
var errMoved = errors.New("the partition's entry has changed")

// exchange makes this node's copy and another's equal, as far as nobody writes
// meanwhile.
func (x *Exchange) exchange(j job) error {
	doc := x.o.Cluster.Document()
	if doc == nil || !x.shares(doc, j.pair) {
		return nil // it is nobody's debt any more
	}
	differ := j.segments
	if differ == nil {
		var err error
		if differ, err = x.differing(j); err != nil || differ == nil {
			return err
		}
	} else {
		x.counts.exchanges.Add(1)
	}
	x.counts.segments.Add(int64(differ.len()))
	m := &merge{x: x, job: j, doc: doc, segments: differ}
	return m.run()
}

// differing are the segments whose leaves are not equal; nil when there is none, or a
// tree is not known.
func (x *Exchange) differing(j job) (*segments, error) {
	root, known := x.o.Store.TreeRoot(j.partition)
	if !known {
		x.counts.unknown.Add(1)
		return nil, nil
	}
	x.counts.exchanges.Add(1)
	raw, err := x.ask(j.node, &ask{kind: kindRoot, partition: j.partition, root: root})
	if err != nil {
		return nil, err
	}
	verdict, theirs, err := decodeRoot(raw)
	switch {
	case err != nil:
		return nil, err
	case verdict == verdictEqual:
		x.counts.equal.Add(1)
		return nil, nil
	case verdict == verdictUnknown:
		x.counts.unknown.Add(1)
		return nil, nil
	}
	ours, known := x.o.Store.TreeLeaves(j.partition)
	if !known {
		x.counts.unknown.Add(1)
		return nil, nil
	}
	var differ segments
	for i := range ours {
		if ours[i] != theirs[i] {
			differ.add(ring.Segment(i)) //nolint:gosec // at most 1,023
		}
	}
	if differ == (segments{}) {
		return nil, nil // a write was on its way
	}
	return &differ, nil
}

// ask asks another node, and counts what goes back and forth.
func (x *Exchange) ask(to ring.NodeID, a *ask) ([]byte, error) {
	if err := x.pace.Wait(x.life); err != nil {
		return nil, err
	}
	ctx, cancel := clock.WithTimeout(x.life, x.o.Clock, askWithin)
	defer cancel()
	body := a.encode()
	x.counts.messages.Add(1)
	x.counts.bytesOut.Add(int64(len(body)))
	raw, err := x.o.Cluster.Ask(ctx, to, a.partition, body)
	if err != nil {
		return nil, err
	}
	x.counts.bytesIn.Add(int64(len(raw)))
	x.pace.Pay(len(body) + len(raw))
	return raw, nil
}

// rows reads keys and digests of some segments after a key, as many as a piece takes.
func (x *Exchange) rows(ctx context.Context, doc *ring.Document, p ring.Partition, in *segments, after storage.Key) (rows []row, more bool, err error) {
	first := 0
	if after != (storage.Key{}) {
		first = int(after.Position().Segment(doc.Partitions))
	}
	read := 0
	for i := first; i < ring.SegmentsPerPartition; i++ {
		segment := ring.Segment(i) //nolint:gosec // at most 1,023
		if !in.has(segment) {
			continue
		}
		if len(rows) >= pieceRows || read >= readBytes {
			more = true // or nothing is in those that are left, which the next piece says
			break
		}
		from := storage.Key{}
		if i == first {
			from = after
		}
		page, rest, err := x.o.Store.SegmentPage(ctx, p, segment, from, pieceRows-len(rows), readBytes-read)
		if err != nil {
			return nil, false, err
		}
		for _, r := range page {
			read += sizeOf(r.Object)
			rows = append(rows, row{r.Key, r.Object.Digest(doc.Secret, r.Key.Bucket, r.Key.Key)})
		}
		if rest {
			more = true
			break
		}
	}
	x.pace.Pay(read)
	return rows, more, nil
}

// cursor walks the rows of one side, piece by piece.
type cursor struct {
	rows  []row
	after storage.Key
	done  bool
	fill  func(after storage.Key) (rows []row, more bool, err error)
}

// head is the next row; nil when there is none.
func (c *cursor) head() (*row, error) {
	for len(c.rows) == 0 {
		if c.done {
			return nil, nil
		}
		rows, more, err := c.fill(c.after)
		if err != nil {
			return nil, err
		}
		if more && len(rows) == 0 {
			return nil, fmt.Errorf("%w: more after nothing", errMessage)
		}
		before := c.after
		for _, r := range rows { // a peer that goes back would have us go on for ever
			if before != (storage.Key{}) && before.Compare(r.key) >= 0 {
				return nil, fmt.Errorf("%w: keys out of order", errMessage)
			}
			before = r.key
		}
		c.rows, c.after, c.done = rows, before, !more
	}
	return &c.rows[0], nil
}

func (c *cursor) next() { c.rows = c.rows[1:] }
