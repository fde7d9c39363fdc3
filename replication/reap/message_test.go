package reap

import (
	"testing"

	"github.com/hengedb/henge/storage/causal"
)

// Whatever a member answers, what is not an answer to what was asked is refused, and
// nothing of it is used as an index.
func FuzzAnswer(f *testing.F) {
	for _, a := range []answer{
		{Refused: map[int]string{0: "no", 7: "no"}}, {Differ: map[int][]int{0: {0, 5}}}, {Raised: map[int]causal.Epoch{-1: {Number: 1}}}, {Reaped: 3},
	} {
		raw, err := encode(a)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	asked := []part{{Partition: 1, Keys: make([]candidate, 2)}, {Partition: 2}}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var a answer
		if decode(raw, &a) != nil || a.check(asked) != nil {
			return
		}
		for i, js := range a.Differ {
			for _, j := range js {
				_ = asked[i].Keys[j]
			}
		}
		for i := range a.Refused {
			_ = asked[i]
		}
		for i := range a.Raised {
			_ = asked[i]
		}
	})
}

func FuzzAsk(f *testing.F) {
	raw, err := encode(ask{Kind: kindRaise, Document: 3, Parts: []part{{Partition: 1, Epoch: causal.Epoch{Number: 1, Round: 1<<64 - 1}, Keys: []candidate{{Bucket: "b", Key: []byte{0}}}}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Fuzz(func(t *testing.T, raw []byte) {
		var a, again ask
		if decode(raw, &a) != nil {
			return
		}
		if raw, err = encode(a); err != nil || decode(raw, &again) != nil || len(again.Parts) != len(a.Parts) {
			t.Errorf("%+v came back as %+v", a, again)
		}
	})
}
