package agree

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hengedb/henge/ring"
)

var update = flag.Bool("update", false, "write testdata anew from what the code does")

// golden compares got with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s, which others read and write, has changed (-want +got):\n%s", path, diff)
	}
}

var (
	testBase   = ring.Name{Era: ring.Era{Number: 1, Random: 7}, Version: 3, Hash: ring.Hash{0xab, 15: 0xcd}}
	testBallot = Ballot{Round: 2, Node: 0x1f}
)

// oneOfEach has every kind of message with all fields that it may have.
func oneOfEach() []Message {
	value, lower := []byte(`{"format":1}`), Ballot{Round: 1, Node: 3}
	return []Message{
		{Kind: KindPrepare, Base: testBase, Ballot: testBallot},
		{Kind: KindAccept, Base: testBase, Ballot: testBallot, Document: value},
		{Kind: KindDecided, Document: value},
		{Kind: KindFetch, Base: testBase},
		{Kind: KindPromise, Base: testBase, Ballot: testBallot, Accepted: lower, Document: value, Held: testBase},
		{Kind: KindAccepted, Base: testBase, Ballot: testBallot, Held: testBase},
		{Kind: KindRefused, Base: testBase, Ballot: testBallot, Promised: lower, Held: testBase, Reason: "a higher ballot was promised"},
		{Kind: KindBehind, Base: testBase, Ballot: testBallot},
		{Kind: KindDocument, Base: testBase, Ballot: testBallot, Document: value, Held: testBase},
		{Kind: KindCurrent, Base: testBase, Held: testBase},
		{Kind: KindConflict, Base: testBase, Ballot: testBallot, Held: testBase, Reason: "another is held"},
	}
}

func TestMessageBytes(t *testing.T) {
	var all bytes.Buffer
	for _, m := range oneOfEach() {
		b, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		all.Write(append(b, '\n'))
		back, err := DecodeMessage(b)
		if err != nil {
			t.Errorf("%s cannot be read back: %v", m.Kind, err)
		}
		if diff := cmp.Diff(m, back); diff != "" {
			t.Errorf("%s comes back changed (-sent +read):\n%s", m.Kind, diff)
		}
	}
	golden(t, "messages.golden", all.Bytes())
}

func TestDecodeMessageRefuses(t *testing.T) {
	const base, ballot = `"base":{"era":{"number":0,"random":7},"version":3,"hash":"00000000000000000000000000000000"}`, `"ballot":{"round":1,"node":"000000000000001f"}`
	for name, c := range map[string]struct{ raw, want string }{
		"what is no JSON":                 {`{`, "unexpected end"},
		"a kind nobody knows":             {`{"kind":"veto"}`, `kind "veto" is not known`},
		"no kind":                         {`{}`, `kind "" is not known`},
		"a prepare of no document":        {`{"kind":"prepare",` + ballot + `}`, "prepare without a base"},
		"a prepare without a ballot":      {`{"kind":"prepare",` + base + `}`, "want a round of 1 to 2^48"},
		"a ballot of nobody":              {`{"kind":"prepare",` + base + `,"ballot":{"round":1,"node":"0000000000000000"}}`, "and a node"},
		"a round above 2^48":              {`{"kind":"prepare",` + base + `,"ballot":{"round":281474976710657,"node":"000000000000001f"}}`, "want a round of 1 to 2^48"},
		"a promised round above 2^48":     {`{"kind":"refused",` + base + `,` + ballot + `,"promised":{"round":281474976710657,"node":"000000000000001f"}}`, "a round above 2^48"},
		"a negative round":                {`{"kind":"prepare",` + base + `,"ballot":{"round":-1,"node":"000000000000001f"}}`, "cannot unmarshal"},
		"an accept of nothing":            {`{"kind":"accept",` + base + `,` + ballot + `}`, "accept without a document"},
		"a decision of nothing":           {`{"kind":"decided"}`, "decided without a document"},
		"a document answer without one":   {`{"kind":"document",` + base + `}`, "document without a document"},
		"a promise that hides its value":  {`{"kind":"promise",` + base + `,` + ballot + `,"accepted":{"round":1,"node":"000000000000001f"}}`, "promise without a document"},
		"a promise of an impossible vote": {`{"kind":"promise",` + base + `,` + ballot + `,"document":"e30=","accepted":{"round":0,"node":"000000000000001f"}}`, "want a round"},
		"a hash that is too short":        {`{"kind":"fetch","base":{"version":3,"hash":"00"}}`, "want 32 hexadecimal digits"},
		"a document that is not base64":   {`{"kind":"decided","document":"!"}`, "illegal base64"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := DecodeMessage([]byte(c.raw))
			if !errors.Is(err, ErrMessage) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want ErrMessage and %q", err, c.want)
			}
		})
	}
}

func TestMessagesAreBounded(t *testing.T) {
	if _, err := DecodeMessage(make([]byte, MaxMessage+1)); !errors.Is(err, ErrMessage) || !strings.Contains(err.Error(), "are more than") {
		t.Errorf("decoded a message above the bound: %v", err)
	}
	if _, err := (Message{Kind: KindDecided, Document: make([]byte, MaxMessage)}).Encode(); err == nil {
		t.Error("encoded a message above the bound")
	}
}

func TestUnknownFieldsOfAMessageAreIgnored(t *testing.T) {
	m, err := DecodeMessage([]byte(`{"kind":"fetch","priority":9,"base":{"version":3,"hash":"ab0000000000000000000000000000cd","colour":"red"}}`))
	if err != nil || m.Base.Version != 3 {
		t.Errorf("got %+v, %v", m, err)
	}
}

func FuzzDecodeMessage(f *testing.F) {
	for _, m := range oneOfEach() {
		b, err := m.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"kind":"promise","accepted":{"round":1}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := DecodeMessage(raw)
		if err != nil {
			if !errors.Is(err, ErrMessage) {
				t.Errorf("%v does not match ErrMessage", err)
			}
			return
		}
		again, err := m.Encode()
		if err != nil {
			t.Fatalf("%+v was decoded and cannot be encoded: %v", m, err)
		}
		back, err := DecodeMessage(again)
		if err != nil {
			t.Fatalf("%s was encoded and cannot be decoded: %v", again, err)
		}
		// A name without a version is no name, and a document without bytes none: so it
		// is the encodings that are the same.
		if twice, err := back.Encode(); err != nil || !bytes.Equal(twice, again) {
			t.Errorf("%s becomes %s, %v", again, twice, err)
		}
		if !slices.Contains(kinds, m.Kind) {
			t.Errorf("kind %q was let in", m.Kind)
		}
	})
}

var kinds = []Kind{
	KindPrepare, KindAccept, KindDecided, KindFetch, KindPromise, KindAccepted,
	KindRefused, KindBehind, KindDocument, KindCurrent, KindConflict,
}
