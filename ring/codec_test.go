package ring

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
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
		t.Errorf("%s has changed (-want +got):\n%s", path, diff)
	}
}

// fullDocument has every field that a document can have.
func fullDocument(t testing.TB) *Document {
	t.Helper()
	d := mustFirst(t, testMembers(4, "a", "b"), 8, 3).Clone()
	d.Era, d.Version = Era{Number: 2, Random: 1 << 63}, 9
	for i := range d.Members {
		d.Members[i].HTTP, d.Members[i].Gossip = "10.0.0.1:7420", "[fe80::1]:7422"
	}
	d.Layout[7].Next, d.Layout[7].Phase, d.Layout[7].Changed = []NodeID{4, 1}, "copy", 9
	d.Buckets = append(d.Buckets, Bucket{
		Name: "orders", Generation: 7, Policy: PolicyLWW, Owner: "<sales & co>", R: 1, W: -2, Strict: true, Unsynced: true, RequireContext: true, TTLMillis: 60_000,
	})
	d.Settings = Settings{AutoBuckets: true, R: 1, W: 2, Strict: true, Unsynced: true, TimeoutMillis: 250, MaxValueBytes: 1 << 20}
	d.Expelled = []NodeID{9, 0xffffffffffffffff}
	sealed, err := d.Seal()
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

// sameDocument compares all that is encoded.
var sameDocument = cmpopts.IgnoreUnexported(Document{})

func TestDocumentBytes(t *testing.T) {
	d := fullDocument(t)
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, d.Raw(), "", " "); err != nil {
		t.Fatal(err)
	}
	pretty.WriteString("\n" + d.Name().String() + "\n")
	golden(t, "document.golden", pretty.Bytes())
	for field := range strings.SplitSeq("format cluster secret era version partitions replicas members voters layout buckets settings expelled", " ") {
		if !bytes.Contains(d.Raw(), []byte(`"`+field+`":`)) {
			t.Errorf("the document has no %s", field)
		}
	}
	back, err := Decode(d.Raw())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d, back, sameDocument); diff != "" || back.Name() != d.Name() || !bytes.Equal(back.Raw(), d.Raw()) {
		t.Errorf("%s comes back as %s (-sealed +decoded):\n%s", d.Name(), back.Name(), diff)
	}
}

// newerDocument is one that a later version of the software made.
func newerDocument(t *testing.T) []byte {
	t.Helper()
	raw := fullDocument(t).Raw()
	raw = bytes.Replace(raw, []byte(`"format":1`), []byte(`"format":2,"colour":{"of":["the","ring"]}`), 1)
	return bytes.Replace(raw, []byte(`"name":"n2"`), []byte(`"name":"n2","rack":"r7"`), 1)
}

func TestDocumentOfANewerFormatIsServedAndNotEdited(t *testing.T) {
	raw := newerDocument(t)
	d, err := Decode(raw)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(d.Raw(), raw) || d.Name().Hash != HashOf(raw) {
		t.Error("fields that this version does not know are not kept in the bytes and in their name")
	}
	if _, ok := d.Member(2); !ok || len(d.Primaries(0)) != 3 {
		t.Error("it cannot be served from")
	}
	_, bucketErr := d.WithBucket(Bucket{Name: "b", Policy: PolicyLWW})
	_, sealErr := d.Clone().Seal()
	for name, err := range map[string]error{"editable": d.Editable(), "with bucket": bucketErr, "seal": sealErr} {
		if err == nil || !strings.Contains(err.Error(), "upgrade it first") {
			t.Errorf("%s: got %v, want a refusal", name, err)
		}
	}
}

func TestCloneSharesNothing(t *testing.T) {
	d := fullDocument(t)
	before := slices.Clone(d.Raw())
	c := d.Clone()
	if diff := cmp.Diff(d, c, sameDocument); diff != "" || c.Raw() != nil || !c.Name().IsZero() {
		t.Errorf("the clone differs, or has a name already (-document +clone):\n%s", diff)
	}
	c.Secret[0]++
	c.Members[0].Name, c.Voters[0], c.Buckets[0].Name, c.Expelled[0] = "x", 77, "x", 77
	for i := range c.Layout {
		c.Layout[i].Serving[0] = 77
	}
	c.Layout[7].Next[0] = 77
	if after, err := d.Encode(); err != nil || !bytes.Equal(after, before) {
		t.Errorf("a change of the clone changed the document: %v", err)
	}
}

func TestDecodeIsBounded(t *testing.T) {
	if _, err := Decode(make([]byte, maxDocument+1)); err == nil || !strings.Contains(err.Error(), "want at most") {
		t.Errorf("decoded more than the bound: %v", err)
	}
	const most = maxPartitions
	for name, raw := range map[string]string{
		"members":                                `{"members":[` + strings.Repeat("{},", most) + `{}]}`,
		"layout":                                 `{"settings":{"r":1},"layout":[` + strings.Repeat("0,", most) + `0],"format":1}`,
		"after a string that looks like the end": `{"cluster":"\\\"]}","buckets":[` + strings.Repeat("null,", most) + `null]}`,
		"that never ends":                        `{"voters":[` + strings.Repeat("null,", most),
	} {
		if _, err := Decode([]byte(raw)); err == nil || !strings.Contains(err.Error(), "a list of more than 65536 entries") {
			t.Errorf("%s: got %.100v", name, err)
		}
	}
	if longest := longestList(fullDocument(t).Raw()); longest != 8 {
		t.Errorf("the longest list of the full document has %d entries, want 8, its partitions", longest)
	}
}

// TestErrorsAreShort: a document with a million faults must not fill the log.
func TestErrorsAreShort(t *testing.T) {
	d := fullDocument(t).Clone()
	d.Voters = slices.Repeat([]NodeID{77}, 60000)
	d.Buckets = slices.Repeat([]Bucket{{Name: strings.Repeat("?", 1000), Policy: strings.Repeat("?", 1000)}}, 60000)
	d.Members[1].Name = strings.Repeat("?", 100000)
	if err := d.Validate(); err == nil || len(err.Error()) > 4096 {
		t.Errorf("the error has %d bytes", len(err.Error()))
	}
}

func TestDecodeOfEncodeIsTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members := drawMembers(t, 12, 3, rapid.IntRange(1, maxWeight))
		for i := range members {
			members[i].Name = rapid.StringN(0, 40, 100).Draw(t, "name")
		}
		d, err := First(firstOf(members, 1<<rapid.IntRange(3, 6).Draw(t, "log q"), rapid.IntRange(1, 5).Draw(t, "n")))
		if err != nil {
			t.Fatal(err)
		}
		back, err := Decode(d.Raw())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(d, back, sameDocument); diff != "" {
			t.Error(diff)
		}
		again, err := back.Clone().Encode()
		if err != nil || !bytes.Equal(again, d.Raw()) {
			t.Errorf("one document has two encodings: %v\n%s\n%s", err, d.Raw(), again)
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add(mustFirst(f, testMembers(3), 8, 3).Raw())
	f.Add(fullDocument(f).Raw())
	f.Add([]byte(`{"format":1,"layout":[null],"members":[{"id":"0000000000000001"}]}`))
	f.Add([]byte(`{"format":1,"partitions":-8,"layout":[]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := Decode(raw)
		if err != nil {
			return
		}
		if !bytes.Equal(d.Raw(), raw) || d.Name() != (Name{Era: d.Era, Version: d.Version, Hash: HashOf(raw)}) {
			t.Errorf("%s is named %s", raw, d.Name())
		}
		for p := range d.Layout {
			if entry := d.Entry(Partition(p)); len(entry.Serving)+countFallbacks(d, Partition(p)) > len(d.Members) {
				t.Errorf("partition %d has more nodes than there are", p)
			}
		}
		again, err := d.Clone().Seal()
		if err != nil {
			if d.Editable() == nil {
				t.Fatalf("decoded, and cannot be encoded: %v", err)
			}
			return
		}
		if diff := cmp.Diff(d, again, sameDocument, cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
	})
}

func countFallbacks(d *Document, p Partition) int {
	count := 0
	for range d.Fallbacks(p) {
		count++
	}
	return count
}
