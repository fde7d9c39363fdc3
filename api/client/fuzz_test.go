package client

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"testing"

	"github.com/hengedb/henge/replication/request"
)

// FuzzAnswer: whatever a node answers is a value, a receipt or an error.
func FuzzAnswer(f *testing.F) {
	f.Add(200, "1", "1/1; primary=1", "1", `"tag"`, []byte("value"))
	f.Add(300, "2", "2/2; primary=2", "2", `"tag"`, []byte(`{"siblings":[{"id":"a","base64":"eA=="},{"id":"b","value":"y"}]}`))
	f.Add(404, "", "x", "", "", []byte(`{"code":"not_found"}`))
	f.Fuzz(func(t *testing.T, status int, count, share, need, tag string, body []byte) {
		h := http.Header{
			"Henge-Siblings": {count}, "Henge-Answers": {share}, "Henge-Acks": {share}, "Henge-Need": {need},
			"Etag": {tag}, "Henge-Meta-A": {tag}, "Last-Modified": {tag}, "Preference-Applied": {count},
		}
		r := &reply{status: status, header: h, body: body, size: int64(len(body))}
		if v, err := valueOf(r); err == nil && status < 400 && count == "1" && (len(v.Siblings) != 1 || !bytes.Equal(v.Siblings[0].Data, body)) {
			t.Errorf("value %+v", v)
		}
		if receipt, err := receiptOf(r, request.WriteOptions{OpID: "op", Return: true}); err == nil && receipt.OpID != "op" {
			t.Errorf("receipt %+v", receipt)
		}
	})
}

// FuzzLayout: a layout that contradicts itself is refused, and no other makes a
// client panic.
func FuzzLayout(f *testing.F) {
	f.Add([]byte(`{"partitions":2,"nodes":[{"id":"00000000000000a1","http":"h:1","up":true}],"replicas":[[0],[0]]}`))
	f.Add([]byte(`{"partitions":1,"nodes":[],"replicas":[[0]]}`))
	f.Add([]byte(`{"partitions":1,"nodes":[{"http":"0.0.0.0:1"}],"replicas":[[-1]]}`))
	f.Add([]byte(`{"partitions":1073741824,"replicas":null}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var layout request.Layout
		if json.Unmarshal(raw, &layout) != nil {
			return
		}
		c, err := New(Options{URLs: []string{"http://seed:1"}})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		v, err := c.newView(&layout)
		if err != nil {
			return
		}
		for _, key := range []string{"a", "b", "c"} {
			if n := v.pick(v.holders("b", key), nil, 1, 0); n == nil {
				t.Error("nobody to ask, not even the seed")
			}
		}
	})
}

// FuzzLines: a listing's bytes are records or an error.
func FuzzLines(f *testing.F) {
	f.Add([]byte("{\"key\":\"a\",\"cursor\":\"YQ\"}\n{\"complete\":true,\"count\":1,\"cursor\":\"YQ\"}\n"))
	f.Add([]byte("{\"complete\":false,\"error\":{\"code\":\"timeout\"}}\n"))
	f.Add([]byte("{\"key\":\"cut"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		lines := bufio.NewReaderSize(bytes.NewReader(raw), 16)
		s := &scan{yield: func(request.Entry, error) bool { return true }}
		for range len(raw) + 2 {
			line, err := readLine(lines)
			if err != nil {
				return
			}
			if done, err := s.take(line); done || err != nil {
				return
			}
		}
		t.Error("more records than bytes")
	})
}
