package causal

import (
	"encoding/base64"
	"errors"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestATokenOpensForItsOwnKey(t *testing.T) {
	policies(t, func(t *rapid.T, policy Policy) {
		seen := anyObject(policy).Draw(t, "object").Seen()
		token := seen.Token(secret, "bucket", 3, "key")
		got, err := ParseToken(token, secret, "bucket", 3, "key")
		if err != nil || !got.Context.Equal(seen.Context) || !slices.Equal(got.Ops, seen.Ops) {
			t.Fatalf("%v became %v, %v", seen, got, err)
		}
		if strings.Trim(token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			t.Fatalf("token %q does not stand in a header or a URL", token)
		}
	})
}

func TestATokenOpensForNothingElse(t *testing.T) {
	token := whole().Seen().Token(secret, "bucket", 3, "key")
	type opener struct {
		token      string
		secret     string
		bucket     string
		generation uint64
		key        string
	}
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	changed := func(at int, bits byte) string {
		b := append([]byte(nil), raw...)
		b[at] ^= bits
		return base64.RawURLEncoding.EncodeToString(b)
	}
	own := "secret"
	cases := map[string]opener{
		"another cluster's":                     {token, "other", "bucket", 3, "key"},
		"another bucket's":                      {token, own, "bucked", 3, "key"},
		"an older generation's":                 {token, own, "bucket", 4, "key"},
		"a newer generation's":                  {token, own, "bucket", 2, "key"},
		"another key's":                         {token, own, "bucket", 3, "kez"},
		"with the border of bucket and key off": {token, own, "bucketk", 3, "ey"},
		"of nothing":                            {"", own, "bucket", 3, "key"},
		"of no base64":                          {"not base64!", own, "bucket", 3, "key"},
		"with padding":                          {token + "=", own, "bucket", 3, "key"},
		"with a line's end":                     {token + "\n", own, "bucket", 3, "key"},
		"of another version":                    {changed(0, 3), own, "bucket", 3, "key"},
		"too long":                              {strings.Repeat("A", maxToken+1), own, "bucket", 3, "key"},
	}
	for at := range raw {
		cases["with a bit off, at "+string(rune('A'+at))] = opener{changed(at, 1), own, "bucket", 3, "key"}
	}
	for cut := range token {
		cases["cut to "+token[:cut]] = opener{token[:cut], own, "bucket", 3, "key"}
	}
	for name, o := range cases {
		if c, err := ParseToken(o.token, []byte(o.secret), o.bucket, o.generation, o.key); !errors.Is(err, ErrToken) {
			t.Errorf("a token %s: %v, %v; want ErrToken", name, c, err)
		}
	}
}

// TestASealedBodyThatIsNoContextIsRefused: the seal vouches for who wrote, not for
// what.
func TestASealedBodyThatIsNoContextIsRefused(t *testing.T) {
	good := appendOps(whole().Context.append([]byte{version}), whole().Ops)
	for name, body := range map[string][]byte{
		"nothing but a version": {version},
		"another version's":     append([]byte{version + 1}, good[1:]...),
		"cut short":             good[:len(good)-1],
		"a byte too many":       append(slices.Clip(good), 0),
	} {
		token := base64.RawURLEncoding.EncodeToString(append(slices.Clip(body), seal(body, secret, "b", 1, "k")...))
		if c, err := ParseToken(token, secret, "b", 1, "k"); !errors.Is(err, ErrToken) {
			t.Errorf("%s: %v, %v; want ErrToken", name, c, err)
		}
	}
}

// TestTheSealIsComparedInConstantTime reads the source: a comparison that stops at
// the first wrong byte would let a client find a seal byte by byte.
func TestTheSealIsComparedInConstantTime(t *testing.T) {
	source, err := os.ReadFile("token.go")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(source), "hmac.Equal(") || regexp.MustCompile(`bytes\.(Equal|Compare)`).Match(source) {
		t.Error("token.go does not compare seals with hmac.Equal")
	}
}

func FuzzParseToken(f *testing.F) {
	f.Add(whole().Seen().Token(secret, "bucket", 3, "key"))
	f.Add(Seen{}.Token(secret, "bucket", 3, "key"))
	f.Add("AQ")
	f.Fuzz(func(t *testing.T, token string) {
		c, err := ParseToken(token, secret, "bucket", 3, "key")
		if err == nil && c.Token(secret, "bucket", 3, "key") != token {
			t.Errorf("%q was read as %v", token, c)
		}
		if err != nil && !errors.Is(err, ErrToken) {
			t.Errorf("%q: %v, want ErrToken", token, err)
		}
	})
}
