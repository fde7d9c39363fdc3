package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hengedb/henge"
	"github.com/hengedb/henge/cmd/henge/internal/exit"
)

// logged finds the first log line with a message, and returns one of its facts.
func logged(t *testing.T, r io.Reader, message, fact string) string {
	t.Helper()
	found := make(chan string, 1)
	go func() {
		for dec := json.NewDecoder(r); ; {
			var line map[string]any
			if dec.Decode(&line) != nil {
				return
			}
			if line["msg"] == message {
				text, _ := line[fact].(string)
				found <- text
				_, _ = io.Copy(io.Discard, r) // the node goes on logging
				return
			}
		}
	}()
	select {
	case text := <-found:
		return text
	case <-time.After(20 * time.Second):
		t.Fatalf("nothing logged %q", message)
		return ""
	}
}

// starter runs serve in this process.
func starter(ctx context.Context, in io.Reader, args ...string) (logs io.Reader, done <-chan exit.Code) {
	r, w := io.Pipe()
	code := make(chan exit.Code, 1)
	go func() {
		code <- run(ctx, append([]string{"serve", "--log-format", "json"}, args...), streams{in: in, out: io.Discard, err: w}, nil)
		w.Close() //nolint:errcheck // a pipe's never fails
	}()
	return r, code
}

// loopback are flags for free ports.
func loopback(dir string) []string {
	return []string{"--data", dir, "--http", "127.0.0.1:0", "--rpc", "127.0.0.1:0", "--gossip", "127.0.0.1:0"}
}

func TestServeServesUntilASignalAndDrains(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	dir := filepath.Join(t.TempDir(), "new")
	logs, done := starter(ctx, strings.NewReader(""), append(loopback(dir), "--init", "--auto-join", "--name", "a")...)
	url := "http://" + logged(t, logs, "node is ready", "http")
	s := shell{t: t, url: url}
	s.sh(exit.OK, "put", "k", "v")
	var settings struct {
		AutoJoin bool `json:"auto_join"`
	}
	if s.json(&settings, "settings", "show"); !settings.AutoJoin {
		t.Error("the cluster was begun with --auto-join, and has it off")
	}
	cancel(exit.ErrInterrupted)
	if code := <-done; code != exit.OK {
		t.Errorf("exit code %d after a signal, want 0", code)
	}
	if resp, err := http.Get(url + "/readyz"); err == nil { //nolint:gosec // our own node
		t.Errorf("the node still answers %s", resp.Status)
		resp.Body.Close() //nolint:errcheck // the test has failed
	}
	n, err := henge.Open(t.Context(), dir, henge.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close() //nolint:errcheck // only read
	if err := n.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	value, err := n.Bucket("default").Get(t.Context(), "k", henge.ReadOptions{})
	if data, ok := value.Bytes(); err != nil || !ok || string(data) != "v" {
		t.Errorf("k holds %q afterwards (%v)", data, err)
	}
}

func TestServeEndsWithItsInputWhenTold(t *testing.T) {
	in, parent := io.Pipe()
	logs, done := starter(t.Context(), in, append(loopback(t.TempDir()), "--init", "--stop-at-eof")...)
	logged(t, logs, "node is ready", "http")
	if err := parent.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case code := <-done:
		if code != exit.OK {
			t.Errorf("exit code %d, want 0", code)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the node outlives its parent")
	}
}

func TestServeRefusesWithOneSentence(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close() //nolint:errcheck // the test is over
	locked := t.TempDir()
	n, err := henge.Open(t.Context(), locked, henge.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close() //nolint:errcheck // nothing was written
	notADir := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(notADir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		args []string
		code exit.Code
		says string
	}{
		"an HTTP port in use":            {append(loopback(t.TempDir()), "--init", "--http", taken.Addr().String()), exit.Address, taken.Addr().String()},
		"an RPC port in use":             {append(loopback(t.TempDir()), "--init", "--rpc", taken.Addr().String()), exit.Address, taken.Addr().String()},
		"a gossip port in use":           {append(loopback(t.TempDir()), "--init", "--gossip", taken.Addr().String()), exit.Address, taken.Addr().String()},
		"a peer that cannot be resolved": {append(loopback(t.TempDir()), "--join", "no-such-host..invalid:1"), exit.Peer, "no-such-host..invalid"}, // no name server is asked for such a name
		"a peer without a port":          {append(loopback(t.TempDir()), "--join", "localhost"), exit.Usage, "--join localhost"},
		"a locked directory":             {append(loopback(locked), "--init"), exit.Data, locked},
		"a file instead of a directory":  {append(loopback(notADir), "--init"), exit.Data, notADir},
		"contradictory settings":         {append(loopback(t.TempDir()), "--init", "--partitions", "9"), exit.Usage, "power of two"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeoutCause(t.Context(), 10*time.Second, errors.New("it was not refused"))
			defer cancel()
			var errs bytes.Buffer
			code := run(ctx, append([]string{"serve", "--log-level", "error"}, c.args...), streams{in: strings.NewReader(""), out: io.Discard, err: &errs}, nil)
			if code != c.code || !strings.Contains(errs.String(), c.says) || strings.Count(errs.String(), "\n") != 1 {
				t.Errorf("exit code %d, want %d, and one line with %q:\n%s", code, c.code, c.says, errs.String())
			}
		})
	}
}

func TestAMistakeInTheConfigurationIsNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "henge.yaml")
	if err := os.WriteFile(file, []byte("data: /tmp/x\nreplcias: 3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := shell{t: t}.sh(exit.Usage, "serve", "--config", file)
	want(t, "standard error", r.err, `"replcias"`, file)
}

func TestListeningBeyondLoopbackIsNoticed(t *testing.T) {
	for addr, beyond := range map[string]bool{
		"127.0.0.1:1": false, "127.8.8.8:1": false, "[::1]:1": false, "localhost:1": false, "": false, "nonsense": false,
		":1": true, "0.0.0.0:1": true, "[::]:1": true, "192.0.2.1:1": true, "db.example:1": true,
	} {
		if got := beyondLoopback(addr); got != beyond {
			t.Errorf("%q counts as beyond loopback: %v, want %v", addr, got, beyond)
		}
	}
}
