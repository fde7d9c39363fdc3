package henge

import (
	crand "crypto/rand"
	"encoding/binary"
	"math/rand/v2"
	"sync"
)

// seeded returns a source of random numbers that is safe for concurrent use. Seed 0
// draws its key from the system, so that no two starts share an actor.
func seeded(seed uint64) func() uint64 {
	var key [32]byte
	if seed == 0 {
		crand.Read(key[:])
	} else {
		binary.BigEndian.PutUint64(key[:], seed)
	}
	var mu sync.Mutex
	source := rand.NewChaCha8(key)
	return func() uint64 {
		mu.Lock()
		defer mu.Unlock()
		return source.Uint64()
	}
}
