package main

import (
	"testing"

	"github.com/hengedb/henge/cmd/henge/internal/exit"
)

func TestBucketsAreMadeChangedAndListed(t *testing.T) {
	s := node(t)
	want(t, "create", s.sh(exit.OK, "bucket", "create", "carts", "--owner", "shop", "--policy", "lww").out, "carts", "shop", "lww")
	s.sh(exit.OK, "bucket", "create", "carts", "--owner", "shop", "--policy", "lww")
	s.sh(exit.Conflict, "bucket", "create", "carts")
	want(t, "set", s.sh(exit.OK, "bucket", "set", "carts", "--w", "one", "--sync=false", "--require-context", "--ttl", "90s").out, "shop", "required", "1m30s")
	var b struct {
		Name, Owner, Policy, R, W string
		Sync, Strict              bool
		RequireContext            bool `json:"require_context"`
	}
	s.json(&b, "bucket", "show", "carts")
	if b.Name != "carts" || b.Owner != "shop" || b.Policy != "lww" || b.R != "default" || b.W != "1" || b.Sync || b.Strict || !b.RequireContext {
		t.Errorf("the bucket reads %+v", b)
	}
	want(t, "list", s.sh(exit.OK, "bucket", "list").out, "NAME", "carts", "default")
	want(t, "a put without context", s.sh(exit.Conflict, "put", "k", "v", "--bucket", "carts").err, "owner shop")
	want(t, "names", s.sh(exit.OK, "__complete", "bucket", "set", "").out, "carts\n", "default\n")
	want(t, "policies", s.sh(exit.OK, "__complete", "bucket", "create", "x", "--policy", "").out, "lww\n")
}

func TestAnExpiryIsPutShownAndCarried(t *testing.T) {
	s := node(t)
	s.sh(exit.OK, "put", "a", "1", "--ttl", "1h")
	s.sh(exit.OK, "put", "b", "2", "--expires-at", "2099-01-02T03:04:05Z")
	want(t, "explain", s.sh(exit.OK, "explain", "b").out, "1 bytes, expires 2099-01-02T03:04:05Z")
	want(t, "get", s.sh(exit.OK, "get", "b", "--output", "json").out, `"expires_at":"2099-01-02T03:04:05Z"`)
	export := s.sh(exit.OK, "export", "--bucket", "default").out + `{"key":"c","value":"3","expires_at":"2001-01-02T03:04:05Z"}` + "\n"
	in := s.in(exit.OK, export, "import", "-", "--bucket", "copy", "--format", "export", "--ttl", "1m")
	want(t, "import", in.out, "3 records: 2 acknowledged", "1 records had expired")
	want(t, "the copy", s.sh(exit.OK, "get", "b", "--bucket", "copy", "--output", "json").out, `"expires_at":"2099-01-02T03:04:05Z"`)
	want(t, "a TTL without a unit", s.sh(exit.Usage, "put", "k", "v", "--ttl", "60").err, "--ttl", "with its unit")
	want(t, "a time that is none", s.sh(exit.Usage, "put", "k", "v", "--expires-at", "noon").err, "--expires-at", "RFC 3339")
}

func TestABucketIsDroppedOnceAPersonAgrees(t *testing.T) {
	s := node(t)
	s.sh(exit.OK, "bucket", "create", "carts", "--owner", "shop")
	s.sh(exit.OK, "put", "k", "v", "--bucket", "carts")
	want(t, "the question", s.in(exit.Failure, "no\n", "bucket", "drop", "carts").err, "owner shop")
	s.sh(exit.Usage, "bucket", "drop", "carts", "--output", "json")
	s.sh(exit.OK, "get", "k", "--bucket", "carts")
	want(t, "the answer", s.in(exit.OK, "yes\n", "bucket", "drop", "carts").out, "dropped carts")
	s.sh(exit.NotFound, "bucket", "show", "carts")
	s.sh(exit.NotFound, "bucket", "drop", "carts", "--yes")
	s.sh(exit.OK, "put", "k", "v")
	s.sh(exit.OK, "bucket", "drop", "default", "--yes")
	s.sh(exit.NotFound, "get", "k")
	s.sh(exit.OK, "put", "k", "v")
}

func TestSettingsAreShownAndChanged(t *testing.T) {
	s := node(t)
	want(t, "show", s.sh(exit.OK, "settings", "show").out, "auto_buckets", "on")
	want(t, "set", s.sh(exit.OK, "settings", "set", "auto_buckets=off", "transfer_mibps=32", "w=one").out, "32")
	var settings struct {
		AutoBuckets   bool `json:"auto_buckets"`
		TransferMiBps int  `json:"transfer_mibps"`
		W             string
	}
	s.json(&settings, "settings", "show")
	if settings.AutoBuckets || settings.TransferMiBps != 32 || settings.W != "1" {
		t.Errorf("the settings read %+v", settings)
	}
	want(t, "an unknown bucket", s.sh(exit.NotFound, "put", "k", "v", "--bucket", "new").err, "henge bucket create new")
	want(t, "names", s.sh(exit.OK, "__complete", "settings", "set", "auto").out, "auto_join=")
}
