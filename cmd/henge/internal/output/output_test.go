package output

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hengedb/henge/cmd/henge/internal/exit"
	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
)

// update writes the golden files anew: go test -run Golden -update.
var update = flag.Bool("update", false, "write the golden files")

var stamp = time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.UTC)

func receipt() request.Receipt {
	return request.Receipt{
		Replicas: 3, Need: 2, Acks: 3, Primary: 2, Durable: 3, Hinted: 1, ETag: "e1", Context: "ctx", OpID: "op", Siblings: 1,
		Results: []request.ReplicaResult{{Node: 1, Name: "n1", Role: request.Primary, Result: request.ResultOK, Elapsed: 1500 * time.Microsecond}},
	}
}

func siblings() request.Value {
	return request.Value{
		Context: "ctx", ETag: "e1", Answers: request.Answers{Need: 2, Got: 2, Primary: 2},
		Siblings: []request.Sibling{
			{ID: "s1", ContentType: "text/plain", Modified: stamp, Size: 60, Data: []byte("milk\nand " + strings.Repeat("bread ", 10))},
			{ID: "s2", Modified: stamp, Size: 2, Data: []byte{0xff, 0}},
		},
	}
}

func status() Status {
	name := ring.Name{Era: ring.Era{}, Version: 3}
	first := &request.Status{
		Node: 1, Name: "n1", Version: "v1", Cluster: "c1", Document: name, Ready: true, Replicas: 3, Parts: 256,
		Changing: true, Buckets: []string{"default", "b"}, Alarms: []string{"clock is off by 3s"},
		Members: []request.MemberStatus{
			{ID: 1, Name: "n1", Zone: "z1", Weight: 100, HTTP: "127.0.0.1:7420", Health: "up", Document: name, Partitions: 256},
			{ID: 2, Name: "n2", Zone: "z2", Weight: 250, HTTP: "127.0.0.1:7430", Health: "up", Document: name, Partitions: 256, Going: ring.Leaves},
			{ID: 3, Name: "n3", Weight: 100, HTTP: "127.0.0.1:7440", Health: "down", Reason: "connection refused", Partitions: 256},
			{ID: 4, Name: "n4", Weight: 100, Health: "up", Document: name},
		},
		Hints: request.HintStatus{Count: 12, Oldest: 90 * time.Second, Targets: []request.HintTarget{{Node: 3, Name: "n3", Count: 12}}},
		Governor: &request.Governor{
			MiBps: 64, Factor: 0.125, Cut: true,
			Requests: []request.GovernedRequest{{Verb: "write", Normal: 5 * time.Millisecond, Recent: 12 * time.Millisecond}},
			Classes:  []request.GovernedClass{{Class: "hints", Bytes: 9, Waits: 1}, {Class: "transfers", Paused: true}},
		},
		Dirty: request.DirtyStatus{Segments: 7, Oldest: 3 * time.Second},
	}
	second := &request.Status{Node: 2, Name: "n2", Waiting: "the cluster document"}
	return Status{Views: []View{
		{Name: "n1", URL: "http://127.0.0.1:7420", Status: first},
		{Name: "n2", URL: "http://127.0.0.1:7430", Status: second},
		{Name: "n3", URL: "http://127.0.0.1:7440", Error: "connection refused"},
	}}
}

func quietStatus() Status {
	s := status()
	s.Views = s.Views[:1]
	s.Views[0].Status.Dirty = request.DirtyStatus{}
	s.Views[0].Status.Hints, s.Views[0].Status.Alarms, s.Views[0].Status.Changing = request.HintStatus{}, nil, false
	s.Views[0].Status.Governor = &request.Governor{MiBps: 64, Factor: 1}
	return s
}

func explanation() request.Explanation {
	sibling := request.SiblingState{Dot: "a1:3", Stamp: "1", Modified: stamp, Size: 5, Shown: true}
	return request.Explanation{
		Bucket: "default", Key: "stone", Position: "00ff00ff00ff00ff", Partition: 7, Segment: 9, Document: ring.Name{Version: 3},
		Phase: ring.PhaseCopy, Next: []ring.NodeID{1, 3},
		Preference: []request.PreferenceNode{
			{Node: 1, Name: "n1", Zone: "z1", Weight: 100, Role: request.Primary, Health: "up"},
			{Node: 2, Name: "n2", Zone: "z2", Weight: 250, Role: request.Primary, Health: "down"},
			{Node: 3, Name: "n3", Weight: 100, Role: request.Fallback, Health: "up"},
		},
		Replicas: []request.ReplicaState{
			{Node: 1, Name: "n1", Role: request.Primary, Result: request.ResultOK, Digest: "d1", Siblings: []request.SiblingState{
				sibling, {Dot: "a2:1", Modified: stamp, Size: 5}, {Dot: "a3:1", Modified: stamp, Tombstone: true, Shown: true},
			}},
			{Node: 2, Name: "n2", Role: request.Primary, Result: request.ResultUnreachable, Detail: "connection refused"},
			{Node: 3, Name: "n3", Role: request.Fallback, Result: request.ResultOK, Hint: &request.HintState{
				Targets: []ring.NodeID{2, 9}, Noted: []ring.NodeID{1}, Age: 1500 * time.Millisecond, Siblings: []request.SiblingState{sibling},
			}},
		},
		Answers: []request.WouldAnswer{
			{R: 1, Found: true, Values: []string{"a1:3"}, Complete: false}, {R: 2, Complete: true}, {R: 3, Error: "quorum not met"},
		},
	}
}

func TestGolden(t *testing.T) {
	quorum := &request.QuorumError{
		Op: "put", Bucket: "default", Key: "k", Outcome: request.Unknown, Need: 2, Got: 1,
		Replicas: []request.ReplicaResult{{Node: 1, Name: "n1", Role: request.Primary, Result: request.ResultTimeout, Detail: "100ms"}},
	}
	crowded := receipt()
	crowded.Siblings = 2
	human := func(w func(io.Writer) error) func(*bytes.Buffer) error {
		return func(b *bytes.Buffer) error { return w(b) }
	}
	asJSON := func(v any) func(*bytes.Buffer) error {
		return func(b *bytes.Buffer) error { return Printer{Out: b, Format: JSON}.Result(v, nil) }
	}
	cases := map[string]func(*bytes.Buffer) error{
		"plan.txt":         human(func(w io.Writer) error { return Plan(w, plan()) }),
		"layout.txt":       human(func(w io.Writer) error { return Layout(w, layout()) }),
		"put.txt":          human(ReceiptOf("put", "default", "stone", receipt()).Human),
		"put-siblings.txt": human(ReceiptOf("put", "b", "it's odd\n", crowded).Human),
		"delete.txt":       human(ReceiptOf("delete", "default", "stone", receipt()).Human),
		"put.json":         asJSON(ReceiptOf("put", "default", "stone", receipt())),
		"siblings.txt":     human(func(w io.Writer) error { return Siblings(w, "carts", "ann", siblings()) }),
		"value.json":       asJSON(ValueOf("carts", "ann", siblings())),
		"status.txt":       human(status().Human),
		"status-quiet.txt": human(quietStatus().Human),
		"status.json":      asJSON(status()),
		"explain.txt":      human(func(w io.Writer) error { return Explanation(w, explanation()) }),
		"failure.txt":      human(func(w io.Writer) error { return Fail(w, Human, quorum) }),
		"failure.json":     human(func(w io.Writer) error { return Fail(w, JSON, quorum) }),
		"usage.json":       human(func(w io.Writer) error { return Fail(w, JSON, exit.With(exit.Usage, errors.New("no such flag"))) }),
	}
	for name, show := range cases {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := show(&b); err != nil {
				t.Fatal(err)
			}
			golden(t, name, b.Bytes())
		})
	}
}

// golden compares got with a file of testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestAKeyStaysOnItsLine(t *testing.T) {
	for key, want := range map[string]string{
		"plain": "plain", "größe": "größe", "a b": "a b", "two\nlines": `"two\nlines"`, "\xff": `"\xff"`,
		`"quoted`: `"\"quoted"`, "\x1b[2J": `"\x1b[2J"`,
	} {
		if got := Key(key); got != want {
			t.Errorf("%q is shown as %s, want %s", key, got, want)
		}
	}
}

func TestACommandLineCanBePasted(t *testing.T) {
	got := CommandLine("henge", "get", "it's", "", "$HOME", "a-b/c_d:1")
	if want := `henge get 'it'\''s' '' '$HOME' a-b/c_d:1`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAFormatIsOneOfTwo(t *testing.T) {
	var f Format
	if err := f.Set("json"); err != nil || f != JSON {
		t.Errorf("json is refused: %v", err)
	}
	if err := f.Set("xml"); err == nil {
		t.Error("xml is accepted")
	}
}
