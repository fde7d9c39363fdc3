package replication

import (
	"log/slog"

	"github.com/hengedb/henge/ring"
)

// partitionBytes guesses the bytes of each partition: of those that this node serves by
// what they take on its disk, of the others by the average of these.
func (c *Coordinator) partitionBytes(doc *ring.Document) []int64 {
	sizes, served, sum := make([]int64, len(doc.Layout)), int64(0), int64(0)
	for i := range doc.Layout {
		at := ring.Partition(i) //nolint:gosec // below 65,536
		if !doc.IsPrimary(at, c.self) {
			continue
		}
		n, err := c.store.RangeBytes(at)
		if err != nil {
			c.log.Warn("partition cannot be measured", slog.Int("partition", i), attrErr(err))
			continue
		}
		sizes[i] = int64(n) //nolint:gosec // a disk's size
		served, sum = served+1, sum+sizes[i]
	}
	for i := range sizes {
		if served > 0 && !doc.IsPrimary(ring.Partition(i), c.self) { //nolint:gosec // below 65,536
			sizes[i] = sum / served
		}
	}
	return sizes
}

// averageBytes guesses the bytes of a partition; 0 is not known.
func (c *Coordinator) averageBytes(doc *ring.Document) int64 {
	sum := int64(0)
	for _, n := range c.partitionBytes(doc) {
		sum += n
	}
	return sum / int64(len(doc.Layout))
}
