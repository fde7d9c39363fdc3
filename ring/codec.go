package ring

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// format is the encoding that this version writes. A document of a higher format is
// held and served from, but not edited: an edit would drop what it cannot read.
const format = 1

// maxDocument bounds an encoded document: 1,000 nodes and 16,384 partitions take
// about 2 MiB.
const maxDocument = 32 << 20

// Encode renders the document as JSON, in one way only. It fails when Validate or
// Editable does.
func (d *Document) Encode() ([]byte, error) {
	if err := errors.Join(d.Editable(), d.Validate()); err != nil {
		return nil, fmt.Errorf("encode document: %w", err)
	}
	raw, err := json.Marshal(d)
	if err != nil {
		return nil, fmt.Errorf("encode document: %w", err)
	}
	return raw, nil
}

// Decode is the inverse of Encode. Fields it does not know are kept in Raw and
// otherwise ignored. The document keeps raw: do not change it.
func Decode(raw []byte) (*Document, error) {
	if len(raw) > maxDocument {
		return nil, fmt.Errorf("decode document: %d bytes, want at most %d", len(raw), maxDocument)
	}
	if longestList(raw) > maxPartitions {
		return nil, fmt.Errorf("decode document: a list of more than %d entries", maxPartitions)
	}
	d := &Document{}
	if err := json.Unmarshal(raw, d); err != nil {
		return nil, fmt.Errorf("decode document: %w", err)
	}
	if err := d.Validate(); err != nil {
		return nil, fmt.Errorf("decode document: %w", err)
	}
	d.raw = raw
	d.name = Name{Era: d.Era, Version: d.Version, Hash: HashOf(raw)}
	d.index()
	return d, nil
}

// longestList is how many entries the longest list of the document itself has: two
// bytes of JSON make one, which takes a hundred bytes of memory. What it says of bytes
// that are no JSON means nothing.
func longestList(raw []byte) int {
	longest, commas, depth := 0, 0, 0
	for i := 0; i < len(raw); i++ {
		switch raw[i] {
		case '"':
			for i++; i < len(raw) && raw[i] != '"'; i++ {
				if raw[i] == '\\' {
					i++
				}
			}
		case '[', '{':
			depth++
		case ']', '}':
			if depth--; depth == 1 {
				longest, commas = max(longest, commas+1), 0
			}
		case ',':
			if depth == 2 {
				commas++
			}
		}
	}
	return max(longest, commas+1)
}

// Seal turns an edited document into one that can be held: encoded and named.
func (d *Document) Seal() (*Document, error) {
	raw, err := d.Encode()
	if err != nil {
		return nil, err
	}
	return Decode(raw)
}

// Raw is the bytes that were decided; nil while the document is being edited. Do not
// change them.
func (d *Document) Raw() []byte { return d.raw }

// Name names the document; it has no hash while it is being edited.
func (d *Document) Name() Name { return d.name }

// Editable tells why this version must not edit the document, or nil.
func (d *Document) Editable() error {
	if d.Format > format {
		return fmt.Errorf("document version %d has format %d; this node edits up to %d: upgrade it first", d.Version, d.Format, format)
	}
	return nil
}

// Clone is a copy to edit: nothing in it is shared.
func (d *Document) Clone() *Document {
	c := *d
	c.raw, c.name, c.buckets, c.members = nil, Name{}, nil, nil
	c.Secret = append([]byte(nil), d.Secret...)
	c.Members = append([]Member(nil), d.Members...)
	c.Voters = append([]NodeID(nil), d.Voters...)
	c.Buckets = append([]Bucket(nil), d.Buckets...)
	c.Expelled = append([]NodeID(nil), d.Expelled...)
	c.Left = slices.Clone(d.Left)
	c.Staged = cloneSteps(d.Staged)
	if d.Change != nil {
		change := *d.Change
		change.Steps = cloneSteps(change.Steps)
		c.Change = &change
	}
	if d.Forced != nil {
		forced := *d.Forced
		forced.Lost = slices.Clone(forced.Lost)
		c.Forced = &forced
	}
	c.Layout = make([]Entry, len(d.Layout))
	for i, e := range d.Layout {
		e.Serving = append([]NodeID(nil), e.Serving...)
		e.Next = append([]NodeID(nil), e.Next...)
		e.Former = append([]NodeID(nil), e.Former...)
		c.Layout[i] = e
	}
	return &c
}

func cloneSteps(steps []Step) []Step {
	steps = slices.Clone(steps)
	for i, s := range steps {
		if s.Member != nil {
			member := *s.Member
			steps[i].Member = &member
		}
		if s.Zone != nil {
			zone := *s.Zone
			steps[i].Zone = &zone
		}
	}
	return steps
}
