//go:build unix

package cluster_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hengedb/henge/api/wire"
	"github.com/hengedb/henge/jepsen/cluster"
	"github.com/hengedb/henge/jepsen/history"
	"github.com/hengedb/henge/jepsen/lab"
	"github.com/hengedb/henge/replication/request"
)

// session is one client, which asks one thing at a time.
type session struct {
	*sessions
	process int
	name    string
	strict  bool
	rand    *rand.Rand
	keys    map[string]*owned
	written int
}

// owned is what a session was last told of a key that nobody else writes.
type owned struct {
	context string
	value   string // empty: nothing, or deleted
}

func keyOf(process, k int) string { return fmt.Sprintf("s%d-%d", process, k) }

func (c *session) run() {
	for {
		select {
		case <-c.end:
			return
		default:
		}
		key := keyOf(c.process, c.rand.IntN(keysPerSession))
		o := c.keys[key]
		if o == nil {
			o = &owned{}
			c.keys[key] = o
		}
		if !c.write(key, o) {
			return // the test has failed, and nobody knows what the key holds
		}
		c.check(key, o)
	}
}

// node picks one that is not broken. The caller holds gate.
func (c *session) node() *cluster.Node { return c.nodes[c.rand.IntN(len(c.nodes))] }

// knobs are the query of its requests.
func (c *session) knobs() string {
	if c.strict {
		return "?strict=true"
	}
	return ""
}

// write puts or deletes, with the context of what it knows.
func (c *session) write(key string, o *owned) bool {
	c.gate.RLock()
	defer c.gate.RUnlock()
	c.written++
	op := history.Op{F: history.Put, Key: key, Value: fmt.Sprintf("%s-%d", c.name, c.written)}
	if o.value != "" {
		op.Saw = []string{o.value}
		if c.rand.IntN(6) == 0 {
			op.F = history.Delete
		}
	}
	n := c.node()
	op = c.invoke(n, op)
	method, body := http.MethodPut, op.Value
	if op.F == history.Delete {
		method, body = http.MethodDelete, ""
	}
	header, status, answer, err := c.ask(method, n, key+c.knobs(), body, o.context)
	if err == nil && status != http.StatusNoContent && status != http.StatusCreated {
		err = fmt.Errorf("%d %s", status, answer)
	}
	c.complete(op, err)
	if err != nil {
		return false
	}
	o.context, o.value = header.Get(wire.Context), op.Value
	if op.F == history.Delete {
		o.value = ""
	}
	return true
}

// check reads back what was just acknowledged.
func (c *session) check(key string, o *owned) {
	c.gate.RLock()
	defer c.gate.RUnlock()
	n := c.node()
	got, err := c.get(n, key, c.knobs())
	if err != nil {
		return
	}
	complaint := ""
	switch want := o.value; {
	case want == "" && len(got.values) > 0:
		complaint = fmt.Sprintf("it was deleted, and the read shows %q", got.values)
	case want != "" && (len(got.values) == 0 || slices.ContainsFunc(got.values, func(v string) bool { return v != want })):
		complaint = fmt.Sprintf("the read shows %q, want %q", got.values, want)
	case !covers(c.t, got.context, o.context):
		complaint = "the context went back"
	}
	if complaint != "" && c.strict {
		complaint += fmt.Sprintf(", last written with a context: %v; %s", o.context != "", c.explain(n, key))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.checks++
	switch {
	case complaint == "":
		o.context = got.context
	case c.strict:
		c.wrong = append(c.wrong, fmt.Sprintf("%s through %s, %s after the begin: %s", key, n.Name, time.Since(c.begun).Round(time.Millisecond), complaint))
	default:
		c.stale++
	}
}

// shown is what a read told.
type shown struct {
	values  []string
	context string
}

// get reads a key.
func (c *session) get(n *cluster.Node, key, query string) (shown, error) {
	op := c.invoke(n, history.Op{F: history.Get, Key: key})
	header, status, body, err := c.ask(http.MethodGet, n, key+query, "", "")
	var got shown
	switch {
	case err != nil:
	case status == http.StatusOK:
		got.values = []string{string(body)}
	case status == http.StatusMultipleChoices:
		got.values, err = siblingsIn(body)
		got.values = slices.Compact(slices.Sorted(slices.Values(got.values))) // twins of one operation
	case status == http.StatusNotFound:
	default:
		err = fmt.Errorf("%d %s", status, body)
	}
	got.context, op.Values = header.Get(wire.Context), got.values
	c.complete(op, err)
	return got, err
}

// explain is what each replica holds of a key a moment later, for people.
func (c *session) explain(n *cluster.Node, key string) string {
	_, body, err := ask(c.t, http.MethodGet, n, "/v1/buckets/"+sessionBucket+"/explain/"+key, nil)
	if err != nil {
		return err.Error()
	}
	return string(body)
}

// invoke records what is asked, and complete what came of it.
func (c *session) invoke(n *cluster.Node, op history.Op) history.Op {
	op.Process, op.Type, op.Bucket, op.Session, op.Node = c.process, history.Invoke, sessionBucket, c.name, n.Name
	op.Side, op.T, op.Limit = sideAtLeast, time.Since(c.begun), request.DefaultTimeout
	return c.recorder.Add(op)
}

func (c *session) complete(op history.Op, err error) {
	began := op.T
	op.T, op.Type = time.Since(c.begun), history.OK
	if err != nil {
		op.Type, op.Err, op.Values = history.Info, err.Error(), nil
	}
	c.recorder.Add(op)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.took[c.phase] = append(c.took[c.phase], op.T-began)
	if err != nil {
		c.failed = append(c.failed, fmt.Sprintf("%s %s through %s, %s after the begin: %v", op.F, op.Key, op.Node, began.Round(time.Millisecond), err))
	}
}

// ask sends one request, once.
func (c *session) ask(method string, n *cluster.Node, path, body, context string) (http.Header, int, []byte, error) {
	r, err := http.NewRequestWithContext(c.t.Context(), method, n.URL+"/v1/buckets/"+sessionBucket+"/keys/"+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return nil, 0, nil, err
	}
	if context != "" {
		r.Header.Set(wire.Context, context)
	}
	response, err := caller.Do(r)
	if err != nil {
		return nil, 0, nil, err
	}
	raw, err := io.ReadAll(response.Body)
	return response.Header, response.StatusCode, raw, errors.Join(err, response.Body.Close())
}

// covers reports whether a context stands for all that an earlier one stood for. Nothing
// is reaped in the minutes of a test; a context may shrink then.
func covers(t *testing.T, later, earlier string) bool {
	t.Helper()
	upTo := make(map[string]uint64)
	each := func(token string, f func(actor string, counter uint64)) {
		dots, err := lab.Covers(request.Context(token))
		if err != nil {
			t.Error(err)
		}
		for _, dot := range dots {
			actor, text, _ := strings.Cut(dot, "-")
			counter, err := strconv.ParseUint(text, 16, 64)
			if err != nil {
				t.Error(err)
			}
			f(actor, counter)
		}
	}
	each(later, func(actor string, counter uint64) { upTo[actor] = counter })
	covered := true
	each(earlier, func(actor string, counter uint64) { covered = covered && upTo[actor] >= counter })
	return covered
}
