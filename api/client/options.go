package client

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/hengedb/henge/replication/request"
)

// Options configure a Client. URLs must hold at least one.
type Options struct {
	// URLs are where nodes answer, such as http://127.0.0.1:7420. One is enough: the
	// others are learned from it. A path is kept as a prefix.
	URLs []string
	// HTTP sends the requests; nil is one that keeps MaxConns connections to each
	// node and uses no proxy.
	HTTP *http.Client
	// MaxConns bounds the connections to each node; requests beyond wait for one.
	// 0 is DefaultMaxConns. It is not used when HTTP is given.
	MaxConns int
	// Timeout bounds a call with all its attempts when the call's own options name
	// none. 0 is DefaultTimeout.
	Timeout time.Duration
	// Pinned asks only the URLs given, for when the nodes' own addresses cannot be
	// reached from here, or one node is meant.
	Pinned bool
	// Rand makes operation ids and jitter, and must be safe for concurrent use; nil is
	// the runtime's source.
	Rand func() uint64
}

// DefaultMaxConns lets a few hundred requests run at once against three nodes: more
// waiting connections than that only queue inside the nodes.
const DefaultMaxConns = 128

// DefaultTimeout holds several attempts of a cluster's default of one second each,
// and the pauses between them.
const DefaultTimeout = 10 * time.Second

// EnsureDefaults fills what is left out.
func (o *Options) EnsureDefaults() {
	if o.MaxConns == 0 {
		o.MaxConns = DefaultMaxConns
	}
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	if o.Rand == nil {
		o.Rand = rand.Uint64
	}
}

// Validate joins all that is wrong.
func (o *Options) Validate() error {
	var errs []error
	if len(o.URLs) == 0 {
		errs = append(errs, errors.New("no URL of a node"))
	}
	for _, raw := range o.URLs {
		if _, err := parseBase(raw); err != nil {
			errs = append(errs, err)
		}
	}
	if o.MaxConns < 0 {
		errs = append(errs, fmt.Errorf("MaxConns %d is negative", o.MaxConns))
	}
	if o.Timeout < 0 {
		errs = append(errs, fmt.Errorf("timeout %v is negative", o.Timeout))
	}
	return errors.Join(errs...)
}

// parseBase reads the URL of a node.
func parseBase(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		// Neither the URL nor what the parser quotes of it: both may hold a password.
		return nil, errors.New("URL of a node: it cannot be read; want http://host:port")
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("URL %q: want http://host:port", u.Redacted())
	}
	if u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, fmt.Errorf("URL %q: want no user, query or fragment", u.Redacted())
	}
	u.Path, u.RawPath = strings.TrimRight(u.Path, "/"), strings.TrimRight(u.EscapedPath(), "/")
	return u, nil
}

// The times of a connection.
const (
	// dialTimeout is far above a round trip; a call that waits longer has gone to
	// another node meanwhile.
	dialTimeout = 3 * time.Second
	// keepIdle is below the idle time of the server's side, which otherwise closes a
	// connection just as a request is written to it.
	keepIdle = 90 * time.Second
	// continueTimeout is how long a large body waits to be wanted.
	continueTimeout = time.Second
)

// newHTTP makes the client that is used when none is given. Idle connections are as
// many as there may be: the default of two closes most of them after every burst.
func newHTTP(maxConns int) *http.Client {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: keepIdle}
	return &http.Client{
		Transport: &http.Transport{
			DialContext:           dialer.DialContext,
			MaxConnsPerHost:       maxConns,
			MaxIdleConnsPerHost:   maxConns,
			IdleConnTimeout:       keepIdle,
			ExpectContinueTimeout: continueTimeout,
			DisableCompression:    true, // values are what was stored
			WriteBufferSize:       16 << 10,
			ReadBufferSize:        16 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// limit is how long a call may take: what its options say and a little for the way,
// so that the node's own answer to a timeout is heard.
func (c *Client) limit(timeout time.Duration) time.Duration {
	if timeout == 0 {
		return c.timeout
	}
	return timeout + answerGrace
}

// answerGrace is the time a node's answer takes to be written, sent and read.
const answerGrace = 250 * time.Millisecond

// checkTimeout refuses what the node would refuse.
func checkTimeout(d time.Duration) error {
	if d < 0 || d > request.MaxTimeout {
		return fmt.Errorf("%w: timeout %v; want 1ms to %v", request.ErrBadKnob, d, request.MaxTimeout)
	}
	return nil
}
