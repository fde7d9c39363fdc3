package agree

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/clock"
)

const (
	// spreadWidth is how many members are told at a time: a few, so that a thousand
	// members are told within seconds although some do not answer, and few enough
	// copies of the document in flight.
	spreadWidth = 8
	// spreadTimeout bounds what one member may take. Who misses it learns of the
	// document by gossip, or from the next request that names its version.
	spreadTimeout = 2 * time.Second
)

// spreader is the telling that is under way; a newer document ends it.
type spreader struct {
	mu   sync.Mutex
	stop context.CancelFunc
}

// spread tells all members about a decided document, behind the caller. It is
// best effort.
func (a *Agent) spread(d *ring.Document) {
	body, err := Message{Kind: KindDecided, Document: d.Raw()}.Encode()
	if err != nil {
		a.logger.Error("decision not told", slog.String("document", d.Name().String()), slog.Any("error", err))
		return
	}
	ctx, stop := context.WithCancel(a.life)
	a.spreader.mu.Lock()
	if a.spreader.stop != nil {
		a.spreader.stop()
	}
	a.spreader.stop = stop
	a.spreader.mu.Unlock()

	members := make(chan ring.NodeID, len(d.Members))
	for _, m := range d.Members {
		if m.ID != a.self {
			members <- m.ID
		}
	}
	close(members)
	for range min(spreadWidth, len(members)) {
		a.spawn(func() {
			for id := range members {
				a.tell(ctx, id, body)
			}
		})
	}
}

// tell sends one member a decision.
func (a *Agent) tell(ctx context.Context, id ring.NodeID, body []byte) {
	if ctx.Err() != nil {
		return
	}
	ctx, cancel := clock.WithTimeout(ctx, a.clock, spreadTimeout)
	defer cancel()
	answer, err := a.sendEncoded(ctx, id, body)
	if err == nil && answer.Kind == KindConflict {
		err = a.conflicts(ctx, answer.Held, id)
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		a.logger.Debug("member not told", slog.String("member", id.String()), slog.Any("error", err))
	}
}
