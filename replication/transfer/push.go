package transfer

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

// pushPartition gives what this node has of a partition that it does not hold to every
// node that takes writes there, and deletes it once each has said of every object that
// its disk holds it.
func (t *Transfer) pushPartition(j job) error {
	doc, e, err := t.entry(j)
	if err != nil {
		return err
	}
	owners := slices.Compact(slices.Sorted(slices.Values(slices.Concat(e.Serving, e.Second()))))
	var after storage.Key
	for more := true; more; {
		if doc, _, err = t.entry(j); err != nil {
			return err
		}
		if err := t.o.Budget.Wait(t.life); err != nil {
			return err
		}
		var page []storage.Record
		page, more, err = t.o.Store.RangePage(t.life, j.partition, after, pieceKeys, digestBytes)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		t.o.Budget.Pay(compareCost(stored(page)))
		after = page[len(page)-1].Key
		page = slices.DeleteFunc(page, func(r storage.Record) bool { return dropped(doc, r.Key.Bucket, r.Object) })
		if err := t.pushPage(j, doc, owners, page); err != nil {
			return err
		}
	}
	if err := t.o.Store.DropRange(t.life, j.partition, j.changed); err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.drops[j.partition] = j.changed
	t.total.Dropped++
	return nil
}

func (t *Transfer) hasDropped(p ring.Partition, changed uint64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.drops[p] == changed
}

// pushPage has every owner hold a page's objects, all owners at once.
func (t *Transfer) pushPage(j job, doc *ring.Document, owners []ring.NodeID, page []storage.Record) error {
	rows := make([]row, len(page))
	for i, r := range page {
		rows[i] = row{key: r.Key, digest: r.Object.Digest(doc.Secret, r.Key.Bucket, r.Key.Key)}
	}
	errs := make([]error, len(owners))
	var flying sync.WaitGroup
	for i, id := range owners {
		flying.Go(func() {
			if err := t.pushTo(j, id, rows, page); err != nil {
				errs[i] = fmt.Errorf("to %s: %w", id, err)
			}
		})
	}
	flying.Wait()
	return errors.Join(errs...)
}

// pushTo sends digests, and then what the other lacks.
func (t *Transfer) pushTo(j job, to ring.NodeID, rows []row, page []storage.Record) error {
	got, _, err := t.ask(to, ask{Kind: kindLack, Partition: j.partition}, rows)
	if err != nil {
		return err
	}
	for _, i := range got.Lacks {
		if i < 0 || i >= len(page) {
			return fmt.Errorf("%w: row %d of %d", errMessage, i, len(page))
		}
		if err := t.push(to, page[i]); err != nil {
			return err
		}
	}
	return nil
}

func (t *Transfer) push(to ring.NodeID, r storage.Record) error {
	if err := t.o.Budget.Wait(t.life); err != nil {
		return err
	}
	ctx, cancel := clock.WithTimeout(t.life, t.o.Clock, askWithin)
	defer cancel()
	if err := t.o.Cluster.Deliver(ctx, to, r.Key.Bucket, r.Key.Key, r.Object); err != nil {
		return err
	}
	n := size(row{key: r.Key, object: r.Object})
	t.o.Budget.Pay(n)
	t.bytesOut.Add(int64(n))
	t.pushed.Add(1)
	return nil
}

// errNotHere refuses what this node cannot answer for by its document.
var errNotHere = errors.New("this node does not hold the partition, or by a newer document only")

// Handle answers another node's Ask. The caller has seen to it that this node's document
// is not older than the asker's, whose version is given.
func (t *Transfer) Handle(ctx context.Context, document uint64, body []byte) ([]byte, error) {
	var head ask
	rows, err := decode(body, &head)
	if err != nil {
		return nil, err
	}
	if head.Kind == kindReport {
		report := t.Report
		if head.Glance {
			report = t.Glance
		}
		r, err := report(ctx)
		if err != nil {
			return nil, err
		}
		return encode(answer{Report: r}, nil)
	}
	if err := t.answers(head, document); err != nil {
		return nil, err
	}
	var got answer
	var back []row
	switch head.Kind {
	case kindPage:
		got, back, err = t.servePage(ctx, head)
	case kindFetch:
		back, err = t.serveFetch(ctx, head, rows)
	case kindLack:
		got.Lacks, err = t.serveLack(ctx, rows)
	default:
		err = fmt.Errorf("%w: kind %q", errMessage, head.Kind)
	}
	if err != nil {
		return nil, err
	}
	if err := t.answers(head, document); err != nil { // R3: it may have moved while this node read
		return nil, err
	}
	return encode(got, back)
}

// answers says why this node cannot answer an ask made by a document (R3).
func (t *Transfer) answers(head ask, document uint64) error {
	doc := t.o.Cluster.Document()
	if doc == nil || int(head.Partition) >= doc.Partitions {
		return errNotHere
	}
	e := doc.Entry(head.Partition)
	held := slices.Contains(e.Serving, t.self) || head.Kind == kindLack && e.Takes(t.self)
	if !held || e.Changed > document || doc.Version < document {
		return errNotHere
	}
	return nil
}

// servePage reads one piece.
func (t *Transfer) servePage(ctx context.Context, head ask) (answer, []row, error) {
	if err := t.o.Budget.Wait(ctx); err != nil {
		return answer{}, nil, err
	}
	most := pieceBytes
	if head.Digests {
		most = digestBytes
	}
	page, more, err := t.o.Store.RangePage(ctx, head.Partition, head.After.stored(), pieceKeys, most)
	if err != nil {
		return answer{}, nil, err
	}
	got := answer{More: more}
	if head.After.Bucket == "" {
		if got.Bytes, err = t.o.Store.RangeBytes(head.Partition); err != nil {
			return answer{}, nil, err
		}
	}
	secret := t.o.Cluster.Document().Secret
	rows := make([]row, len(page))
	for i, r := range page {
		rows[i] = row{key: r.Key, object: r.Object}
		if head.Digests {
			rows[i] = row{key: r.Key, digest: r.Object.Digest(secret, r.Key.Bucket, r.Key.Key)}
		}
	}
	if head.Digests {
		t.o.Budget.Pay(compareCost(stored(page)))
	} else {
		t.o.Budget.Pay(sizes(rows))
	}
	t.bytesOut.Add(int64(sizes(rows)))
	return got, rows, nil
}

// serveFetch reads the first of the wanted objects, as many as fit into a piece.
func (t *Transfer) serveFetch(ctx context.Context, _ ask, want []row) ([]row, error) {
	if err := t.o.Budget.Wait(ctx); err != nil {
		return nil, err
	}
	total := 0
	var rows []row
	for _, w := range want {
		o, err := t.o.Store.Read(ctx, w.key)
		if err != nil {
			return nil, err
		}
		r := row{key: w.key, object: o}
		if len(rows) > 0 && total+size(r) > pieceBytes {
			break
		}
		total += size(r)
		rows = append(rows, r)
	}
	t.o.Budget.Pay(total)
	t.bytesOut.Add(int64(total))
	return rows, nil
}

// serveLack tells which objects this node does not have as they are. Of the others it
// says so after a sync (R2).
func (t *Transfer) serveLack(ctx context.Context, rows []row) ([]int, error) {
	if err := t.o.Budget.Wait(ctx); err != nil {
		return nil, err
	}
	secret := t.o.Cluster.Document().Secret
	var lacks []int
	total := 0
	for i, r := range rows {
		var o *causal.Object
		o, err := t.o.Store.Read(ctx, r.key)
		if err != nil {
			return nil, err
		}
		total += size(row{key: r.key, object: o})
		if o.Digest(secret, r.key.Bucket, r.key.Key) != r.digest {
			lacks = append(lacks, i)
		}
	}
	t.o.Budget.Pay(compareCost(total))
	return lacks, t.o.Store.Barrier(ctx)
}

func sizes(rows []row) int {
	n := 0
	for _, r := range rows {
		n += size(r)
	}
	return n
}

// stored is about what records take.
func stored(page []storage.Record) int {
	n := 0
	for _, r := range page {
		n += size(row{key: r.Key, object: r.Object})
	}
	return n
}

// compareShare is the part of its bytes that an object costs which is read to be
// compared only: it is neither sent nor written, nor written again by compactions.
const compareShare = 1.0 / 8

// compareCost is what bytes cost that are read to be compared.
func compareCost(n int) int { return int(compareShare * float64(n)) }
