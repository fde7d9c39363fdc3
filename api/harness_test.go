package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/hengedb/henge"
	"github.com/hengedb/henge/api"
	"github.com/hengedb/henge/api/problem"
	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
)

// openNode opens a node that listens on nothing.
func openNode(t *testing.T) *henge.Node {
	t.Helper()
	node, err := henge.Open(t.Context(), "node", henge.Options{Partitions: 8, Pprof: true, Seams: henge.Seams{FS: vfs.NewMem()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := node.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := node.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	return node
}

// ask makes a request; headers are name, value, name, value.
func ask(method, target, body string, headers ...string) *http.Request {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if body == "" {
		r.Body = http.NoBody
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return r
}

// wants demands a status.
func wants(t *testing.T, r *answer, status int) *answer {
	t.Helper()
	if r.StatusCode != status {
		t.Fatalf("status %d, want %d: %s", r.StatusCode, status, r.body)
	}
	return r
}

// complaint reads a problem document.
func complaint(t *testing.T, r *answer) problem.Problem {
	t.Helper()
	var p problem.Problem
	if err := json.Unmarshal([]byte(r.body), &p); err != nil {
		t.Fatal(err)
	}
	if p.Status != r.StatusCode || r.Header.Get(problem.Header) != p.Code {
		t.Errorf("status %d and code %q in the header, %d and %q in the body", r.StatusCode, r.Header.Get(problem.Header), p.Status, p.Code)
	}
	return p
}

// scripted answers as it is told, and keeps what it was asked.
type scripted struct {
	err     error
	value   request.Value
	receipt request.Receipt
	layout  request.Layout
	entries []request.Entry
	before  func() // of a scan

	made     ring.Bucket // the one bucket that there is
	settings ring.Settings

	verify   request.VerifyOptions
	verified request.Verification

	bucket, key string
	data        []byte
	read        request.ReadOptions
	write       request.WriteOptions
	scan        request.ScanOptions
	calls       int
}

var (
	_ api.Keys  = (*scripted)(nil)
	_ api.Admin = (*scripted)(nil)
)

func (s *scripted) Get(_ context.Context, bucket, key string, o request.ReadOptions) (request.Value, error) {
	s.calls++
	s.bucket, s.key, s.read = bucket, key, o
	return s.value, s.err
}

func (s *scripted) Put(_ context.Context, bucket, key string, value []byte, o request.WriteOptions) (request.Receipt, error) {
	s.calls++
	s.bucket, s.key, s.data, s.write = bucket, key, value, o
	return s.receipt, s.err
}

func (s *scripted) Delete(_ context.Context, bucket, key string, o request.WriteOptions) (request.Receipt, error) {
	s.calls++
	s.bucket, s.key, s.write = bucket, key, o
	return s.receipt, s.err
}

func (s *scripted) Scan(_ context.Context, bucket string, o request.ScanOptions) iter.Seq2[request.Entry, error] {
	s.calls++
	s.bucket, s.scan = bucket, o
	return func(yield func(request.Entry, error) bool) {
		if s.before != nil {
			s.before()
		}
		for _, e := range s.entries {
			if !yield(e, nil) {
				return
			}
		}
		if s.err != nil {
			yield(request.Entry{}, s.err)
		}
	}
}

func (s *scripted) Explain(_ context.Context, bucket, key string) (request.Explanation, error) {
	return request.Explanation{Bucket: bucket, Key: key, Phase: ring.PhaseCopy, Next: []ring.NodeID{2}, Former: []ring.NodeID{1}}, s.err
}

func (s *scripted) Status(context.Context) request.Status {
	return request.Status{Node: 1, Name: "n1", Waiting: "the document"}
}
func (s *scripted) Buckets() ([]ring.Bucket, error) { return []ring.Bucket{s.made}, s.err }

func (s *scripted) Bucket(name string) (ring.Bucket, error) {
	s.bucket = name
	return s.made, s.err
}

func (s *scripted) CreateBucket(_ context.Context, b ring.Bucket) (ring.Bucket, error) {
	s.calls++
	s.made = b
	return b, s.err
}

func (s *scripted) SetBucket(_ context.Context, name string, change func(ring.Bucket) (ring.Bucket, error)) (ring.Bucket, error) {
	s.bucket = name
	if s.made.Name != name && s.err == nil {
		return ring.Bucket{}, request.ErrNoBucket
	}
	s.calls++
	b, err := change(s.made)
	return b, errors.Join(err, s.err)
}

func (s *scripted) DropBucket(_ context.Context, name string, _ uint64) error {
	s.bucket = name
	return s.err
}

func (s *scripted) Settings() (ring.Settings, error) { return s.settings, s.err }

func (s *scripted) SetSettings(_ context.Context, change func(ring.Settings) (ring.Settings, error)) (ring.Settings, error) {
	s.calls++
	next, err := change(s.settings)
	return next, errors.Join(err, s.err)
}

func (s *scripted) Layout() request.Layout { return s.layout }
func (s *scripted) Ready() error           { return s.err }
func (s *scripted) Verify(_ context.Context, o request.VerifyOptions) (request.Verification, error) {
	s.verify = o
	return s.verified, s.err
}

// oneValue is what a key usually holds.
func oneValue() request.Value {
	return request.Value{
		ETag: "t", Context: "c", Answers: request.Answers{Need: 1, Got: 1, Primary: 1},
		Siblings: []request.Sibling{{ID: "s", Size: 1, Data: []byte("v")}},
	}
}

// serve makes a server of a script.
func serve(t *testing.T, s *scripted) *api.Server {
	t.Helper()
	server, err := api.New(api.Options{Keys: s, Admin: s})
	if err != nil {
		t.Fatal(err)
	}
	return server
}

// lost is a request that too few nodes answered.
func lost(causes ...error) error {
	return &request.QuorumError{
		Op: "put", Bucket: "b", Key: "k", Outcome: request.Unknown, Need: 2, Got: 1, Causes: causes,
		Replicas: []request.ReplicaResult{
			{Node: ring.NodeID(1), Name: "n1", Role: request.Primary, Result: request.ResultOK, Elapsed: 1500000},
			{Node: ring.NodeID(2), Name: "n2", Role: request.Fallback, Result: request.ResultTimeout, Detail: "silent"},
		},
	}
}
