package client_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hengedb/henge"
	"github.com/hengedb/henge/api/client"
)

func badInput(t *testing.T, b bucket) {
	put := func(key string, o henge.WriteOptions) error {
		_, err := b.Put(t.Context(), key, []byte("v"), o)
		return err
	}
	get := func(o henge.ReadOptions) error {
		_, err := b.Get(t.Context(), "k", o)
		return err
	}
	_, large := b.Put(t.Context(), "k", make([]byte, 17<<20), henge.WriteOptions{})
	for name, tc := range map[string]struct{ got, want error }{
		"an empty key":            {put("", henge.WriteOptions{}), henge.ErrBadKey},
		"a key of 1025 bytes":     {put(strings.Repeat("x", 1025), henge.WriteOptions{}), henge.ErrBadKey},
		"w above the replicas":    {put("k", henge.WriteOptions{W: 2}), henge.ErrBadKnob},
		"w that is no count":      {put("k", henge.WriteOptions{W: -7}), henge.ErrBadKnob},
		"r above the replicas":    {get(henge.ReadOptions{R: 2}), henge.ErrBadKnob},
		"a timeout over a minute": {get(henge.ReadOptions{Timeout: time.Hour}), henge.ErrBadKnob},
		"a timeout that runs back": {
			put("k", henge.WriteOptions{Timeout: -1}), henge.ErrBadKnob,
		},
		"metadata that is no text":   {put("k", henge.WriteOptions{Meta: map[string]string{"a": "\n"}}), henge.ErrBadValue},
		"metadata over 8 KiB":        {put("k", henge.WriteOptions{Meta: map[string]string{"a": strings.Repeat("x", 8192)}}), henge.ErrBadValue},
		"an operation of 129 bytes":  {put("k", henge.WriteOptions{OpID: strings.Repeat("x", 129)}), henge.ErrBadValue},
		"a type with a control":      {put("k", henge.WriteOptions{ContentType: "a\r\nb"}), henge.ErrBadValue},
		"a value of 17 MiB":          {large, henge.ErrTooLarge},
		"a key that is a single dot": {put(".", henge.WriteOptions{}), errOverHTTP(b, henge.ErrBadKey)},
	} {
		if !errors.Is(tc.got, tc.want) || tc.want != nil && henge.OutcomeOf(tc.got) != henge.None {
			t.Errorf("%s: %v, outcome %s; want %v", name, tc.got, henge.OutcomeOf(tc.got), tc.want)
		}
	}
	if all, _ := values(t, b, "k"); len(all) != 0 {
		t.Errorf("stored %q", all)
	}
}

// errOverHTTP is err for the client: the one difference is that no path can name
// the keys "." and "..".
func errOverHTTP(b bucket, err error) error {
	if _, embedded := b.(*henge.Bucket); embedded {
		return nil
	}
	return err
}

func badBuckets(t *testing.T, _ bucket) {
	embedded, remote := openNode(t), dialInBubble(t, openNode(t).Handler())
	for _, name := range []string{"", "B", ".b", "..", "a/b", strings.Repeat("b", 65)} {
		for _, b := range []bucket{embedded.Bucket(name), remote.Bucket(name)} {
			if _, err := b.Get(t.Context(), "k", henge.ReadOptions{}); !errors.Is(err, henge.ErrBadBucket) {
				t.Errorf("get in bucket %q: %v", name, err)
			}
			for _, err := range b.Scan(t.Context(), henge.ScanOptions{}) {
				if !errors.Is(err, henge.ErrBadBucket) {
					t.Errorf("scan of bucket %q: %v", name, err)
				}
			}
		}
	}
}

func noValue(t *testing.T, b bucket) {
	must(t, b, "k", "hello", henge.WriteOptions{ContentType: "text/x"})
	value, err := b.Get(t.Context(), "k", henge.ReadOptions{NoValue: true})
	if err != nil || len(value.Siblings) != 1 {
		t.Fatalf("%+v, %v", value, err)
	}
	if s := value.Siblings[0]; s.Data != nil || s.Size != 5 || s.ContentType != "text/x" {
		t.Errorf("sibling %+v", s)
	}
	if _, err := b.Get(t.Context(), "none", henge.ReadOptions{NoValue: true}); !errors.Is(err, henge.ErrNotFound) {
		t.Errorf("of nothing: %v", err)
	}
}

func givenUp(t *testing.T, b bucket) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.Put(ctx, "k", []byte("v"), henge.WriteOptions{}); err == nil {
		t.Error("a put of a caller that gave up succeeded")
	}
	for _, err := range b.Scan(ctx, henge.ScanOptions{}) {
		if err == nil {
			t.Error("a scan of a caller that gave up gave a key")
		}
	}
}

func returned(t *testing.T, b bucket) {
	first := must(t, b, "k", "1", henge.WriteOptions{Return: true})
	if first.Value == nil || len(first.Value.Siblings) != 1 || string(first.Value.Siblings[0].Data) != "1" {
		t.Fatalf("returned %+v", first.Value)
	}
	must(t, b, "k", "2", henge.WriteOptions{})
	second := must(t, b, "k", "3", henge.WriteOptions{Return: true, Context: first.Context})
	if second.Value == nil || len(second.Value.Siblings) != 2 {
		t.Errorf("returned %+v", second.Value)
	}
	if plain := must(t, b, "k", "4", henge.WriteOptions{}); plain.Value != nil {
		t.Errorf("returned %+v, which nobody asked for", plain.Value)
	}
}

func TestAnAddressThatIsNoneIsToldWithoutItsPassword(t *testing.T) {
	for _, raw := range []string{"://", "node:7420", "http://", "http://me:hunter2", "http://me:hunter2@node:7420", "http://me:hunter2@no de", "ftp://node"} {
		_, err := client.New(client.Options{URLs: []string{raw}})
		if err == nil {
			t.Errorf("%q is taken", raw)
			continue
		}
		if text := err.Error(); strings.Contains(text, "hunter2") || !strings.Contains(text, "want http://host:port") && !strings.Contains(text, "no user") {
			t.Errorf("%q: %s", raw, text)
		}
	}
}
