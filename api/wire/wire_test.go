package wire_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/hengedb/henge/api/wire"
	"github.com/hengedb/henge/replication/request"
)

func TestReceiptsAndAnswersAreReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		count := rapid.IntRange(0, 1<<16-1)
		r := request.Receipt{
			Acks: count.Draw(t, "acks"), Replicas: count.Draw(t, "replicas"), Primary: count.Draw(t, "primary"),
			Durable: count.Draw(t, "durable"), Hinted: count.Draw(t, "hinted"),
		}
		if back, err := wire.ParseReceipt(wire.FormatReceipt(r)); err != nil || !cmp.Equal(r, back) {
			t.Fatalf("%+v came back as %+v, %v", r, back, err)
		}
		a := request.Answers{Need: r.Acks, Got: r.Replicas, Primary: r.Primary}
		if back, err := wire.ParseAnswers(wire.FormatAnswers(a)); err != nil || !cmp.Equal(a, back) {
			t.Fatalf("%+v came back as %+v, %v", a, back, err)
		}
	})
	if got := wire.FormatReceipt(request.Receipt{Acks: 2, Replicas: 3, Primary: 2, Durable: 1, Hinted: 1}); got != "2/3; primary=2; durable=1; hinted=1" {
		t.Errorf("receipt %q", got)
	}
	for _, bad := range []string{"", "2", "2/", "/3", "-1/3", "2/3; primary=x", "2/99999", "2/3; primary"} {
		if r, err := wire.ParseReceipt(bad); err == nil {
			t.Errorf("%q is read as %+v", bad, r)
		}
	}
	if r, err := wire.ParseReceipt("2/3; primary=2; newer=x"); err != nil || r.Primary != 2 {
		t.Errorf("a newer node's parameter: %+v, %v", r, err)
	}
}

// An entry is read back whatever bytes its key and values are.
func TestLinesAreReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) }))
		e := request.Entry{Key: text.Draw(t, "key"), Cursor: "c"}
		e.Value.Context, e.Value.ETag = "ctx", "tag"
		for range rapid.IntRange(0, 3).Draw(t, "siblings") {
			data := []byte(text.Draw(t, "data"))
			e.Value.Siblings = append(e.Value.Siblings, request.Sibling{
				ID: "s", ContentType: "a/b", Modified: time.UnixMilli(1).UTC(), Size: len(data), Data: data, Meta: map[string]string{"a": "b"},
			})
		}
		raw, err := json.Marshal(wire.LineOf(e))
		if err != nil {
			t.Fatal(err)
		}
		var line wire.Line
		if err := json.Unmarshal(raw, &line); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(e, line.Entry()); diff != "" {
			t.Fatalf("%s (-sent +read):\n%s", raw, diff)
		}
	})
}

func TestAnExplanationKeepsAKeyThatIsNoText(t *testing.T) {
	for _, key := range []string{"k", "\xff", ""} {
		raw, err := json.Marshal(wire.ExplanationOf(request.Explanation{Bucket: "b", Key: key}))
		if err != nil {
			t.Fatal(err)
		}
		var back wire.Explanation
		if err := json.Unmarshal(raw, &back); err != nil || back.Request().Key != key {
			t.Errorf("%q came back as %q of %s, %v", key, back.Request().Key, raw, err)
		}
	}
}

func TestEntityTags(t *testing.T) {
	for tag, want := range map[string]bool{`"a"`: true, `""`: true, `a`: false, `"`: false, `"a`: false, `"a b"`: false, `"a"b"`: false, `W/"a"`: false} {
		if inner, ok := wire.Unquote(tag); ok != want || ok && wire.Quote(inner) != tag {
			t.Errorf("%s: %q, %v", tag, inner, ok)
		}
	}
}

// FuzzParse: a header of a node is a receipt or an error.
func FuzzParse(f *testing.F) {
	f.Add("2/3; primary=2; durable=2; hinted=1")
	f.Add("2/2; primary=2")
	f.Add("/;=;")
	f.Fuzz(func(t *testing.T, s string) {
		if r, err := wire.ParseReceipt(s); err == nil {
			back, err := wire.ParseReceipt(wire.FormatReceipt(r))
			if err != nil || !cmp.Equal(r, back) {
				t.Errorf("%q: %+v, then %+v, %v", s, r, back, err)
			}
		}
		if a, err := wire.ParseAnswers(s); err == nil && (a.Got < 0 || a.Need < 0) {
			t.Errorf("%q: %+v", s, a)
		}
	})
}
