package exchange

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
)

func sampleAsks() map[string]*ask {
	digests := &ask{kind: kindDigests, partition: 300, after: key(7)}
	for _, i := range []ring.Segment{0, 9, 1023} {
		digests.segments.add(i)
	}
	return map[string]*ask{
		"a root":                       {kind: kindRoot, partition: 3, root: 0xfeedfacecafebeef},
		"digests from a key on":        digests,
		"digests from the start":       {kind: kindDigests, segments: digests.segments},
		"objects":                      {kind: kindFetch, partition: 1 << 15, keys: []storage.Key{key(1), {Bucket: "b", Key: "\x00\xff"}}},
		"no object":                    {kind: kindFetch, partition: 1},
		"an ask for the last position": {kind: kindRoot, partition: 1 << 31},
	}
}

func TestAsksAreReadAsTheyWereWritten(t *testing.T) {
	for name, a := range sampleAsks() {
		t.Run(name, func(t *testing.T) {
			b := a.encode()
			got, err := decodeAsk(b)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(a, got, cmp.AllowUnexported(ask{})); diff != "" {
				t.Error(diff)
			}
			for i := range b {
				if short, err := decodeAsk(b[:i]); err == nil && bytes.Equal(short.encode(), b) {
					t.Errorf("%d of %d bytes are the whole ask", i, len(b))
				}
			}
		})
	}
}

func TestAnswersAreReadAsTheyWereWritten(t *testing.T) {
	leaves := make([]uint64, ring.SegmentsPerPartition)
	for i := range leaves {
		leaves[i] = rand.Uint64()
	}
	v, got, err := decodeRoot(encodeRoot(verdictDiffer, leaves))
	if diff := cmp.Diff(leaves, got); err != nil || v != verdictDiffer || diff != "" {
		t.Errorf("leaves: %v %v %s", v, err, diff)
	}
	rows := []row{{key(1), causal.Digest{1}}, {key(2), causal.Digest{2}}}
	back, more, err := decodeRows(encodeRows(rows, true))
	if diff := cmp.Diff(rows, back, cmp.AllowUnexported(row{})); err != nil || !more || diff != "" {
		t.Errorf("rows: %v %v %s", more, err, diff)
	}
	objects := []*causal.Object{object(write(1, 1, 5, "v")), nil, object(write(2, 1, 5, ""))}
	read, err := decodeObjects(encodeObjects(objects))
	if err != nil || len(read) != 3 || read[1] != nil {
		t.Fatalf("objects: %v, %v", read, err)
	}
	for i, o := range objects {
		if o.Digest(nil, "b", "k") != read[i].Digest(nil, "b", "k") {
			t.Errorf("object %d is %+v, was %+v", i, read[i], o)
		}
	}
	if _, err := decodeObjects(encodeObjects([]*causal.Object{objects[0].Strip()})); !errors.Is(err, errMessage) {
		t.Errorf("an object without its values: %v", err)
	}
}

func TestMoreThanAPieceIsRefused(t *testing.T) {
	many := &ask{kind: kindFetch}
	var rows []row
	var objects []*causal.Object
	for i := range pieceRows + 1 {
		many.keys, rows, objects = append(many.keys, key(i)), append(rows, row{key: key(i)}), append(objects, nil)
	}
	_, asked := decodeAsk(many.encode())
	_, _, listed := decodeRows(encodeRows(rows, false))
	_, sent := decodeObjects(encodeObjects(objects))
	if !errors.Is(asked, errMessage) || !errors.Is(listed, errMessage) || !errors.Is(sent, errMessage) {
		t.Errorf("%d rows: %v, %v, %v", len(rows), asked, listed, sent)
	}
}

func FuzzDecodeAsk(f *testing.F) {
	for _, a := range sampleAsks() {
		f.Add(a.encode())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		a, err := decodeAsk(b)
		if err == nil && !bytes.Equal(a.encode(), b) {
			t.Errorf("%x is read as %+v, which is written %x", b, a, a.encode())
		}
	})
}

func FuzzDecodeAnswers(f *testing.F) {
	f.Add(encodeRoot(verdictDiffer, make([]uint64, ring.SegmentsPerPartition)))
	f.Add(encodeRoot(verdictEqual, nil))
	f.Add(encodeRows([]row{{key(1), causal.Digest{1}}}, true))
	f.Add(encodeObjects([]*causal.Object{object(write(1, 1, 5, "v")), nil}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if v, leaves, err := decodeRoot(b); err == nil && !bytes.Equal(encodeRoot(v, leaves), b) {
			t.Errorf("root answer %x is not what is written", b)
		}
		if rows, more, err := decodeRows(b); err == nil && !bytes.Equal(encodeRows(rows, more), b) {
			t.Errorf("rows %x are not what is written", b)
		}
		if objects, err := decodeObjects(b); err == nil && !bytes.Equal(encodeObjects(objects), b) {
			t.Errorf("objects %x are not what is written", b)
		}
	})
}

// What a peer says that means harm is an error, and ends.
func TestAPeerThatLiesIsNotFollowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 2)
		w.start(Options{Every: -1})
		p := key(1).Position().Partition(testPartitions)
		var all segments
		for i := range all {
			all[i] = 0xff
		}
		other := key(2)
		for i := 2; other.Position().Partition(testPartitions) == p; i++ {
			other = key(i)
		}
		m := &merge{x: w.nodes[0].x, job: job{pair: pair{p, w.nodes[1].id()}}, doc: w.nodes[0].Document(), segments: &all}
		if m.asked(other) || !m.asked(key(1)) {
			t.Error("a key of another partition counts as one that was asked for")
		}
		for name, c := range map[string]*cursor{
			"more after nothing": {fill: func(storage.Key) ([]row, bool, error) { return nil, true, nil }},
			"the same again":     {after: key(1), fill: func(storage.Key) ([]row, bool, error) { return []row{{key: key(1)}}, true, nil }},
		} {
			if _, err := c.head(); !errors.Is(err, errMessage) {
				t.Errorf("%s: %v", name, err)
			}
		}
		for name, a := range map[string]*ask{
			"digests behind a key of elsewhere": {kind: kindDigests, partition: p, segments: all, after: other},
			"an object of elsewhere":            {kind: kindFetch, partition: p, keys: []storage.Key{other}},
		} {
			if _, err := w.nodes[0].x.Handle(t.Context(), 1, a.encode()); !errors.Is(err, errMessage) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}
