package history

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxLine bounds one operation on disk. Reads of many siblings are the longest
// lines, and a key has at most a hundred siblings.
const maxLine = 4 << 20

// Write writes h as JSON lines.
func Write(w io.Writer, h History) error {
	buffered := bufio.NewWriter(w)
	encoder := json.NewEncoder(buffered)
	encoder.SetEscapeHTML(false)
	for i := range h {
		if err := encoder.Encode(&h[i]); err != nil {
			return fmt.Errorf("write operation %d: %w", i, err)
		}
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("write history: %w", err)
	}
	return nil
}

// Read reads what Write wrote. It is strict: a field it does not know, a line that
// is more or less than one operation, or a list that is no history, is an error
// that names the line or the operation.
func Read(r io.Reader) (History, error) {
	var h History
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		o, err := decode(lines.Bytes())
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		h = append(h, o)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read history: %w", err)
	}
	if err := h.Check(); err != nil {
		return nil, err
	}
	return h, nil
}

var errTrailing = errors.New("more than one operation")

func decode(line []byte) (Op, error) {
	var o Op
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&o); err != nil {
		return Op{}, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Op{}, errTrailing
	}
	return o, nil
}
