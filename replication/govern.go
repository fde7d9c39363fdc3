package replication

import (
	"errors"
	"time"

	"github.com/hengedb/henge/replication/governor"
	"github.com/hengedb/henge/replication/request"
)

// Governor is what this node's background work takes its budget from.
func (c *Coordinator) Governor() *governor.Governor { return c.governor }

// budget is what the cluster's settings allow background work, in bytes a second.
func (c *Coordinator) budget() float64 {
	rate := 0
	if d := c.Document(); d != nil {
		rate = d.Settings.TransferMiBps
	}
	if rate <= 0 {
		rate = DefaultTransferMiBps
	}
	return float64(rate) * (1 << 20)
}

// observe tells the governor how long a request took that was answered.
func (c *Coordinator) observe(verb governor.Verb, started time.Time, err error) {
	if err == nil || errors.Is(err, request.ErrNotFound) {
		now := c.clock.Now()
		c.governor.Observe(verb, now, now.Sub(started))
	}
}
