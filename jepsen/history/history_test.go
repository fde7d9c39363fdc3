package history

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var update = flag.Bool("update", false, "write the golden file anew")

// sample has every field set somewhere.
func sample() History {
	ms := func(n int) time.Duration { return time.Duration(n) * time.Millisecond }
	return History{
		{Index: 0, Process: 0, Type: Invoke, F: Put, Bucket: "b", Key: "k", Value: "0-1", Blind: true, Node: "n1", Session: "s0", Side: 3, T: ms(1), Limit: ms(1000)},
		{Index: 1, Process: 0, Type: OK, F: Put, Bucket: "b", Key: "k", Value: "0-1", Blind: true, Dot: "00000000000000aa-1", Covers: []string{"00000000000000aa-1"}, Node: "n1", Session: "s0", Side: 3, T: ms(3)},
		{Index: 2, Process: 1, Type: Invoke, F: Get, Bucket: "b", Key: "k", Node: "n2", T: ms(4)},
		{Index: 3, Process: NoProcess, Type: Info, F: Fault, Value: "cut n1 | n2 n3", T: ms(5)},
		{Index: 4, Process: 1, Type: OK, F: Get, Bucket: "b", Key: "k", Values: []string{"0-1"}, Dots: []string{"00000000000000aa-1"}, Node: "n2", T: ms(6)},
		{Index: 5, Process: 1, Type: Invoke, F: Delete, Bucket: "b", Key: "k", Value: "1-1", Saw: []string{"0-1"}, Node: "n2", T: ms(7)},
		{Index: 6, Process: 1, Type: Info, F: Delete, Bucket: "b", Key: "k", Value: "1-1", Saw: []string{"0-1"}, Node: "n2", T: ms(1007), Err: "timed out", Outcome: "unknown"},
	}
}

func TestEncodingIsTheGoldenOneAndReadsBack(t *testing.T) {
	var out bytes.Buffer
	if err := Write(&out, sample()); err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/sample.jsonl"
	if *update {
		if err := os.WriteFile(golden, out.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), out.String()); diff != "" {
		t.Errorf("encoding (-golden +got):\n%s", diff)
	}
	got, err := Read(&out)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sample(), got); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}

func TestReaderRefusesWhatItDoesNotUnderstand(t *testing.T) {
	invoke := `{"index":0,"process":0,"type":"invoke","f":"get","key":"k","t":1}` + "\n"
	for name, test := range map[string]struct{ in, want string }{
		"an unknown field":                      {`{"index":0,"process":0,"type":"invoke","f":"get","colour":"red","t":1}`, "line 1"},
		"two operations on a line":              {strings.TrimSpace(invoke) + strings.TrimSpace(invoke), "line 1: more than one"},
		"an empty line":                         {invoke + "\n", "line 2"},
		"text":                                  {"hello", "line 1"},
		"an unknown type":                       {`{"index":0,"process":0,"type":"maybe","f":"get","t":1}`, `type "maybe"`},
		"an unknown function":                   {`{"index":0,"process":0,"type":"invoke","f":"cas","t":1}`, `function "cas"`},
		"an index out of order":                 {`{"index":7,"process":0,"type":"invoke","f":"get","t":1}`, "stands at place 0"},
		"a completion without an invoke":        {`{"index":0,"process":0,"type":"ok","f":"get","t":1}`, "was not at work"},
		"an invoke of a busy process":           {invoke + `{"index":1,"process":0,"type":"invoke","f":"get","t":1}`, "is at work on operation 0"},
		"a completion of something else":        {invoke + `{"index":1,"process":0,"type":"ok","f":"get","key":"other","t":1}`, "something else"},
		"a put without a value":                 {`{"index":0,"process":0,"type":"invoke","f":"put","t":1}`, "without a value"},
		"a value written twice":                 {`{"index":0,"process":0,"type":"invoke","f":"put","value":"v","t":1}` + "\n" + `{"index":1,"process":1,"type":"invoke","f":"put","value":"v","t":1}`, "must be unique"},
		"a time before the run":                 {`{"index":0,"process":0,"type":"invoke","f":"get","t":-1}`, "before the run"},
		"dots that do not match the values":     {invoke + `{"index":1,"process":0,"type":"ok","f":"get","key":"k","values":["a"],"dots":["1-1","1-2"],"t":1}`, "2 dots for 1 values"},
		"a fault by a process":                  {`{"index":0,"process":0,"type":"info","f":"fault","t":1}`, "fault by process 0"},
		"a client's operation without a client": {`{"index":0,"process":-1,"type":"invoke","f":"get","t":1}`, "by process -1"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Read(strings.NewReader(test.in))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Read: %v; want an error with %q", err, test.want)
			}
		})
	}
}

func TestPairsJoinEachInvokeWithItsEnd(t *testing.T) {
	h := sample()[:6] // the delete never completes
	pairs := h.Pairs()
	if len(pairs) != 3 {
		t.Fatalf("%d pairs; want 3", len(pairs))
	}
	if got := pairs[1]; got.Invoke.Index != 2 || got.End.Index != 4 {
		t.Errorf("the read is operations %d and %d; want 2 and 4", got.Invoke.Index, got.End.Index)
	}
	if got := pairs[2].End; got.Type != Info || got.Value != "1-1" {
		t.Errorf("an operation without an end ends as %s of %q; want info of 1-1", got.Type, got.Value)
	}
}

func TestRecorderNumbersWhatManyProcessesAdd(t *testing.T) {
	var r Recorder
	var clients sync.WaitGroup
	for process := range 8 {
		clients.Go(func() {
			for range 100 {
				r.Add(Op{Process: process, Type: Invoke, F: Get})
				r.Add(Op{Process: process, Type: OK, F: Get})
			}
		})
	}
	clients.Wait()
	h := r.History()
	if len(h) != 1600 {
		t.Errorf("%d operations; want 1600", len(h))
	}
	if err := h.Check(); err != nil {
		t.Error(err)
	}
}

func FuzzRead(f *testing.F) {
	var out bytes.Buffer
	if err := Write(&out, sample()); err != nil {
		f.Fatal(err)
	}
	f.Add(out.Bytes())
	f.Add([]byte(`{"index":0,"process":0,"type":"invoke","f":"get","key":"\ud800","t":9223372036854775807}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		h, err := Read(bytes.NewReader(in))
		if err != nil {
			return
		}
		var out bytes.Buffer
		if err := Write(&out, h); err != nil {
			t.Fatal(err)
		}
		again, err := Read(&out)
		if err != nil {
			t.Fatalf("what was read cannot be read again: %v", err)
		}
		if diff := cmp.Diff(h, again, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("read again (-first +second):\n%s", diff)
		}
	})
}
