package replication

import (
	"fmt"
	"time"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
)

// expiryOf is from when on a put's value is hidden, in Unix milliseconds; 0 is never.
// The node that a client asked computes it, once, and whoever coordinates the put takes
// it from there: so neither a hop nor a run anew moves it. A TTL begins with the later
// of the two clocks, that no node hides the value before its time for having started a
// moment ago, its hybrid clock ahead of the wall.
func (c *Coordinator) expiryOf(o request.WriteOptions, b ring.Bucket) (int64, error) {
	now := c.now().UnixMilli()
	if c.skew.Err() == nil {
		now = c.Time()
	}
	switch {
	case !o.ExpiresAt.IsZero():
		at := o.ExpiresAt.UnixMilli()
		if at > now+request.MaxTTL.Milliseconds() {
			return 0, fmt.Errorf("%w: it is to expire at %s, more than %s from now", request.ErrBadValue, request.FormatExpiresAt(o.ExpiresAt), request.MaxTTL)
		}
		return at, nil
	case o.TTL > 0:
		return now + o.TTL.Milliseconds(), nil
	case o.TTL == request.NoTTL || b.TTLMillis == 0:
		return 0, nil
	}
	return now + b.TTLMillis, nil
}

// past refuses a value that nobody would ever see. It is asked where a put is minted,
// behind the question whether its operation is known: the retry of one that was stored
// is told so, however late it comes. It goes by the wall, as deadlines do.
func (c *Coordinator) past(expiry int64) error {
	if expiry == 0 || expiry > c.now().UnixMilli() {
		return nil
	}
	return fmt.Errorf("%w: it expired at %s, before it was stored", request.ErrBadValue, request.FormatExpiresAt(time.UnixMilli(expiry)))
}

// expires is an expiry as a time; never is the zero one.
func expires(expiry int64) time.Time {
	if expiry == 0 {
		return time.Time{}
	}
	return time.UnixMilli(expiry).UTC()
}
