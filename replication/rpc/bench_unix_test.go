//go:build unix

package rpc

import (
	"context"
	"sync"
	"syscall"
	"testing"
	"time"
)

// BenchmarkCall is 64 callers with 1 KiB each way over loopback. cpu-µs/call is
// what both sides together cost, the kernel's part included.
func BenchmarkCall(b *testing.B) {
	server, err := New(Options{Self: func() Hello { return Hello{Node: 2} }})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	server.Handle(methodEcho, Inline, func(_ context.Context, r *Request) ([]byte, error) { return r.Body, nil })
	l, err := TCP{}.Listen("127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server.Serve(l)
	client, err := New(Options{Self: func() Hello { return Hello{Node: 1} }})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	const callers = 64
	body := make([]byte, 1024)
	to := Target{ID: 2, Addr: l.Addr().String()}
	work := make(chan struct{}, callers)
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for range work {
				if _, err := client.Call(b.Context(), to, Call{Method: methodEcho, Body: body, Within: time.Second}); err != nil {
					b.Error(err)
				}
			}
		})
	}
	b.ReportAllocs()
	before := cpu(b)
	for b.Loop() {
		work <- struct{}{}
	}
	close(work)
	all.Wait()
	b.ReportMetric(float64((cpu(b)-before).Nanoseconds())/1e3/float64(b.N), "cpu-µs/call")
}

// cpu is what the process has used so far.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
