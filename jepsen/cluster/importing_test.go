//go:build unix

package cluster_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/hengedb/henge/jepsen/cluster"
)

// patience bounds waits for what must come: far above what it takes on a busy machine.
const patience = time.Minute

// bucket is where catalogues go.
const bucket = "packages"

// importing is a run of "henge import" that reads what the test writes.
type importing struct {
	t   *testing.T
	cmd *exec.Cmd
	in  io.WriteCloser
	out bytes.Buffer
	err bytes.Buffer
}

// summary is what it prints at its end.
type summary struct {
	Records      int           `json:"records"`
	Acknowledged int           `json:"acknowledged"`
	Failed       int           `json:"failed"`
	Bad          int           `json:"bad"`
	Retries      int           `json:"retries"`
	Elapsed      time.Duration `json:"elapsed_ns"`
	Complete     bool          `json:"complete"`
}

func startImport(t *testing.T, c *cluster.Cluster) *importing {
	t.Helper()
	i := &importing{t: t, cmd: c.Command(t.Context(), "import", "-", "--bucket", bucket, "--key", "Package", "--output", "json")}
	i.cmd.Stdout, i.cmd.Stderr = &i.out, &i.err
	var err error
	if i.in, err = i.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := i.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return i
}

// feed hands over records; the import takes them as fast as it stores them.
func (i *importing) feed(records []record) {
	i.t.Helper()
	for _, r := range records {
		if _, err := i.in.Write(append(r.line, '\n')); err != nil {
			i.t.Errorf("the import ended early: %v\n%s", err, &i.err)
			return
		}
	}
}

// finish waits for the import's end.
func (i *importing) finish() summary {
	i.t.Helper()
	err := errors.Join(i.in.Close(), i.cmd.Wait())
	var s summary
	if jerr := json.Unmarshal(i.out.Bytes(), &s); jerr != nil {
		i.t.Fatalf("the summary is %q: %v; the import: %v\n%s", &i.out, jerr, err, &i.err)
	}
	if err != nil {
		i.t.Errorf("import: %v\n%s", err, &i.err)
	}
	return s
}

// caller sends plain HTTP requests to one node each: no client that would ask another
// node when one fails.
var caller = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: 10 * time.Second}

// send makes one request and returns status and body.
func send(t *testing.T, method string, n *cluster.Node, bucket, key string, value []byte) (int, []byte, error) {
	t.Helper()
	return sendWith(t, method, n, bucket, key, "", value)
}

// patiently is the query of requests of which not the time is tested: a busy machine, or
// its disk, may stand for longer than the usual second. It is within the caller's time.
const patiently = "?timeout=9s"

// sendWith is send with a query.
func sendWith(t *testing.T, method string, n *cluster.Node, bucket, key, query string, value []byte) (int, []byte, error) {
	t.Helper()
	return ask(t, method, n, "/v1/buckets/"+bucket+"/keys/"+url.PathEscape(key)+query, value)
}

// ask makes one request for a path, and returns status and body.
func ask(t *testing.T, method string, n *cluster.Node, path string, value []byte) (int, []byte, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, n.URL+path, bytes.NewReader(value))
	if err != nil {
		return 0, nil, err
	}
	response, err := caller.Do(r)
	if err != nil {
		return 0, nil, err
	}
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, body, errors.Join(err, response.Body.Close())
}

// missing reads every record through a node and returns the keys that do not hold what
// was imported, each with what was answered.
func missing(t *testing.T, n *cluster.Node, bucket string, records []record) []string {
	t.Helper()
	var mu sync.Mutex
	var wrong []string
	todo := make(chan record)
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() {
			for r := range todo {
				if answer := amiss(t, n, bucket, r); answer != "" {
					mu.Lock()
					wrong = append(wrong, r.key+": "+answer)
					mu.Unlock()
				}
			}
		})
	}
	for _, r := range records {
		todo <- r
	}
	close(todo)
	wg.Wait()
	return wrong
}

// amiss reads a record through a node and returns the answer that is not it; "" if it
// is. It is a strict read: on a busy machine, and just after a start, nodes think each
// other away, and with the usual knobs fallbacks that hold nothing may answer alone. Who
// gets no answer, or one that says that there is none in time, was told nothing of the
// record, and asks again.
func amiss(t *testing.T, n *cluster.Node, bucket string, r record) string {
	begun := time.Now()
	pause := time.NewTicker(50 * time.Millisecond)
	defer pause.Stop()
	for {
		status, body, err := sendWith(t, http.MethodGet, n, bucket, r.key, "?strict=true", nil)
		told := err == nil && status != http.StatusServiceUnavailable && status != http.StatusGatewayTimeout
		if told && status == http.StatusOK && bytes.Equal(body, r.line) {
			return ""
		}
		if told || time.Since(begun) > patience {
			return fmt.Sprintf("%d %.300q %v", status, body, err)
		}
		<-pause.C
	}
}
