package replication

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
)

// sample is a small object with everything in it.
func sample() *causal.Object {
	var o *causal.Object
	return o.Put(causal.Write{
		Dot: causal.Dot{Actor: 7, Counter: 3}, Stamp: 99 << 16, Op: causal.OpID{1, 2},
		Policy: causal.Siblings, Generation: 4, ContentType: "text/plain",
		Meta: []causal.Pair{{Name: "a", Value: "b"}}, Value: []byte("hello"),
	})
}

func FuzzDecodeJoin(f *testing.F) {
	m := joinRequest{unsynced: true, w: 2, key: keyName{"b", "k"}, targets: []ring.NodeID{1, 2}, object: sample()}
	f.Add(m.encode())
	f.Add([]byte{})
	f.Add([]byte{3, 1, 1, 'b', 1, 'k', 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decodeJoin(b)
		if err != nil {
			return
		}
		again, err := decodeJoin(m.encode())
		if err != nil {
			t.Fatalf("decode of what was encoded: %v", err)
		}
		if !bytes.Equal(m.encode(), again.encode()) {
			t.Errorf("encodings differ:\n%x\n%x", m.encode(), again.encode())
		}
	})
}

func FuzzDecodeRead(f *testing.F) {
	m := readRequest{noValue: true, key: keyName{"bucket", "key"}, digest: causal.Digest{9}}
	f.Add(m.encode())
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := decodeRead(b)
		if err != nil {
			return
		}
		again, err := decodeRead(m.encode())
		if err != nil || *again != *m {
			t.Errorf("decode(encode(%+v)) = %+v, %v", m, again, err)
		}
	})
}

func FuzzDecodeAnswer(f *testing.F) {
	f.Add((&readAnswer{same: true}).encode())
	f.Add((&readAnswer{fromHint: true, object: sample()}).encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := decodeAnswer(b); err == nil {
			if _, err := decodeAnswer(m.encode()); err != nil {
				t.Errorf("decode of what was encoded: %v", err)
			}
		}
	})
}

func FuzzDecodeReply(f *testing.F) {
	for _, answer := range []reply{
		{value: request.Value{Siblings: []request.Sibling{{ID: "x", Size: 2, Data: []byte("ab")}}}},
		{err: &request.QuorumError{Op: "get", Need: 2, Outcome: request.None, Causes: []error{request.ErrTimeout}}},
	} {
		b, err := encodeReply(answer)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(_ *testing.T, b []byte) {
		if answer, err := decodeReply(b); err == nil {
			_, _ = encodeReply(answer)
		}
	})
}

func FuzzDecodePage(f *testing.F) {
	page := scanPage{rows: []scanRow{{place: scanPlace{Position: 5}, key: []byte("k"), object: sample()}}}
	b, err := page.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(_ *testing.T, b []byte) {
		_, _ = decodePage(b, scanRequest{Bucket: "b"})
		_, _ = decodeInspection(b)
	})
}

func TestReplyKeepsEverything(t *testing.T) {
	value := request.Value{
		ETag: "tag", Context: "ctx", Answers: request.Answers{Need: 2, Got: 2},
		Siblings: []request.Sibling{{ID: "a", Size: 3, Data: []byte("one")}, {ID: "b", Size: 0, Data: []byte{}}, {ID: "head", Size: 17}},
	}
	b, err := encodeReply(reply{value: value, receipt: request.Receipt{Acks: 2, Value: &value}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeReply(b)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(value, got.value); diff != "" {
		t.Errorf("value (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(&value, got.receipt.Value); diff != "" {
		t.Errorf("receipt's value (-want +got):\n%s", diff)
	}
}

func TestReplyKeepsErrors(t *testing.T) {
	quorum := &request.QuorumError{
		Op: "put", Bucket: "b", Key: "k\xff", Outcome: request.Unknown, Need: 2, Got: 1,
		Replicas: []request.ReplicaResult{{Node: 3, Result: request.ResultTimeout}}, Causes: []error{request.ErrTimeout},
	}
	for name, want := range map[string]struct {
		err     error
		matches []error
		outcome request.Outcome
	}{
		"a sentinel":     {request.ErrPrecondition, []error{request.ErrPrecondition}, request.None},
		"a quorum error": {quorum, []error{request.ErrQuorum, request.ErrTimeout}, request.Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := encodeReply(reply{err: want.err})
			if err != nil {
				t.Fatal(err)
			}
			got, err := decodeReply(b)
			if err != nil {
				t.Fatal(err)
			}
			for _, sentinel := range want.matches {
				if !errors.Is(got.err, sentinel) {
					t.Errorf("%v does not match %v", got.err, sentinel)
				}
			}
			if outcome := request.OutcomeOf(got.err); outcome != want.outcome {
				t.Errorf("outcome %v, want %v", outcome, want.outcome)
			}
			if got.err.Error() != want.err.Error() {
				t.Errorf("text %q, want %q", got.err, want.err)
			}
		})
	}
}

func TestMessageFlags(t *testing.T) {
	m := joinRequest{repair: true, w: 3, key: keyName{"b", "k"}, targets: []ring.NodeID{5}, object: sample()}
	got, err := decodeJoin(m.encode())
	if err != nil {
		t.Fatal(err)
	}
	if !got.repair || got.unsynced || got.w != 3 || got.key != m.key || len(got.targets) != 1 || got.targets[0] != 5 {
		t.Errorf("decoded %+v from %+v", got, m)
	}
}

// What has lost its values' bytes must never be joined: the joined object would be
// stored without them.
func TestAnObjectWithoutItsValuesIsNoMessage(t *testing.T) {
	m := joinRequest{repair: true, key: keyName{"b", "k"}, object: sample().Strip()}
	if _, err := decodeJoin(m.encode()); !errors.Is(err, errMessage) {
		t.Errorf("a join of a stripped object: %v", err)
	}
	page := scanPage{rows: []scanRow{{key: []byte("k"), object: sample().Strip()}}}
	b, err := page.encode()
	if err != nil {
		t.Fatal(err)
	}
	for values, want := range map[bool]error{true: errMessage, false: nil} {
		if _, err := decodePage(b, scanRequest{Bucket: "b", Values: values}); !errors.Is(err, want) {
			t.Errorf("a page without values, where values %v: %v", values, err)
		}
	}
	inCluster(t, 3, func(t *testing.T, c *cluster) {
		key, p, _ := c.key(0)
		for noValue, want := range map[bool]error{false: errMessage, true: nil} {
			q, err := p[0].newQuery(keyName{"default", key}, request.ReadOptions{NoValue: noValue})
			if err != nil {
				t.Fatal(err)
			}
			r := p[0].consult(t.Context(), q, causal.Digest{})
			if err := r.accept(&ask{}, p[1].stamp((&readAnswer{object: sample().Strip()}).encode(), q.place.partition)); !errors.Is(err, want) {
				t.Errorf("an answer without values, where no value %v: %v", noValue, err)
			}
		}
	})
}

// Requests that travel as JSON before raw bytes.
func FuzzUnpack(f *testing.F) {
	for _, head := range []any{
		forwarded{Verb: verbPut, Bucket: "b", Key: []byte("k"), Latest: 7, Write: &writeKnobs{W: request.All}},
		forwarded{Verb: verbGet, Bucket: "b", Key: []byte("k"), Read: &readKnobs{R: 2}},
		scanRequest{Bucket: "b", Prefix: []byte("p"), Last: 9},
	} {
		b, err := pack(head, []byte("value"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Fuzz(func(t *testing.T, b []byte) {
		var head forwarded
		if rest, err := unpack(b, &head); err == nil {
			again, err := pack(head, rest)
			if err != nil {
				t.Fatalf("pack what was unpacked: %v", err)
			}
			var second forwarded
			if _, err := unpack(again, &second); err != nil {
				t.Errorf("unpack what was packed: %v", err)
			}
		}
		var wanted scanRequest
		_, _ = unpack(b, &wanted)
	})
}

func FuzzUnstamp(f *testing.F) {
	f.Add([]byte{0, 0, 0, 7, epochsNone})
	f.Add(append(make([]byte, 34), 0, 0, 0, 7, epochsNamed))
	f.Fuzz(func(t *testing.T, raw []byte) {
		body, _, theirs, err := unstamp(raw)
		switch {
		case err != nil && !errors.Is(err, errMessage):
			t.Error(err)
		case err == nil && len(raw)-len(body) != shortStamp && len(raw)-len(body) != longStamp:
			t.Errorf("%d bytes of %d are left", len(body), len(raw))
		case err == nil && len(raw)-len(body) == shortStamp && theirs != (storage.Epochs{}):
			t.Errorf("epochs %+v out of nothing", theirs)
		}
	})
}
