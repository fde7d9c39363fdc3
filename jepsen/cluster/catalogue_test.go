//go:build unix

package cluster_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// The tests take their size from the environment. Without, it is what fits among all
// other tests; in full, by hand:
//
//	apt-get update
//	apt-cache dumpavail | awk 'function q(s) { gsub(/\\/, "\\\\", s); gsub(/"/, "\\\"", s); gsub(/\t/, "\\t", s); return "\"" s "\"" }
//	  /^$/ { if (n) print r "}"; n = 0; next }  /^[ \t]/ { next }
//	  { i = index($0, ":"); r = (n++ ? r "," : "{") q(substr($0, 1, i-1)) ":" q(substr($0, i+2)) }
//	  END { if (n) print r "}" }' > packages.ndjson
//	HENGE_CLUSTER_CATALOGUE=$PWD/packages.ndjson HENGE_CLUSTER_RECORDS=60000 HENGE_CLUSTER_PAUSE=20s \
//	  go test ./jepsen/cluster -run Import -v -timeout 30m
const (
	recordsSetting   = "HENGE_CLUSTER_RECORDS"
	catalogueSetting = "HENGE_CLUSTER_CATALOGUE"
	pauseSetting     = "HENGE_CLUSTER_PAUSE"
)

// Without settings: some seconds of import, and a pause that is longer than every
// timeout of a request.
const (
	fewRecords = 1500
	shortPause = 1500 * time.Millisecond
)

// record is one line of the catalogue.
type record struct {
	key  string
	line []byte
}

// records are the lines to import, at most as many as the environment asks for.
func records(t *testing.T) []record {
	t.Helper()
	n := fewRecords
	if text := os.Getenv(recordsSetting); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil {
			t.Fatalf("%s: %v", recordsSetting, err)
		}
	}
	if path := os.Getenv(catalogueSetting); path != "" {
		return read(t, path, n)
	}
	return invented(t, n)
}

// read reads the first n lines of a catalogue.
func read(t *testing.T, path string, n int) []record {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // only read
	var all []record
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for len(all) < n && lines.Scan() {
		var fields struct{ Package string }
		if err := json.Unmarshal(lines.Bytes(), &fields); err != nil || fields.Package == "" {
			t.Fatalf("%s: line %d has no Package: %v", path, len(all)+1, err)
		}
		all = append(all, record{fields.Package, append([]byte(nil), lines.Bytes()...)})
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// invented makes n records of a catalogue's size.
func invented(t *testing.T, n int) []record {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2)) // any will do
	all := make([]record, n)
	for i := range all {
		key := fmt.Sprintf("package-%d", i)
		filler := make([]byte, 200+random.IntN(800))
		for j := range filler {
			filler[j] = byte('a' + random.IntN(26))
		}
		line, err := json.Marshal(map[string]string{"Package": key, "Description": string(filler)})
		if err != nil {
			t.Fatal(err)
		}
		all[i] = record{key, line}
	}
	return all
}

// pause is how long a node is stopped.
func pause(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv(pauseSetting)
	if text == "" {
		return shortPause
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("%s: %v", pauseSetting, err)
	}
	return d
}
