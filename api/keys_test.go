package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hengedb/henge/api/wire"
)

const key = "/v1/buckets/default/keys/k"

func TestAValueIsItsBytesAndWhatDescribesThemStandsInHeaders(t *testing.T) {
	h := openNode(t).Handler()
	put := wants(t, do(t, h, ask("PUT", key, "hello", "Content-Type", "text/plain", "Henge-Meta-Owner", "Ann", "Idempotency-Key", "op-1")), 204)
	for name, want := range map[string]string{
		"Henge-Acks": "1/1; primary=1; durable=1; hinted=0", "Henge-Need": "1", "Henge-Siblings": "1", "Henge-Operation": "op-1",
	} {
		if got := put.Header.Get(name); got != want {
			t.Errorf("put: %s is %q, want %q", name, got, want)
		}
	}
	got := wants(t, do(t, h, ask("GET", key, "")), 200)
	if body := got.body; body != "hello" {
		t.Errorf("body %q", body)
	}
	head := wants(t, do(t, h, ask("HEAD", key, "")), 200)
	for name, want := range map[string]string{
		"Content-Type": "text/plain", "Henge-Meta-Owner": "Ann", "Content-Length": "5", "Etag": put.Header.Get("Etag"),
		"Henge-Context": put.Header.Get("Henge-Context"), "Henge-Answers": "1/1; primary=1",
	} {
		if got.Header.Get(name) != want || head.Header.Get(name) != want {
			t.Errorf("%s is %q after GET and %q after HEAD, want %q", name, got.Header.Get(name), head.Header.Get(name), want)
		}
	}
	if modified, err := http.ParseTime(head.Header.Get("Last-Modified")); err != nil || time.Since(modified) > time.Hour {
		t.Errorf("Last-Modified: %v, %v", modified, err)
	}
}

func TestAnExpiryIsTold(t *testing.T) {
	h := openNode(t).Handler()
	for _, header := range [][2]string{{"Henge-TTL", "1h"}, {"Henge-Expires-At", "2099-01-02T04:04:05.5+01:00"}} {
		wants(t, do(t, h, ask("PUT", key, "v", header[0], header[1])), 204)
		got := wants(t, do(t, h, ask("GET", key, "")), 200).Header.Get("Henge-Expires-At")
		at, err := time.Parse(time.RFC3339, got)
		if err != nil || (header[0] == "Henge-Expires-At" && got != "2099-01-02T03:04:05.5Z") || (header[0] == "Henge-TTL" && time.Until(at) > time.Hour) {
			t.Errorf("%s: %s comes back as %q, %v", header[0], header[1], got, err)
		}
		if head := wants(t, do(t, h, ask("HEAD", key, "")), 200).Header.Get("Henge-Expires-At"); head != got {
			t.Errorf("HEAD tells %q, GET %q", head, got)
		}
		shown := wants(t, do(t, h, ask("PUT", key, "v", header[0], header[1], "Prefer", "return=representation")), 200)
		if shown.Header.Get("Henge-Expires-At") == "" {
			t.Error("the value in a put's answer tells no expiry")
		}
		if explained := wants(t, do(t, h, ask("GET", "/v1/buckets/default/explain/k", "")), 200).body; !strings.Contains(explained, `"expires_at"`) {
			t.Errorf("explained as %s", explained)
		}
		if listed := wants(t, do(t, h, ask("GET", "/v1/buckets/default/keys?values=true", "")), 200).body; !strings.Contains(listed, `"expires_at"`) {
			t.Errorf("listed as %s", listed)
		}
	}
	wants(t, do(t, h, ask("PUT", key, "v", "Henge-TTL", "none")), 204)
	if at := wants(t, do(t, h, ask("GET", key, "")), 200).Header.Values("Henge-Expires-At"); at != nil {
		t.Errorf("a value without one expires at %q", at)
	}
}

func TestAPutWithoutContextReplacesAndOneWithAnOldContextIsASibling(t *testing.T) {
	h := openNode(t).Handler()
	first := wants(t, do(t, h, ask("PUT", key, "1")), 204)
	wants(t, do(t, h, ask("PUT", key, "2", "Content-Type", "text/plain", "Henge-Meta-A", "b")), 204)
	if body := do(t, h, ask("GET", key, "")).body; body != "2" {
		t.Fatalf("two plain puts left %q", body)
	}
	wants(t, do(t, h, ask("PUT", key, "3", "Henge-Context", first.Header.Get("Henge-Context"))), 204)
	many := wants(t, do(t, h, ask("GET", key, "")), 300)
	var set wire.Set
	if err := json.Unmarshal([]byte(many.body), &set); err != nil {
		t.Fatal(err)
	}
	values := map[string]wire.Sibling{}
	for _, s := range set.Siblings {
		values[string(*s.Base64)] = s
	}
	if len(values) != 2 || values["2"].Meta["a"] != "b" || values["2"].ContentType != "text/plain" || values["3"].ID == "" {
		t.Fatalf("siblings %+v", set.Siblings)
	}
	if head := wants(t, do(t, h, ask("HEAD", key, "")), 300); head.Header.Get("Henge-Siblings") != "2" {
		t.Errorf("HEAD: %v", head.Header)
	}
	one := wants(t, do(t, h, ask("GET", key+"?sibling="+values["3"].ID, "")), 200)
	if body := one.body; body != "3" || one.Header.Get("Henge-Context") != "" || one.Header.Get("Etag") != "" {
		t.Errorf("one sibling: %q with %v; want no context: a write with it would lose the other", body, one.Header)
	}
	none := complaint(t, wants(t, do(t, h, ask("GET", key+"?sibling=none", "")), 404))
	if none.Field != "sibling" {
		t.Errorf("field %q", none.Field)
	}
	wants(t, do(t, h, ask("PUT", key, "merged", "Henge-Context", many.Header.Get("Henge-Context"))), 204)
	if body := wants(t, do(t, h, ask("GET", key, "")), 200).body; body != "merged" {
		t.Errorf("after the merge: %q", body)
	}
}

func TestConditions(t *testing.T) {
	h := openNode(t).Handler()
	wants(t, do(t, h, ask("PUT", key, "0", "If-Match", "*")), 412)
	first := wants(t, do(t, h, ask("PUT", key, "1", "If-None-Match", "*")), 201)
	p := complaint(t, wants(t, do(t, h, ask("PUT", key, "2", "If-None-Match", "*")), 412))
	if p.Field != "If-None-Match" || p.Outcome != "none" {
		t.Errorf("problem %+v", p)
	}
	tag := first.Header.Get("Etag")
	second := wants(t, do(t, h, ask("PUT", key, "2", "If-Match", tag)), 204)
	p = complaint(t, wants(t, do(t, h, ask("PUT", key, "3", "If-Match", tag)), 412))
	if p.Field != "If-Match" {
		t.Errorf("problem %+v", p)
	}
	wants(t, do(t, h, ask("DELETE", key, "", "If-Match", tag)), 412)
	wants(t, do(t, h, ask("PUT", key, "3", "If-Match", "W/"+second.Header.Get("Etag"))), 412)
	tag = second.Header.Get("Etag")
	for name, tc := range map[string]struct {
		headers []string
		status  int
	}{
		"the tag is the value's":                {[]string{"If-None-Match", tag}, 304},
		"a weak tag is the value's":             {[]string{"If-None-Match", "W/" + tag}, 304},
		"the value's tag stands in a list":      {[]string{"If-None-Match", `"x", ` + tag}, 304},
		"any value will not do":                 {[]string{"If-None-Match", "*"}, 304},
		"the tag is of an older value":          {[]string{"If-None-Match", first.Header.Get("Etag")}, 200},
		"the tag must be the value's and is":    {[]string{"If-Match", tag}, 200},
		"the tag must be the value's and isn't": {[]string{"If-Match", first.Header.Get("Etag")}, 412},
		"a weak tag matches nothing":            {[]string{"If-Match", "W/" + tag}, 412},
	} {
		t.Run(name, func(t *testing.T) {
			for _, method := range []string{"GET", "HEAD"} {
				wants(t, do(t, h, ask(method, key, "", tc.headers...)), tc.status)
			}
		})
	}
}

func TestPreferRepresentationAnswersWithTheValue(t *testing.T) {
	h := openNode(t).Handler()
	prefer := []string{"Prefer", `respond-async, Return="representation"; x=y`, "Content-Type", "text/x"}
	r := wants(t, do(t, h, ask("PUT", key, "v", append(prefer, "If-None-Match", "*")...)), 201)
	if body := r.body; body != "v" || r.Header.Get("Preference-Applied") != "return=representation" || r.Header.Get("Content-Type") != "text/x" {
		t.Errorf("%q with %v", body, r.Header)
	}
	wants(t, do(t, h, ask("PUT", key, "w")), 204)
	r = wants(t, do(t, h, ask("PUT", key, "x", append(prefer, "Henge-Context", r.Header.Get("Henge-Context"))...)), 200)
	var set wire.Set
	if err := json.Unmarshal([]byte(r.body), &set); err != nil || len(set.Siblings) != 2 {
		t.Errorf("%d siblings, %v", len(set.Siblings), err)
	}
}

func TestADeleteLeavesAContextAndNothingElse(t *testing.T) {
	h := openNode(t).Handler()
	never := wants(t, do(t, h, ask("GET", key, "")), 404)
	if never.Header.Get("Henge-Context") != "" {
		t.Error("a key that never was has a context")
	}
	wants(t, do(t, h, ask("DELETE", key, "")), 204)
	wants(t, do(t, h, ask("PUT", key, "v")), 204)
	wants(t, do(t, h, ask("DELETE", key, "", "Idempotency-Key", "d")), 204)
	wants(t, do(t, h, ask("HEAD", key, "")), 404)
	gone := wants(t, do(t, h, ask("GET", key, "")), 404)
	if p := complaint(t, gone); p.Code != "not_found" || gone.Header.Get("Henge-Context") == "" || gone.Header.Get("Henge-Answers") == "" {
		t.Errorf("problem %+v with %v", p, gone.Header)
	}
}

// A retry under one name is one write, even when another came between.
func TestARetryIsNoSecondWrite(t *testing.T) {
	h := openNode(t).Handler()
	wants(t, do(t, h, ask("PUT", key, "1", "Idempotency-Key", "a")), 204)
	wants(t, do(t, h, ask("PUT", key, "2")), 204)
	wants(t, do(t, h, ask("PUT", key, "1", "Idempotency-Key", "a")), 204)
	if body := wants(t, do(t, h, ask("GET", key, "")), 200).body; body != "2" {
		t.Errorf("the retry replaced what came after the first try: %q", body)
	}
}

// Keys are taken as they were sent: decoded once, never cleaned.
func TestKeysAreAnyBytes(t *testing.T) {
	h := openNode(t).Handler()
	for name, tc := range map[string]struct{ sent, key string }{
		"a slash":                            {"a/b", "a/b"},
		"an escaped slash is the same":       {"a%2Fb", "a/b"},
		"two slashes stay two":               {"a//b/", "a//b/"},
		"a leading slash":                    {"/a", "/a"},
		"a zero byte":                        {"%00", "\x00"},
		"bytes that are no text":             {"%FF%fe", "\xff\xfe"},
		"an escaped percent is decoded once": {"%252F", "%2F"},
		"a plus is a plus":                   {"a+b", "a+b"},
		"escaped dots within a key":          {"a%2F..%2Fb", "a/../b"},
		"escaped dots beside odd bytes":      {"a%2F..%2Fb\"", "a/../b\""},
		"three dots":                         {"...", "..."},
		"a question mark":                    {"a%3Fr=1", "a?r=1"},
		"the longest":                        {strings.Repeat("%ff", 1024), strings.Repeat("\xff", 1024)},
	} {
		t.Run(name, func(t *testing.T) {
			keys := &scripted{value: oneValue()}
			do(t, serve(t, keys), ask("GET", "/v1/buckets/default/keys/"+tc.sent, ""))
			if keys.key != tc.key {
				t.Errorf("key %q, want %q", keys.key, tc.key)
			}
			target := "/v1/buckets/default/keys/" + tc.sent
			wants(t, do(t, h, ask("PUT", target, tc.key)), 204)
			if body := wants(t, do(t, h, ask("GET", target, "")), 200).body; body != tc.key {
				t.Errorf("read %q", body)
			}
			wants(t, do(t, h, ask("GET", "/v1/buckets/default/explain/"+tc.sent, "")), 200)
		})
	}
}
