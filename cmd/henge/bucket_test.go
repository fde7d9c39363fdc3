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
	want(t, "set", s.sh(exit.OK, "bucket", "set", "carts", "--w", "one", "--sync=false", "--require-context").out, "shop", "required")
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
