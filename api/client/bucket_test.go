package client_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/hengedb/henge"
	"github.com/hengedb/henge/api/client"
)

// bucket is what an embedded node's bucket and the client's have in common.
type bucket interface {
	Get(ctx context.Context, key string, o henge.ReadOptions) (henge.Value, error)
	Put(ctx context.Context, key string, value []byte, o henge.WriteOptions) (henge.Receipt, error)
	Delete(ctx context.Context, key string, o henge.WriteOptions) (henge.Receipt, error)
	Scan(ctx context.Context, o henge.ScanOptions) iter.Seq2[henge.Entry, error]
	Update(ctx context.Context, key string, merge func([]henge.Sibling) ([]byte, error)) (henge.Receipt, error)
}

var (
	_ bucket = (*henge.Bucket)(nil)
	_ bucket = (*client.Bucket)(nil)
)

func TestBothBucketsHaveOneMethodSet(t *testing.T) {
	methods := func(of reflect.Type) (set []string) {
		for m := range of.Methods() {
			words := strings.Split(m.Type.String(), ", ")
			set = append(set, m.Name+" "+strings.Join(words[1:], ", "))
		}
		return set
	}
	embedded, remote := methods(reflect.TypeFor[*henge.Bucket]()), methods(reflect.TypeFor[*client.Bucket]())
	if diff := cmp.Diff(embedded, remote); diff != "" {
		t.Errorf("the embedded bucket (-) and the client's (+) differ:\n%s", diff)
	}
}

// TestBothBuckets runs one table over an embedded node's bucket and over the
// client's, each against a node of its own.
func TestBothBuckets(t *testing.T) {
	for behaviour, check := range map[string]func(*testing.T, bucket){
		"what is put is got":                          putAndGet,
		"a plain put replaces":                        plainPuts,
		"concurrent writes are values":                siblings,
		"nothing is an error with a context":          notFound,
		"conditions hold":                             conditions,
		"a context is of one key":                     contexts,
		"one operation is one write":                  operations,
		"a scan lists every key once":                 scans,
		"an expiry comes back":                        expiries,
		"an update merges what others wrote":          updates,
		"bad input is told apart":                     badInput,
		"HEAD leaves the bytes out":                   noValue,
		"a caller that gave up is not kept":           givenUp,
		"a put can answer with the value":             returned,
		"a bucket's name is checked when it is asked": badBuckets,
	} {
		t.Run(behaviour, func(t *testing.T) {
			t.Run("embedded", inBubble(func(t *testing.T) { check(t, openNode(t).Bucket("b")) }))
			t.Run("over HTTP", inBubble(func(t *testing.T) { check(t, dialInBubble(t, openNode(t).Handler()).Bucket("b")) }))
		})
	}
}

// must puts a value.
func must(t *testing.T, b bucket, key, value string, o henge.WriteOptions) henge.Receipt {
	t.Helper()
	receipt, err := b.Put(t.Context(), key, []byte(value), o)
	if err != nil {
		t.Fatalf("put %q: %v", key, err)
	}
	return receipt
}

// values gets a key's values in order.
func values(t *testing.T, b bucket, key string) (all []string, seen henge.Value) {
	t.Helper()
	seen, err := b.Get(t.Context(), key, henge.ReadOptions{})
	if err != nil && !errors.Is(err, henge.ErrNotFound) {
		t.Fatal(err)
	}
	for _, s := range seen.Siblings {
		all = append(all, string(s.Data))
	}
	slices.Sort(all)
	return all, seen
}

func putAndGet(t *testing.T, b bucket) {
	for _, key := range []string{"k", "a/b", "a//b", "\x00\xff", "?r=1&x", "a/../b", strings.Repeat("\xfe", 1024)} {
		receipt := must(t, b, key, "v\x00", henge.WriteOptions{ContentType: "text/x", Meta: map[string]string{"owner": "Ann"}, OpID: "op" + fmt.Sprint(len(key))})
		want := henge.Receipt{Replicas: 1, Need: 1, Acks: 1, Primary: 1, Durable: 1, Siblings: 1, OpID: receipt.OpID}
		if diff := cmp.Diff(want, receipt, cmpopts.IgnoreFields(henge.Receipt{}, "Context", "ETag", "Results", "Created")); diff != "" {
			t.Errorf("receipt (-want +got):\n%s", diff)
		}
		_, got := values(t, b, key)
		s := got.Siblings[0]
		if string(s.Data) != "v\x00" || s.Size != 2 || s.ContentType != "text/x" || s.Meta["owner"] != "Ann" || s.ID == "" || s.Modified.IsZero() {
			t.Errorf("key %q: %+v", key, s)
		}
		if got.ETag != receipt.ETag || got.Context != receipt.Context || got.Answers.Got != 1 || got.Answers.Primary != 1 || got.Answers.Need != 1 {
			t.Errorf("key %q: %+v after receipt %+v", key, got, receipt)
		}
	}
	if all, _ := values(t, b, "never"); len(all) != 0 {
		t.Errorf("another key holds %q", all)
	}
	must(t, b, "empty", "", henge.WriteOptions{})
	if _, got := values(t, b, "empty"); len(got.Siblings) != 1 || len(got.Siblings[0].Data) != 0 {
		t.Errorf("an empty value: %+v", got)
	}
}

func expiries(t *testing.T, b bucket) {
	in := time.Now().Add(time.Hour)
	for name, o := range map[string]henge.WriteOptions{
		"never": {}, "said so": {TTL: henge.NoTTL}, "a TTL": {TTL: time.Hour}, "a time": {ExpiresAt: in}, "returned": {ExpiresAt: in, Return: true},
	} {
		receipt := must(t, b, name, "v", o)
		got, err := b.Get(t.Context(), name, henge.ReadOptions{})
		head, herr := b.Get(t.Context(), name, henge.ReadOptions{NoValue: true})
		if err != nil || herr != nil {
			t.Fatal(err, herr)
		}
		at := got.Siblings[0].Expires // by the node's clock, which a start sets up to 10 s ahead
		if o.TTL <= 0 && o.ExpiresAt.IsZero() && !at.IsZero() || o.TTL > 0 && (at.Before(in.Truncate(time.Millisecond)) || at.After(time.Now().Add(time.Hour+15*time.Second))) ||
			!o.ExpiresAt.IsZero() && !at.Equal(in.Truncate(time.Millisecond)) {
			t.Errorf("%s: it expires at %v", name, at)
		}
		if !head.Siblings[0].Expires.Equal(at) || o.Return && !receipt.Value.Siblings[0].Expires.Equal(at) {
			t.Errorf("%s: HEAD tells %v, the receipt %+v, a get %v", name, head.Siblings[0].Expires, receipt.Value, at)
		}
		for e, err := range b.Scan(t.Context(), henge.ScanOptions{Values: true}) {
			if err != nil || e.Key == name && !e.Value.Siblings[0].Expires.Equal(at) {
				t.Errorf("%s is listed as %+v, %v", name, e, err)
			}
		}
	}
	for name, o := range map[string]henge.WriteOptions{
		"a TTL under a second": {TTL: time.Millisecond}, "a TTL below none": {TTL: -time.Hour}, "a TTL over 100 years": {TTL: 1<<63 - 1},
		"both": {TTL: time.Hour, ExpiresAt: in}, "a time that has passed": {ExpiresAt: time.Now().Add(-time.Second)},
		"a time before all clocks": {ExpiresAt: time.Unix(-1, 0)}, "a time too far ahead": {ExpiresAt: in.AddDate(101, 0, 0)},
	} {
		if _, err := b.Put(t.Context(), "bad", nil, o); !errors.Is(err, henge.ErrBadValue) || henge.OutcomeOf(err) != henge.None {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := b.Delete(t.Context(), "bad", henge.WriteOptions{TTL: time.Hour}); !errors.Is(err, henge.ErrBadValue) {
		t.Errorf("a delete that expires: %v", err)
	}
}

func plainPuts(t *testing.T, b bucket) {
	must(t, b, "k", "1", henge.WriteOptions{})
	must(t, b, "k", "2", henge.WriteOptions{})
	if all, _ := values(t, b, "k"); !slices.Equal(all, []string{"2"}) {
		t.Errorf("values %q", all)
	}
}

func siblings(t *testing.T, b bucket) {
	first := must(t, b, "k", "1", henge.WriteOptions{})
	must(t, b, "k", "2", henge.WriteOptions{Context: first.Context, Meta: map[string]string{"m": "x"}})
	receipt := must(t, b, "k", "3\xff", henge.WriteOptions{Context: first.Context})
	all, seen := values(t, b, "k")
	if !slices.Equal(all, []string{"2", "3\xff"}) || receipt.Siblings != 2 || receipt.Context != "" || seen.ETag == "" {
		t.Fatalf("values %q after the receipt %+v", all, receipt)
	}
	if _, ok := seen.Bytes(); ok {
		t.Error("two values are given as one")
	}
	for _, s := range seen.Siblings {
		if want := string(s.Data) == "2"; (s.Meta["m"] == "x") != want || s.ID == "" || s.Modified.IsZero() {
			t.Errorf("sibling %+v", s)
		}
	}
	if o, err := b.Get(t.Context(), "k", henge.ReadOptions{NoValue: true}); err != nil || len(o.Siblings) != 2 || o.Siblings[0].Data != nil {
		t.Errorf("what describes siblings: %+v, %v", o, err)
	}
	must(t, b, "k", "merged", henge.WriteOptions{Context: seen.Context})
	if all, _ := values(t, b, "k"); !slices.Equal(all, []string{"merged"}) {
		t.Errorf("after the merge: %q", all)
	}
}

func notFound(t *testing.T, b bucket) {
	never, err := b.Get(t.Context(), "k", henge.ReadOptions{})
	if !errors.Is(err, henge.ErrNotFound) || never.Context != "" || never.Answers.Got != 1 {
		t.Errorf("a key that never was: %+v, %v", never, err)
	}
	if _, err := b.Delete(t.Context(), "k", henge.WriteOptions{}); err != nil {
		t.Errorf("delete of nothing: %v", err)
	}
	must(t, b, "k", "v", henge.WriteOptions{})
	if _, err := b.Delete(t.Context(), "k", henge.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	gone, err := b.Get(t.Context(), "k", henge.ReadOptions{})
	if !errors.Is(err, henge.ErrNotFound) || gone.Context == "" || henge.OutcomeOf(err) != henge.None {
		t.Errorf("a deleted key: %+v, %v", gone, err)
	}
	must(t, b, "k", "again", henge.WriteOptions{Context: gone.Context})
}

func conditions(t *testing.T, b bucket) {
	put := func(o henge.WriteOptions) error {
		_, err := b.Put(t.Context(), "k", []byte("v"), o)
		return err
	}
	first := must(t, b, "k", "1", henge.WriteOptions{IfNoneMatch: "*"})
	if !first.Created {
		t.Error("the first put created nothing")
	}
	if err := put(henge.WriteOptions{IfNoneMatch: "*"}); !errors.Is(err, henge.ErrPrecondition) || henge.OutcomeOf(err) != henge.None {
		t.Errorf("If-None-Match: * of what exists: %v", err)
	}
	if err := put(henge.WriteOptions{IfMatch: first.ETag}); err != nil {
		t.Errorf("If-Match of what is there: %v", err)
	}
	if err := put(henge.WriteOptions{IfMatch: first.ETag}); !errors.Is(err, henge.ErrPrecondition) {
		t.Errorf("If-Match of what was there: %v", err)
	}
	if _, err := b.Delete(t.Context(), "k", henge.WriteOptions{IfMatch: first.ETag}); !errors.Is(err, henge.ErrPrecondition) {
		t.Errorf("delete with If-Match of what was there: %v", err)
	}
}

func contexts(t *testing.T, b bucket) {
	other := must(t, b, "other", "v", henge.WriteOptions{}).Context
	for name, context := range map[string]henge.Context{"another key's": other, "cut": other[:len(other)-2], "none": "!"} {
		_, err := b.Put(t.Context(), "k", []byte("v"), henge.WriteOptions{Context: context})
		if !errors.Is(err, henge.ErrBadContext) || henge.OutcomeOf(err) != henge.None {
			t.Errorf("a context that is %s: %v", name, err)
		}
	}
	if all, _ := values(t, b, "k"); len(all) != 0 {
		t.Errorf("stored %q", all)
	}
}

func operations(t *testing.T, b bucket) {
	first := must(t, b, "k", "1", henge.WriteOptions{OpID: "op"})
	must(t, b, "k", "2", henge.WriteOptions{})
	again := must(t, b, "k", "1", henge.WriteOptions{OpID: "op"})
	if all, _ := values(t, b, "k"); !slices.Equal(all, []string{"2"}) || first.OpID != "op" || again.OpID != "op" {
		t.Errorf("after a retry: %q, %q and %q", all, first.OpID, again.OpID)
	}
	if made := must(t, b, "k", "3", henge.WriteOptions{}).OpID; made == "" {
		t.Error("no operation id was made")
	}
}

func scans(t *testing.T, b bucket) {
	want := map[string]string{}
	for i := range 30 {
		want[fmt.Sprintf("key-%d\xff", i)] = fmt.Sprint(i)
	}
	want["text"] = "\xfe"
	for k, v := range want {
		must(t, b, k, v, henge.WriteOptions{})
	}
	got := map[string]string{}
	cursor := ""
	for e, err := range b.Scan(t.Context(), henge.ScanOptions{Values: true}) {
		if err != nil {
			t.Fatal(err)
		}
		data, _ := e.Value.Bytes()
		got[e.Key] += string(data)
		if len(got) == 11 {
			cursor = e.Cursor
			break
		}
	}
	for e, err := range b.Scan(t.Context(), henge.ScanOptions{Values: true, Cursor: cursor}) {
		if err != nil {
			t.Fatal(err)
		}
		data, _ := e.Value.Bytes()
		got[e.Key] += string(data)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("in two pieces (-want +got):\n%s", diff)
	}
	count := func(o henge.ScanOptions) (n int, err error) {
		for _, err = range b.Scan(t.Context(), o) {
			if err != nil {
				return n, err
			}
			n++
		}
		return n, nil
	}
	if n, err := count(henge.ScanOptions{Prefix: "key-1"}); n != 11 || err != nil {
		t.Errorf("%d keys begin with key-1, %v; want 11", n, err)
	}
	if n, err := count(henge.ScanOptions{Limit: 7}); n != 7 || err != nil {
		t.Errorf("%d keys within a limit of 7, %v", n, err)
	}
	if _, err := count(henge.ScanOptions{Cursor: "!"}); !errors.Is(err, henge.ErrBadKnob) {
		t.Errorf("a cursor that is none: %v", err)
	}
}

func updates(t *testing.T, b bucket) {
	var writers sync.WaitGroup
	for i := range 8 {
		writers.Go(func() {
			_, err := b.Update(t.Context(), "k", func(siblings []henge.Sibling) ([]byte, error) {
				items := []string{fmt.Sprint(i)}
				for _, s := range siblings {
					items = append(items, strings.Split(string(s.Data), ",")...)
				}
				slices.Sort(items)
				return []byte(strings.Join(slices.Compact(items), ",")), nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	writers.Wait()
	// Two that write at one instant through two coordinators do not see each other, and
	// may leave siblings. What none of them holds is lost.
	all, _ := values(t, b, "k")
	items := strings.Split(strings.Join(all, ","), ",")
	slices.Sort(items)
	if items = slices.Compact(items); !slices.Equal(items, strings.Split("0,1,2,3,4,5,6,7", ",")) {
		t.Errorf("eight updates left %q", all)
	}
	planted := errors.New("planted")
	if _, err := b.Update(t.Context(), "k", func([]henge.Sibling) ([]byte, error) { return nil, planted }); !errors.Is(err, planted) {
		t.Errorf("a merge that fails: %v", err)
	}
}
