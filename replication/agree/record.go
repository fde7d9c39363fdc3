package agree

import (
	"encoding/json"
	"fmt"

	"github.com/hengedb/henge/ring"
)

// recordFormat is the version of the record on disk that this code writes, and
// the highest it reads.
const recordFormat = 1

// record is what a node keeps beside its document; drawn in the package comment.
type record struct {
	Format int       `json:"format"`
	Base   ring.Name `json:"base"`
	Round  uint64    `json:"round,omitempty"`
	Acceptor
}

// Record renders what must survive a restart besides the document itself.
func (s State) Record() ([]byte, error) {
	b, err := json.Marshal(record{Format: recordFormat, Base: s.Name(), Round: s.Round, Acceptor: s.Acceptor})
	if err != nil {
		return nil, fmt.Errorf("encode acceptor: %w", err)
	}
	return b, nil
}

// Restore is the state of a node that finds these bytes on its disk; nil for what
// is not there. It fails with ErrRecord when they are damaged, do not belong
// together, or were written by newer software.
func Restore(self ring.NodeID, document, saved []byte) (State, error) {
	s := State{Self: self}
	if document != nil {
		d, err := ring.Decode(document)
		if err != nil {
			return s, fmt.Errorf("%w: document: %w", ErrRecord, err)
		}
		s.Held = d
	}
	return s.restored(saved)
}

// restored adds what was saved of the instance to a state of which the document is
// known.
func (s State) restored(saved []byte) (State, error) {
	if saved == nil {
		return s, nil
	}
	var r record
	if err := json.Unmarshal(saved, &r); err != nil {
		return s, fmt.Errorf("%w: acceptor: %w", ErrRecord, err)
	}
	if r.Format < 1 || r.Format > recordFormat {
		return s, fmt.Errorf("%w: acceptor format %d, this version reads 1 to %d", ErrRecord, r.Format, recordFormat)
	}
	if conflict(r.Base, s.Name()) || r.Base.Compare(s.Name()) > 0 {
		return s, fmt.Errorf("%w: acceptor of document %s beside document %s: a synced write was lost", ErrRecord, r.Base, s.Name())
	}
	if r.Base == s.Name() {
		s.Round, s.Acceptor = r.Round, r.Acceptor
	}
	return s, nil
}
