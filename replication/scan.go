package replication

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/replication/rpc"
	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
)

// Scan lists a bucket's keys in ring order: partition after partition, each from as
// many primaries as a read asks, joined. It reads every key of every bucket on its
// way, and is for listings and exports, not for lookups. Keys written meanwhile may
// be missed or shown; none is shown twice. The sequence ends early with an error
// when it cannot be complete; the last entry's cursor resumes it.
func (c *Coordinator) Scan(ctx context.Context, bucket string, o request.ScanOptions) iter.Seq2[request.Entry, error] {
	return func(yield func(request.Entry, error) bool) {
		leave, err := c.seat()
		if err != nil {
			yield(request.Entry{}, err)
			return
		}
		defer leave()
		s, err := c.newScan(bucket, o)
		if err != nil {
			yield(request.Entry{}, err)
			return
		}
		for s.left != 0 && s.more() {
			page, err := s.page(ctx)
			if err != nil {
				yield(request.Entry{}, err)
				return
			}
			if !s.emit(page, yield) {
				return
			}
		}
	}
}

// scan is a listing on its way round the ring.
type scan struct {
	c         *Coordinator
	doc       *ring.Document
	bucket    ring.Bucket
	options   request.ScanOptions
	knobs     knobs
	partition ring.Partition
	from      scanPlace
	left      int // keys until the limit; negative: none
}

// scanPlace is a place in ring order: behind a key, or at the start of a partition.
type scanPlace struct {
	Position ring.Position `json:"position"`
	Bucket   string        `json:"bucket,omitempty"`
	Key      []byte        `json:"key,omitempty"` // empty: at the position itself
}

func (p scanPlace) compare(q scanPlace) int {
	if p.Position != q.Position {
		if p.Position < q.Position {
			return -1
		}
		return 1
	}
	if order := strings.Compare(p.Bucket, q.Bucket); order != 0 {
		return order
	}
	return slices.Compare(p.Key, q.Key)
}

func (c *Coordinator) newScan(bucket string, o request.ScanOptions) (*scan, error) {
	if err := request.CheckBucket(bucket); err != nil {
		return nil, err
	}
	if o.Limit < 0 {
		return nil, fmt.Errorf("%w: limit %d; want 0 or more", request.ErrBadKnob, o.Limit)
	}
	doc := c.agent.Document()
	b, ok := doc.Bucket(bucket)
	if !ok {
		return nil, fmt.Errorf("%w: %q", request.ErrNoBucket, bucket)
	}
	s := &scan{c: c, doc: doc, bucket: b, options: o, left: o.Limit}
	if o.Limit == 0 {
		s.left = -1
	}
	var err error
	s.knobs, err = resolveRead(b, doc.Settings, len(doc.Primaries(0)), request.ReadOptions{Strict: o.Strict, Timeout: o.Timeout})
	if err != nil {
		return nil, err
	}
	if o.Cursor != "" {
		key, err := base64.RawURLEncoding.DecodeString(o.Cursor)
		if err != nil || len(key) == 0 || len(key) > request.MaxKey {
			return nil, fmt.Errorf("%w: cursor %q is none of ours", request.ErrBadKnob, o.Cursor)
		}
		position := ring.PositionOf(bucket, string(key))
		s.from = scanPlace{Position: position, Bucket: bucket, Key: key}
		s.partition = position.Partition(doc.Partitions)
	}
	return s, nil
}

func (s *scan) more() bool { return int(s.partition) < s.doc.Partitions }

// page reads one page of the present partition from R primaries and moves on. Close
// waits for a page, not for what the caller does between two of them.
func (s *scan) page(ctx context.Context) ([]scanRow, error) {
	done, err := s.c.work(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	ctx, cancel := s.c.within(ctx, s.knobs.timeout)
	defer cancel()
	_, last := s.partition.Range(s.doc.Partitions)
	wanted := scanRequest{
		Bucket: s.bucket.Name, Generation: s.bucket.Generation, Prefix: []byte(s.options.Prefix),
		From: s.from, Last: last, Values: s.options.Values,
	}
	pages, err := s.gatherAnew(ctx, wanted)
	if err != nil {
		return nil, err
	}
	rows, end := mergePages(pages)
	if end == nil {
		s.partition++
		s.from = scanPlace{Position: last + 1}
		return rows, nil
	}
	s.from = *end
	return rows, nil
}

// gatherAnew gathers, and anew where the layout moved under it, or this node turned out to
// be fenced.
func (s *scan) gatherAnew(ctx context.Context, wanted scanRequest) ([]scanPage, error) {
	for attempt := 0; ; attempt++ {
		was := s.c.fenced(s.partition)
		pages, err := s.gather(ctx, wanted, attempt < maxStale)
		if err != nil && !was && s.c.fenced(s.partition) && attempt < maxStale {
			continue
		}
		if !errors.Is(err, errStale) || attempt == maxStale {
			return pages, err
		}
		s.doc = s.c.agent.Document()
		if _, err := bucketOf(s.doc, s.bucket.Name, s.bucket.Generation); err != nil {
			return nil, err
		}
	}
}

// gather reads the page from the nearest primaries until R have answered.
func (s *scan) gather(ctx context.Context, wanted scanRequest, again bool) ([]scanPage, error) {
	place := s.c.place(s.doc, wanted.Last)
	r := &round{
		c: s.c, ctx: ctx, method: methodScan, class: rpc.Bulk, cap: s.knobs.timeout / 3,
		tally: tally{serving: quorum{need: s.knobs.need, want: s.knobs.need}}, place: &place, until: s.c.clock.Now().Add(s.knobs.timeout), patient: true,
	}
	for _, id := range place.up {
		if id != s.c.self {
			r.spares = append(r.spares, id)
		}
	}
	r.reserve = s.c.reserve(&place, true, nil)
	body, err := pack(wanted, nil)
	if err != nil {
		return nil, err
	}
	body = s.c.stamp(body, place.partition)
	var pages []scanPage
	r.body = func(*ask) []byte { return body }
	r.accept = func(_ *ask, body []byte) error {
		var page scanPage
		body, err := s.c.answered(ctx, body)
		if err == nil {
			page, err = decodePage(body, wanted)
		}
		if err == nil {
			pages = append(pages, page)
		}
		return err
	}
	r.start()
	if place.holds {
		own := r.own()
		page, err := s.c.scanOwn(ctx, wanted)
		if s.c.moved(s.doc, place.partition) {
			return nil, errStale
		}
		r.tally.answered(own.in, false)
		if own.state = askFailed; err == nil {
			own.state = askOK
			r.tally.counts(own.in)
			pages = append(pages, page)
		}
	}
	r.fill()
	err = s.c.await(ctx, r, s.doc, again)
	if errors.Is(err, errStale) {
		return nil, err
	}
	if err == nil && r.ownCounts() && s.c.fenced(place.partition) {
		err = refusal(storage.ErrFenced)
	}
	if err != nil {
		return nil, s.c.quorumError("scan", keyName{bucket: s.bucket.Name}, r, r.results(s.doc, place.down), request.None, err)
	}
	return pages, nil
}

// emit hands out the keys of a page that show a value.
func (s *scan) emit(rows []scanRow, yield func(request.Entry, error) bool) bool {
	for _, row := range rows {
		if s.left == 0 {
			return true
		}
		key := keyName{s.bucket.Name, string(row.key)}
		value := s.c.value(s.doc, s.bucket, key, row.object)
		if len(value.Siblings) == 0 {
			continue
		}
		s.left--
		entry := request.Entry{Key: key.key, Value: value, Cursor: base64.RawURLEncoding.EncodeToString(row.key)}
		if !yield(entry, nil) {
			return false
		}
	}
	return true
}

// mergePages joins what several replicas hold of one stretch of the ring. A page
// that was cut short bounds the stretch: behind it, the others know no better.
func mergePages(pages []scanPage) (rows []scanRow, end *scanPlace) {
	for i := range pages {
		if p := pages[i].End; p != nil && (end == nil || p.compare(*end) < 0) {
			end = p
		}
	}
	for _, page := range pages {
		for _, row := range page.rows {
			if end == nil || row.place.compare(*end) <= 0 {
				rows = append(rows, row)
			}
		}
	}
	slices.SortStableFunc(rows, func(a, b scanRow) int { return a.place.compare(b.place) })
	merged := rows[:0]
	for _, row := range rows {
		if n := len(merged); n > 0 && merged[n-1].place.compare(row.place) == 0 {
			merged[n-1].object = causal.Join(merged[n-1].object, row.object)
			continue
		}
		merged = append(merged, row)
	}
	return merged, end
}
