package records

import (
	"encoding/json"
	"errors"
	"fmt"
)

// errNoObject is the reason of a line that is something else.
var errNoObject = errors.New("it is not a JSON object")

// jsonDecoder reads NDJSON: the line is the value, one of its fields the key.
type jsonDecoder struct {
	lines *lineReader
	key   string
}

var _ Decoder = (*jsonDecoder)(nil)

// Next returns the next line as a record.
func (d *jsonDecoder) Next() (Record, error) {
	line, err := d.lines.next()
	if err != nil {
		return Record{}, err
	}
	key, err := keyOf(line, d.key)
	if err != nil {
		return Record{}, &BadRecord{Line: d.lines.line, Raw: line, Reason: err}
	}
	return Record{Line: d.lines.line, Raw: line, Key: key, Value: line, ContentType: JSONType}, nil
}

// keyOf returns the named field of a JSON object: a string, or a number as it is
// written.
func keyOf(object []byte, field string) (string, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(object, &fields); err != nil {
		return "", fmt.Errorf("%w: %w", errNoObject, err)
	}
	raw, ok := fields[field]
	if !ok {
		return "", fmt.Errorf("it has no field %q", field)
	}
	var key string
	if err := json.Unmarshal(raw, &key); err == nil && string(raw) != "null" {
		return checked(key, field)
	}
	var number json.Number
	if err := json.Unmarshal(raw, &number); err != nil || string(raw) == "null" {
		return "", fmt.Errorf("its field %q is neither a string nor a number", field)
	}
	return number.String(), nil
}

// checked refuses an empty key; longer bounds are the store's to know.
func checked(key, field string) (string, error) {
	if key == "" {
		return "", fmt.Errorf("its field %q is empty", field)
	}
	return key, nil
}
