package records

import (
	"fmt"
	"io"
	"time"
)

// MaxLine bounds one record, in bytes: room for the largest value in base64
// with its metadata, and small enough that one line cannot fill the memory.
const MaxLine = 32 << 20

// JSONType is the content type of values made from NDJSON and CSV.
const JSONType = "application/json"

// Record is one key and value to be stored.
type Record struct {
	Line        int    // where it begins in the input, from 1
	Raw         []byte // a line that reads as this record again (NDJSON, for CSV too)
	Key         string
	Value       []byte
	ContentType string
	Meta        map[string]string
	Expires     time.Time // zero: nothing is said
}

// BadRecord says why a record was passed over. Reading goes on behind it.
type BadRecord struct {
	Line   int
	Raw    []byte // the line, where there is one to show
	Reason error
}

// Error names the line and the reason.
func (e *BadRecord) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Reason) }

// Unwrap returns the reason.
func (e *BadRecord) Unwrap() error { return e.Reason }

// Decoder gives one record after the other. Next returns a *BadRecord for one
// that cannot be used, and is called again for the next; any other error ends the
// input, io.EOF cleanly.
type Decoder interface {
	Next() (Record, error)
}

// Format says how records are written.
type Format string

// The formats.
const (
	NDJSON Format = "ndjson"
	CSV    Format = "csv"
	Export Format = "export"
)

// Formats returns the words a Format can be.
func Formats() []string { return []string{string(NDJSON), string(CSV), string(Export)} }

// NewDecoder reads records from r. NDJSON and CSV take each record's key from the
// field that key names; the export format carries it, and takes no key.
func NewDecoder(r io.Reader, format Format, key string) (Decoder, error) {
	switch {
	case format == Export && key != "":
		return nil, fmt.Errorf("records in the export format carry their key: leave out the key field %q", key)
	case format == Export:
		return &exportDecoder{lines: newLineReader(r)}, nil
	case key == "":
		return nil, fmt.Errorf("which field of a record is its key? name it with --key")
	case format == NDJSON:
		return &jsonDecoder{lines: newLineReader(r), key: key}, nil
	case format == CSV:
		return newCSVDecoder(r, key)
	}
	return nil, fmt.Errorf("format %q: want one of %v", format, Formats())
}
