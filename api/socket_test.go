package api_test

import (
	"bufio"
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hengedb/henge/api"
)

// listen serves h on loopback as a node does, and dials it.
func listen(t *testing.T, h http.Handler, log *slog.Logger) (*api.Front, net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := api.NewServer(h, log)
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(l) })
	t.Cleanup(serving.Wait)
	t.Cleanup(func() { _ = server.Close() })
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return server, conn
}

// say writes words and reads the first answer. A client that is cut says no more.
func say(t *testing.T, conn net.Conn, words string, cut bool) (status int, body string) {
	t.Helper()
	method, _, _ := strings.Cut(words, " ")
	// A server that has answered already need not take the rest.
	_, _ = io.WriteString(conn, words)
	if tcp, ok := conn.(*net.TCPConn); ok && cut {
		_ = tcp.CloseWrite()
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	read, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(read)
}

func TestOverARealConnection(t *testing.T) {
	h := openNode(t).Handler()
	for name, tc := range map[string]struct {
		words  string
		status int
		body   string
	}{
		"chunks make one value":             {"PUT /v1/buckets/default/keys/c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 204, ""},
		"chunks that are cut":               {"PUT /v1/buckets/default/keys/d HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nab", 400, "cut short"},
		"a body that is cut":                {"PUT /v1/buckets/default/keys/d HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc", 400, "cut short after 3 bytes"},
		"a large value is not even wanted":  {"PUT /v1/buckets/default/keys/d HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 99999999\r\n\r\n", 413, "too_large"},
		"a length that contradicts itself":  {"PUT /v1/buckets/default/keys/d HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400, ""},
		"an escape that is none":            {"GET /v1/buckets/default/keys/%zz HTTP/1.1\r\nHost: x\r\n\r\n", 400, ""},
		"a header above the limit":          {"GET / HTTP/1.1\r\nHost: x\r\nA: " + strings.Repeat("x", 256<<10) + "\r\n\r\n", 431, ""},
		"a head of nothing has no body":     {"HEAD /v1/buckets/default/keys/d HTTP/1.1\r\nHost: x\r\n\r\n", 404, ""},
		"a key is never cleaned, nor moved": {"GET /v1/buckets/default/keys//a/../b HTTP/1.1\r\nHost: x\r\n\r\n", 400, "bad_key"},
		"an absolute form":                  {"GET http://x/v1/buckets/default/keys/none HTTP/1.1\r\nHost: x\r\n\r\n", 404, "not_found"},
	} {
		t.Run(name, func(t *testing.T) {
			_, conn := listen(t, h, slog.New(slog.DiscardHandler))
			status, body := say(t, conn, tc.words, strings.Contains(tc.body, "cut short"))
			if status != tc.status || !strings.Contains(body, tc.body) {
				t.Errorf("status %d, want %d: %s", status, tc.status, body)
			}
		})
	}
	wants(t, do(t, h, ask("GET", "/v1/buckets/default/keys/d", "")), 404)
	if body := wants(t, do(t, h, ask("GET", "/v1/buckets/default/keys/c", "")), 200).body; body != "abcde" {
		t.Errorf("of chunks: %q", body)
	}
}

// Values being received are bounded together, and counted off again however their
// requests end.
func TestBodiesBeyondTheirRoomAreRefusedAtOnce(t *testing.T) {
	server, err := api.New(api.Options{Keys: &scripted{}, Admin: &scripted{}, MaxBodies: 10 << 10})
	if err != nil {
		t.Fatal(err)
	}
	slow, feed := io.Pipe()
	held := ask("PUT", key, "x")
	held.Body, held.ContentLength = slow, 6<<10
	var first sync.WaitGroup
	first.Go(func() { do(t, server, held) })
	if _, err := feed.Write([]byte("x")); err != nil { // it is being received now
		t.Fatal(err)
	}
	chunked := ask("PUT", key, strings.Repeat("x", 6<<10))
	chunked.ContentLength = -1
	for _, r := range []*http.Request{ask("PUT", key, strings.Repeat("x", 6<<10)), chunked} {
		if p := complaint(t, wants(t, do(t, server, r), 503)); p.Code != "overload" || p.Outcome != "none" {
			t.Errorf("problem %+v", p)
		}
	}
	wants(t, do(t, server, ask("PUT", key, "small")), 204)
	if err := feed.Close(); err != nil { // cut
		t.Fatal(err)
	}
	first.Wait()
	wants(t, do(t, server, ask("PUT", key, strings.Repeat("x", 10<<10))), 204)
}

// What net/http has to say goes to the node's log, not to the program's standard
// error.
func TestTheServersWordsGoToItsLog(t *testing.T) {
	var mu sync.Mutex
	var log bytes.Buffer
	panics := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("planted") })
	server, conn := listen(t, panics, slog.New(slog.NewTextHandler(&locked{&mu, &log}, nil)))
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(conn); err != nil { // the connection is closed after the log is written
		t.Fatal(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if !strings.Contains(log.String(), "planted") {
		t.Errorf("log: %s", &log)
	}
	if server.ReadHeaderTimeout == 0 || server.ReadTimeout == 0 || server.WriteTimeout == 0 || server.IdleTimeout == 0 || server.MaxHeaderBytes == 0 {
		t.Error("a limit is left open")
	}
}

type locked struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l *locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}
