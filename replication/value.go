package replication

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage/causal"
)

// value shapes an object for a client: what a read shows of it, and the context
// that covers all of it.
func (c *Coordinator) value(doc *ring.Document, bucket ring.Bucket, key keyName, o *causal.Object) request.Value {
	live := o.Live(c.store.Now().Time().UnixMilli())
	value := request.Value{ETag: etagOf(live), Context: c.token(doc, bucket, key, o)}
	for i := range live {
		value.Siblings = append(value.Siblings, siblingOf(&live[i]))
	}
	return value
}

// token seals an object's context for a client; empty when nothing is held.
func (c *Coordinator) token(doc *ring.Document, bucket ring.Bucket, key keyName, o *causal.Object) request.Context {
	if o == nil {
		return ""
	}
	return request.Context(o.Seen().Token(doc.Secret, key.bucket, bucket.Generation, key.key))
}

func siblingOf(s *causal.Sibling) request.Sibling {
	sibling := request.Sibling{
		ID: idOf(s.Dot), ContentType: s.ContentType, Modified: s.Stamp.Time(), Size: s.Size, Data: s.Value,
		Expires: expires(s.Expiry),
	}
	if len(s.Meta) > 0 {
		sibling.Meta = make(map[string]string, len(s.Meta))
		for _, pair := range s.Meta {
			sibling.Meta[pair.Name] = pair.Value
		}
	}
	return sibling
}

// idOf names a sibling by its dot.
func idOf(d causal.Dot) string { return fmt.Sprintf("%016x-%x", uint64(d.Actor), d.Counter) }

// etagOf tags what a read shows: the dot of a single value, a hash of the dots of
// several. It follows the values and not the context, so that two replicas which
// show the same give the same tag.
func etagOf(live []causal.Sibling) string {
	switch len(live) {
	case 0:
		return ""
	case 1:
		return idOf(live[0].Dot)
	}
	ids := make([]string, len(live))
	for i := range live {
		ids[i] = idOf(live[i].Dot)
	}
	slices.Sort(ids)
	sum := sha256.Sum256([]byte(strings.Join(ids, ",")))
	return hex.EncodeToString(sum[:16])
}

// identify gives the write its operation id, makes one if the client gave none,
// and sorts its metadata. The stored id is a hash with verb and body, so that one
// name used for two bodies is two operations.
func (c *Coordinator) identify(w *write) {
	w.opName = w.options.OpID
	if w.opName == "" {
		w.opName = fmt.Sprintf("%016x%016x", c.rand(), c.rand())
	}
	w.op = causal.NewOpID(string(w.place.doc.Secret), w.opName, w.verb, w.value)
	for name, value := range w.options.Meta {
		w.meta = append(w.meta, causal.Pair{Name: name, Value: value})
	}
	slices.SortFunc(w.meta, func(a, b causal.Pair) int { return strings.Compare(a.Name, b.Name) })
}

// The attributes of this package's log lines.
func attrKey(k keyName) slog.Attr {
	return slog.Group("key", slog.String("bucket", k.bucket), slog.String("name", k.key))
}
func attrErr(err error) slog.Attr { return slog.String("error", err.Error()) }
func attrBytes(n int) slog.Attr   { return slog.Int("bytes", n) }

func slowAttributes(verb string, key keyName, trace string, took time.Duration, results []request.ReplicaResult, err error) []any {
	attrs := []any{slog.String("verb", verb), attrKey(key), slog.Duration("took", took)}
	if trace != "" {
		attrs = append(attrs, slog.String("traceparent", trace))
	}
	if err != nil {
		attrs = append(attrs, attrErr(err))
	}
	for _, r := range results {
		attrs = append(attrs, slog.Group(r.Name, slog.String("result", string(r.Result)), slog.Duration("took", r.Elapsed)))
	}
	return attrs
}
