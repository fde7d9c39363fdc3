package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/hengedb/henge/cmd/henge/internal/exit"
	"github.com/hengedb/henge/storage"
)

// startError gives a node that could not be opened its exit code. The sentences
// are those of the layer that refused.
func startError(dir string, err error) error {
	var listen *net.OpError
	var resolve *net.DNSError
	var path *os.PathError
	switch {
	case errors.As(err, &resolve):
		return exit.With(exit.Peer, err)
	case errors.As(err, &listen) && listen.Op == "listen":
		return exit.With(exit.Address, err)
	case errors.Is(err, storage.ErrLocked), errors.Is(err, storage.ErrFormat), errors.Is(err, storage.ErrCluster), errors.As(err, &path):
		return exit.With(exit.Data, fmt.Errorf("data directory %s: %w", dir, err))
	}
	return err
}

// resolvable reports the host:port addresses whose names nobody knows. A name server that does
// not answer is no reason to think that a name is wrong: the node asks again.
func resolvable(ctx context.Context, addrs []string) error {
	var problems []error
	for _, addr := range addrs {
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			return err
		}
		_, err = net.DefaultResolver.LookupHost(ctx, host)
		if unknown, ok := errors.AsType[*net.DNSError](err); ok && unknown.IsNotFound {
			problems = append(problems, fmt.Errorf("peer %s cannot be resolved: no such host", addr))
		}
	}
	return errors.Join(problems...)
}

// beyondLoopback reports whether other machines may reach a listener at addr. A
// name other than localhost counts as if they could.
func beyondLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil || host == "localhost" {
		return false // what is no address is refused when it is used
	}
	ip, err := netip.ParseAddr(host)
	return err != nil || !ip.IsLoopback()
}
