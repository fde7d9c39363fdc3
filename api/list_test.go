package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/hengedb/henge/api/wire"
	"github.com/hengedb/henge/replication/request"
)

// records reads a listing.
func records(t *testing.T, r *answer) (entries []wire.Line, last wire.Line) {
	t.Helper()
	wants(t, r, 200)
	for line := range strings.SplitSeq(strings.TrimSpace(r.body), "\n") {
		var record wire.Line
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatal(err)
		}
		entries = append(entries, record)
	}
	last = entries[len(entries)-1]
	if last.Complete == nil || last.Count == nil {
		t.Fatalf("the last record does not say whether the listing is complete: %+v", last)
	}
	return entries[:len(entries)-1], last
}

func TestAListingIsReadInPiecesByItsCursor(t *testing.T) {
	h := openNode(t).Handler()
	stored := map[string]string{"\xff": "\xfe\x00", "a/b": "text", "": ""}
	delete(stored, "")
	for i := range 20 {
		stored[fmt.Sprintf("key-%d", i)] = fmt.Sprint(i)
	}
	for k, v := range stored {
		r := ask("PUT", "/v1/buckets/default/keys/x", v)
		r.URL.Path, r.URL.RawPath = wire.KeyPath("default", k)
		wants(t, do(t, h, r), 204)
	}
	wants(t, do(t, h, ask("PUT", "/v1/buckets/default/keys/gone", "v")), 204)
	wants(t, do(t, h, ask("DELETE", "/v1/buckets/default/keys/gone", "")), 204)
	seen := make(map[string]string)
	cursor := ""
	for range 10 {
		entries, last := records(t, do(t, h, ask("GET", "/v1/buckets/default/keys?values=true&limit=5&cursor="+cursor, "")))
		for _, e := range entries {
			seen[e.String()] += string(e.Entry().Value.Siblings[0].Data)
		}
		if *last.Count != len(entries) {
			t.Errorf("%d records, counted %d", len(entries), *last.Count)
		}
		if *last.Complete {
			break
		}
		cursor = last.Cursor
	}
	if fmt.Sprint(seen) != fmt.Sprint(stored) {
		t.Errorf("listed %q, want %q", seen, stored)
	}
	entries, last := records(t, do(t, h, ask("GET", "/v1/buckets/default/keys?prefix=key-1", "")))
	if len(entries) != 11 || !*last.Complete {
		t.Errorf("%d keys begin with key-1, complete %v; want 11", len(entries), *last.Complete)
	}
	for _, e := range entries {
		if e.Siblings != nil || e.Context != "" {
			t.Errorf("values were not asked for: %+v", e)
		}
	}
	if entries, last := records(t, do(t, h, ask("GET", "/v1/buckets/default/keys?prefix=none", ""))); len(entries) != 0 || !*last.Complete {
		t.Errorf("%d keys begin with none, complete %v", len(entries), *last.Complete)
	}
}

// A listing that breaks after its first key says so in its last record.
func TestABrokenListingSaysThatItIsNotComplete(t *testing.T) {
	keys := &scripted{entries: []request.Entry{{Key: "a", Cursor: "YQ"}}, err: lost(request.ErrTimeout)}
	entries, last := records(t, do(t, serve(t, keys), ask("GET", "/v1/buckets/b/keys", "")))
	if len(entries) != 1 || *last.Complete || last.Error == nil || last.Error.Code != "quorum" || last.Cursor != "YQ" {
		t.Errorf("%d entries, then %+v", len(entries), last)
	}
}

// timed records what deadlines a handler sets.
type timed struct {
	*httptest.ResponseRecorder
	read, write []time.Time
	full        bool // the client takes nothing
}

func (w *timed) SetReadDeadline(at time.Time) error  { w.read = append(w.read, at); return nil }
func (w *timed) SetWriteDeadline(at time.Time) error { w.write = append(w.write, at); return nil }

func (w *timed) Write(b []byte) (int, error) {
	if w.full {
		return 0, http.ErrHandlerTimeout
	}
	return w.ResponseRecorder.Write(b)
}

// A scan may find nothing for longer than any request may take: the server's limits
// are off before it begins, and each piece has one of its own.
func TestAListingOutlivesTheServersLimits(t *testing.T) {
	w := &timed{ResponseRecorder: httptest.NewRecorder()}
	keys := &scripted{entries: []request.Entry{{Key: "a", Cursor: "YQ"}}}
	keys.before = func() {
		if len(w.read) != 1 || !w.read[0].IsZero() || len(w.write) != 1 || !w.write[0].IsZero() {
			t.Errorf("before the scan: read limits %v, write limits %v; want both lifted", w.read, w.write)
		}
	}
	serve(t, keys).ServeHTTP(w, ask("GET", "/v1/buckets/b/keys", ""))
	if len(w.write) != 3 || w.write[1].IsZero() || w.write[2].IsZero() {
		t.Errorf("write limits %v; want one for each piece", w.write)
	}
}

// A client that takes no more ends the scan.
func TestAListingEndsWithItsClient(t *testing.T) {
	w := &timed{ResponseRecorder: httptest.NewRecorder(), full: true}
	keys := &scripted{}
	for i := range 1000 {
		keys.entries = append(keys.entries, request.Entry{Key: fmt.Sprint(i), Cursor: "YQ"})
	}
	h := serve(t, keys)
	h.ServeHTTP(w, ask("GET", "/v1/buckets/b/keys", ""))
	if given := w.Body.Len(); given != 0 {
		t.Errorf("%d bytes were taken", given)
	}
}
