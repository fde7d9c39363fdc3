package records

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
	"unicode/utf8"

	"github.com/hengedb/henge/replication/request"
)

// Blob is a value in JSON: exactly one of its fields is set.
type Blob struct {
	JSON   json.RawMessage `json:"json,omitempty"`   // the value is compact JSON
	Value  *string         `json:"value,omitempty"`  // the value is UTF-8 text
	Base64 *[]byte         `json:"base64,omitempty"` // anything else
}

// BlobOf picks the field that keeps every byte of data and reads best.
func BlobOf(data []byte, contentType string) Blob {
	if contentType == JSONType && isCompact(data) {
		return Blob{JSON: data}
	}
	if utf8.Valid(data) {
		text := string(data)
		return Blob{Value: &text}
	}
	return Blob{Base64: &data}
}

// isCompact reports whether data is JSON that writing and reading it as part of a
// line gives back byte for byte.
func isCompact(data []byte) bool {
	var compact bytes.Buffer
	return utf8.Valid(data) && json.Compact(&compact, data) == nil && bytes.Equal(compact.Bytes(), data)
}

// Bytes returns the value. It fails unless exactly one field is set.
func (b Blob) Bytes() ([]byte, error) {
	switch {
	case b.JSON != nil && b.Value == nil && b.Base64 == nil:
		return b.JSON, nil
	case b.JSON == nil && b.Value != nil && b.Base64 == nil:
		return []byte(*b.Value), nil
	case b.JSON == nil && b.Value == nil && b.Base64 != nil:
		return *b.Base64, nil
	}
	return nil, errors.New("want exactly one of json, value and base64")
}

// Line is one key of an export.
type Line struct {
	Key       string `json:"key,omitempty"`
	KeyBase64 []byte `json:"key_base64,omitempty"` // of a key that is not UTF-8
	Blob
	ContentType string            `json:"content_type,omitempty"`
	Meta        map[string]string `json:"meta,omitempty"`
	Expires     time.Time         `json:"expires_at,omitzero"`
	Siblings    []SiblingLine     `json:"siblings,omitempty"` // in place of a value: writes that nobody has merged
}

// SiblingLine is one of several values of a key.
type SiblingLine struct {
	ID string `json:"id"`
	Blob
	ContentType string            `json:"content_type,omitempty"`
	Meta        map[string]string `json:"meta,omitempty"`
	Modified    time.Time         `json:"modified,omitzero"`
	Expires     time.Time         `json:"expires_at,omitzero"`
}

// LineOf turns a listed key with its values into a line of an export.
func LineOf(e request.Entry) Line {
	line := KeyOf(e.Key)
	if data, ok := e.Value.Bytes(); ok {
		s := e.Value.Siblings[0]
		line.Blob, line.ContentType, line.Meta = BlobOf(data, s.ContentType), s.ContentType, s.Meta
		line.Expires = s.Expires
		return line
	}
	for _, s := range e.Value.Siblings {
		line.Siblings = append(line.Siblings, SiblingOf(s))
	}
	return line
}

// SiblingOf turns one value among several into its part of a line.
func SiblingOf(s request.Sibling) SiblingLine {
	return SiblingLine{ID: s.ID, Blob: BlobOf(s.Data, s.ContentType), ContentType: s.ContentType, Meta: s.Meta, Modified: s.Modified, Expires: s.Expires}
}

// KeyOf returns a line that holds only its key.
func KeyOf(key string) Line {
	if utf8.ValidString(key) {
		return Line{Key: key}
	}
	return Line{KeyBase64: []byte(key)}
}

// Encode writes v as one line of JSON, without the escapes that are for HTML only.
func Encode(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// exportDecoder reads what henge export wrote.
type exportDecoder struct {
	lines *lineReader
}

var _ Decoder = (*exportDecoder)(nil)

// Next returns the next line as a record.
func (d *exportDecoder) Next() (Record, error) {
	raw, err := d.lines.next()
	if err != nil {
		return Record{}, err
	}
	record, err := decodeLine(raw)
	if err != nil {
		return Record{}, &BadRecord{Line: d.lines.line, Raw: raw, Reason: err}
	}
	record.Line, record.Raw = d.lines.line, raw
	return record, nil
}

// decodeLine reads one line of an export.
func decodeLine(raw []byte) (Record, error) {
	if raw[0] != '{' {
		return Record{}, errNoObject
	}
	var line Line
	if err := json.Unmarshal(raw, &line); err != nil {
		return Record{}, fmt.Errorf("%w: %w", errNoObject, err)
	}
	key := line.Key + string(line.KeyBase64)
	switch {
	case key == "", line.Key != "" && line.KeyBase64 != nil:
		return Record{}, errors.New("want exactly one of key and key_base64")
	case line.Siblings != nil:
		return Record{}, fmt.Errorf("its key has %d siblings: merge them first", len(line.Siblings))
	}
	value, err := line.Bytes()
	if err != nil {
		return Record{}, err
	}
	return Record{Key: key, Value: value, ContentType: line.ContentType, Meta: line.Meta, Expires: line.Expires}, nil
}
