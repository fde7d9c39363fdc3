package request

import "time"

// Context is the opaque token of what a read saw: base64url, bound to bucket,
// generation and key. Hand it to the write that replaces what was read.
type Context string

// Value is what a key holds: one sibling usually, more when writes ran
// concurrently and nobody has merged them yet, none when it holds nothing.
type Value struct {
	Siblings []Sibling
	Context  Context // empty when nothing was ever written
	ETag     string  // unquoted, of all siblings together; empty when there are none
	Answers  Answers
}

// Bytes returns the value when there is exactly one sibling.
func (v Value) Bytes() (data []byte, ok bool) {
	if len(v.Siblings) != 1 {
		return nil, false
	}
	return v.Siblings[0].Data, true
}

// Sibling is one of the values a key holds.
type Sibling struct {
	ID          string // names it among its siblings
	ContentType string
	Meta        map[string]string
	Modified    time.Time // the physical part of its stamp
	Expires     time.Time // from when on it is hidden, to the millisecond; zero is never
	Size        int       // bytes; Data may be left out
	Data        []byte
}

// Answers says who a read rests on.
type Answers struct {
	Need     int // R as resolved
	Got      int // distinct nodes whose state the result holds
	Primary  int // how many of them are primaries
	Replicas []ReplicaResult
}

// Receipt says what an acknowledged write rests on.
type Receipt struct {
	Replicas int     // how many the partition has
	Need     int     // W as resolved
	Acks     int     // distinct nodes that hold it
	Primary  int     // how many of those are primaries
	Durable  int     // how many of those said so after a sync
	Hinted   int     // absent primaries for which a hint is kept
	Context  Context // covers the write; empty when it is not the only value: read what the others are
	ETag     string  // unquoted, of the value afterwards
	Created  bool    // it was the first: If-None-Match: * held
	Siblings int     // how many values the coordinator holds afterwards
	OpID     string  // the operation's name, as given or made
	Value    *Value  // when WriteOptions.Return asked for it
	Results  []ReplicaResult
}

// Entry is one key of a listing.
type Entry struct {
	Key    string
	Value  Value  // siblings carry data when ScanOptions.Values asked for it
	Cursor string // a listing resumes behind this key
}
