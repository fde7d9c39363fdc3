package output

import (
	"io"

	"github.com/hengedb/henge/api/wire"
)

// Buckets writes buckets with their rules as a table.
func Buckets(w io.Writer, buckets []wire.Bucket) error {
	rows := [][]string{{"NAME", "OWNER", "POLICY", "R", "W", "STRICT", "SYNC", "CONTEXT", "TTL"}}
	for _, b := range buckets {
		context := "optional"
		if b.RequireContext {
			context = "required"
		}
		rows = append(rows, []string{b.Name, orDash(b.Owner), b.Policy, b.R, b.W, yes(b.Strict), yes(b.Sync), context, orDash(b.TTL)})
	}
	return Table(w, rows)
}
