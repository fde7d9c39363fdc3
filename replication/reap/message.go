package reap

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
)

// kind says what is asked.
type kind string

const (
	kindSurvey kind = "survey" // which of the keys are not as the digests say?
	kindRaise  kind = "raise"
	kindCommit kind = "commit"
	kindReap   kind = "reap"
	kindTable  kind = "table" // where do you stand in every partition?
)

// ask is a request.
type ask struct {
	Kind     kind   `json:"kind"`
	Document uint64 `json:"document,omitempty"` // the version that the round goes by
	Parts    []part `json:"parts,omitempty"`
}

// part is the round of one partition.
type part struct {
	Partition ring.Partition `json:"partition"`
	Epoch     causal.Epoch   `json:"epoch,omitzero"`
	Stand     epochs         `json:"stand,omitzero"` // of a survey: where its sender stands
	Keys      []candidate    `json:"keys,omitempty"`
}

// candidate is a key that may be reaped.
type candidate struct {
	Bucket string `json:"bucket"`
	Key    []byte `json:"key"`
	Digest []byte `json:"digest"`
	Narrow bool   `json:"narrow,omitempty"` // only its context is
}

func (c candidate) stored() storage.Key { return storage.Key{Bucket: c.Bucket, Key: string(c.Key)} }

// is reports whether an object has the candidate's digest.
func (c candidate) is(d causal.Digest) bool { return string(c.Digest) == string(d[:]) }

// answer is what a member says. The slices are by the asked parts' numbers.
type answer struct {
	Refused map[int]string       `json:"refused,omitempty"` // why not; what is not here is granted
	Differ  map[int][]int        `json:"differ,omitempty"`  // of a survey: the keys' numbers
	Stands  []epochs             `json:"stands,omitempty"`  // of a survey: where this node stands
	Raised  map[int]causal.Epoch `json:"raised,omitempty"`  // of a raise: where this node stands already
	Reaped  int                  `json:"reaped,omitempty"`
	Epochs  []epochs             `json:"epochs,omitempty"` // of a table, by partition
}

// epochs are where a node stands in a partition.
type epochs struct {
	Raised    causal.Epoch `json:"raised,omitzero"`
	Committed causal.Epoch `json:"committed,omitzero"`
	Awaited   bool         `json:"awaited,omitempty"` // this node does not know either
}

// errMessage is a message that no node of this version sends.
var errMessage = errors.New("malformed reap message")

func encode(m any) ([]byte, error) {
	raw, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode reap message: %w", err)
	}
	return raw, nil
}

func decode(raw []byte, m any) error {
	if err := json.Unmarshal(raw, m); err != nil {
		return fmt.Errorf("%w: %w", errMessage, err)
	}
	return nil
}

// check refuses an answer that is not to these parts.
func (a *answer) check(parts []part) error {
	for i := range a.Refused {
		if i < 0 || i >= len(parts) {
			return errMessage
		}
	}
	if len(a.Stands) > 0 && len(a.Stands) != len(parts) {
		return errMessage
	}
	for i := range a.Raised {
		if i < 0 || i >= len(parts) {
			return errMessage
		}
	}
	for i, js := range a.Differ {
		if i < 0 || i >= len(parts) || slices.ContainsFunc(js, func(j int) bool { return j < 0 || j >= len(parts[i].Keys) }) {
			return errMessage
		}
	}
	return nil
}

// refuse says of part i why not.
func (a *answer) refuse(i int, why string) {
	if a.Refused == nil {
		a.Refused = map[int]string{}
	}
	a.Refused[i] = why
}
