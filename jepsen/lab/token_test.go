package lab

import (
	"slices"
	"testing"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/storage/causal"
)

func TestCoversReadsTheProductsTokens(t *testing.T) {
	for name, test := range map[string]struct {
		context causal.Context
		want    []string
	}{
		"no dots":   {causal.NewContext(7), nil},
		"one dot":   {causal.NewContext(7, causal.Dot{Actor: 0xab, Counter: 3}), []string{"00000000000000ab-3"}},
		"many dots": {causal.NewContext(1<<60, causal.Dot{Actor: 1, Counter: 1}, causal.Dot{Actor: 2, Counter: 1 << 40}), []string{"0000000000000001-1", "0000000000000002-10000000000"}},
	} {
		t.Run(name, func(t *testing.T) {
			token := causal.Seen{Context: test.context}.Token([]byte("secret"), "bucket", 1, "key")
			got, err := Covers(request.Context(token))
			if err != nil || !slices.Equal(got, test.want) {
				t.Errorf("Covers: %q, %v; want %q", got, err, test.want)
			}
		})
	}
}

func TestCoversRefusesOtherForms(t *testing.T) {
	for _, token := range []request.Context{"x", "AAAA", "AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "////"} {
		if got, err := Covers(token); err == nil {
			t.Errorf("Covers(%q) = %q; want an error", token, got)
		}
	}
	if got, err := Covers(""); got != nil || err != nil {
		t.Errorf("no token: %q, %v; want nothing", got, err)
	}
}
