package dev

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/hengedb/henge/cmd/henge/internal/exit"
)

// askHeader stands in every question: a page in a browser cannot send it unasked.
const askHeader = "Henge-Dev"

// listen hears questions on a port of loopback until the returned function is called.
// Those that come before the cluster is watched wait for it.
func (c *cluster) listen(ctx context.Context) (end func(), err error) {
	addr := c.o.address(0, askOffset)
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, exit.With(exit.Address, fmt.Errorf("henge dev add and remove cannot be heard on %s: %w; is another cluster running? (--base-port picks other ports)", addr, err))
	}
	ctx, cancel := context.WithCancel(ctx)
	server := &http.Server{Handler: http.HandlerFunc(c.hear), ReadHeaderTimeout: probeTimeout, BaseContext: func(net.Listener) context.Context { return ctx }}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(l) // ends with Close
	}()
	return func() {
		cancel()
		_ = server.Close() // its connections are nobody's any more
		<-served
	}, nil
}

// hear hands one question to where the cluster is watched.
func (c *cluster) hear(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || r.Header.Get(askHeader) == "" {
		http.Error(w, "henge dev add and henge dev remove ask here", http.StatusForbidden)
		return
	}
	q := &question{list: r.URL.Query().Has("list"), stop: r.URL.Query().Get("stop"), answer: make(chan answer, 1)}
	a := answer{Error: "the cluster is stopping"}
	select {
	case c.asked <- q:
		select {
		case a = <-q.answer:
		case <-r.Context().Done():
		}
	case <-r.Context().Done():
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(a) // who asked may be gone
}

// Grow asks the cluster that runs from a base port for one node more, and waits until
// it serves.
func Grow(ctx context.Context, basePort int) (NodeInfo, error) {
	a, err := ask(ctx, basePort, nil)
	if err != nil {
		return NodeInfo{}, err
	}
	info := a.Node
	timeout := errors.New("it does not serve within a minute; its log is " + info.Log)
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, timeout)
	defer cancel()
	ticker := time.NewTicker(probeEvery / 5)
	defer ticker.Stop()
	for probe(ctx, http.DefaultClient, info.URL) != nil {
		select {
		case <-ctx.Done():
			return info, fmt.Errorf("%s: %w", info.Name, context.Cause(ctx))
		case <-ticker.C:
		}
	}
	return info, nil
}

// Shrink asks the cluster that runs from a base port to stop a node for ever.
func Shrink(ctx context.Context, basePort int, name string) (NodeInfo, error) {
	a, err := ask(ctx, basePort, url.Values{"stop": {name}})
	return a.Node, err
}

// List asks the cluster that runs from a base port which nodes it has.
func List(ctx context.Context, basePort int) ([]NodeInfo, error) {
	a, err := ask(ctx, basePort, url.Values{"list": {""}})
	return a.Nodes, err
}

func ask(ctx context.Context, basePort int, query url.Values) (answer, error) {
	u := url.URL{Scheme: "http", Host: Options{BasePort: basePort}.address(0, askOffset), Path: "/", RawQuery: query.Encode()}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), http.NoBody)
	if err != nil {
		return answer{}, err
	}
	r.Header.Set(askHeader, "1")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return answer{}, exit.With(exit.Unavailable, fmt.Errorf("no henge dev is heard at %s: is one running? (--base-port says where): %w", u.Host, errors.Unwrap(err)))
	}
	defer response.Body.Close() //nolint:errcheck // only read
	var a answer
	if err := json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&a); err != nil {
		return answer{}, fmt.Errorf("%s is no henge dev: %w", u.Host, err)
	}
	if a.Error != "" {
		return a, errors.New(a.Error)
	}
	return a, nil
}
