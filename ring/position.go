package ring

import (
	"encoding/binary"
	"math/bits"

	"github.com/cespare/xxhash/v2"
)

// Position is a place on the ring: the 64-bit xxhash of bucket and key.
type Position uint64

// Partition is one of Q equal, contiguous ranges of positions, 0 to Q-1.
type Partition uint32

// SegmentsPerPartition is how many segments a partition has. 1,024 leaves of
// 8 bytes keep a partition's hash tree at 8 KiB, and a segment of a partition of
// a million keys at a thousand keys.
const SegmentsPerPartition = 1024

// Segment is one of the SegmentsPerPartition equal ranges of a partition,
// 0 to 1023.
type Segment uint16

// PositionOf hashes a bucket and key. The bucket's length goes first, so that no
// two pairs share their bytes.
func PositionOf(bucket, key string) Position {
	var stack [128]byte
	b := binary.AppendUvarint(stack[:0], uint64(len(bucket)))
	b = append(b, bucket...)
	b = append(b, key...)
	return Position(xxhash.Sum64(b))
}

// Partition returns the partition that p falls in when the ring has q of them;
// q is a power of two.
func (p Position) Partition(q int) Partition {
	return Partition(bits.RotateLeft64(uint64(p), bits.Len(uint(q))-1) & uint64(q-1))
}

// Segment returns p's segment inside its partition when the ring has q partitions.
func (p Position) Segment(q int) Segment {
	return Segment(bits.RotateLeft64(uint64(p), bits.Len(uint(q))-1+10) & (SegmentsPerPartition - 1))
}

// SegmentRange returns the first and last position of segment s of partition n when the
// ring has q.
func (n Partition) SegmentRange(s Segment, q int) (first, last Position) {
	first, last = n.Range(q)
	width := (uint64(last-first) >> 10) + 1
	first += Position(uint64(s) * width)
	return first, first + Position(width-1)
}

// Range returns the first and last position of partition n when the ring has q.
func (n Partition) Range(q int) (first, last Position) {
	width := 64 - (bits.Len(uint(q)) - 1)
	if width == 64 {
		return 0, ^Position(0)
	}
	first = Position(uint64(n) << width)
	return first, first + Position(uint64(1)<<width-1)
}
