package bench

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/hengedb/henge/replication/request"
)

// Bucket is what is measured.
type Bucket interface {
	Get(ctx context.Context, key string, o request.ReadOptions) (request.Value, error)
	Put(ctx context.Context, key string, value []byte, o request.WriteOptions) (request.Receipt, error)
}

// Mix is the share of reads.
type Mix string

// The mixes.
const (
	Puts  Mix = "put"
	Gets  Mix = "get"
	Mixed Mix = "mixed" // half and half
)

// Mixes returns the words a Mix can be.
func Mixes() []string { return []string{string(Puts), string(Gets), string(Mixed)} }

// Options say what load to make.
type Options struct {
	Clients  int
	Duration time.Duration
	Size     int // bytes of a value, random, so that nothing can compress them
	Keys     int // how many keys there are; each request takes one at random
	Mix      Mix
	Seed     uint64
	Read     request.ReadOptions
	Write    request.WriteOptions
}

// Validate returns every problem.
func (o Options) Validate() error {
	var problems []error
	for name, n := range map[string]int{"clients": o.Clients, "keys": o.Keys} {
		if n < 1 {
			problems = append(problems, fmt.Errorf("%d %s: want at least 1", n, name))
		}
	}
	if o.Size < 0 || o.Size > request.MaxValue {
		problems = append(problems, fmt.Errorf("values of %d bytes: want 0 to %d", o.Size, request.MaxValue))
	}
	if o.Duration <= 0 {
		problems = append(problems, fmt.Errorf("a duration of %s: want more than 0", o.Duration))
	}
	if o.Mix != Puts && o.Mix != Gets && o.Mix != Mixed {
		problems = append(problems, fmt.Errorf("mix %q: want one of %s", o.Mix, strings.Join(Mixes(), ", ")))
	}
	return errors.Join(problems...)
}

// keyOf names key i.
func keyOf(i int) string { return fmt.Sprintf("bench-%08d", i) }
