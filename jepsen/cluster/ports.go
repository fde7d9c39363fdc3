package cluster

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
)

// The ports of a cluster, as "henge dev" spaces them: HTTP, RPC and gossip side by
// side, the next node ten above.
const (
	portsPerNode = 10
	rpcOffset    = 1
	gossipOffset = 2
)

// The range that ports are drawn from lies below the one that kernels give to
// outgoing connections, so that none of these takes a port of a node that is down, and
// above the one that the tests of "henge dev" draw from.
const (
	lowestPort  = 15_000
	highestPort = 32_000
)

// FreePorts draws a base port such that every port of a cluster of that many nodes is
// free now: node i has HTTP on base+10i, RPC and gossip on the two after it. Drawn,
// because packages are tested side by side.
func FreePorts(ctx context.Context, nodes int) (int, error) {
	for range 100 {
		base := lowestPort + rand.IntN(highestPort-lowestPort-nodes*portsPerNode)
		if free(ctx, base, nodes) {
			return base, nil
		}
	}
	return 0, errors.New("no free ports for a cluster in 100 draws")
}

// free reports whether all ports of a cluster can be listened on.
func free(ctx context.Context, base, nodes int) bool {
	var config net.ListenConfig
	for i := range nodes * portsPerNode {
		if i%portsPerNode > gossipOffset {
			continue
		}
		addr := loopback(base + i)
		tcp, err := config.Listen(ctx, "tcp", addr)
		if err != nil {
			return false
		}
		udp, err := config.ListenPacket(ctx, "udp", addr)
		if err == nil {
			err = udp.Close()
		}
		if errors.Join(err, tcp.Close()) != nil {
			return false
		}
	}
	return true
}

// loopback is an address that nobody else reaches.
func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
