package records

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"
)

// csvDecoder turns each row below the header into a JSON object.
type csvDecoder struct {
	rows   *csv.Reader
	limit  *limitReader
	header [][]byte // the field names, quoted as JSON
	key    int
}

var _ Decoder = (*csvDecoder)(nil)

// newCSVDecoder reads the header; an input without one, or whose header lacks the
// key's field, is refused at once.
func newCSVDecoder(r io.Reader, key string) (*csvDecoder, error) {
	d := &csvDecoder{limit: &limitReader{r: r, left: MaxLine}}
	d.rows = csv.NewReader(d.limit)
	names, err := d.rows.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("the input is empty: the first row must name the fields")
	}
	if err != nil {
		return nil, fmt.Errorf("read the first row, which names the fields: %w", err)
	}
	names[0] = string(bytes.TrimPrefix([]byte(names[0]), []byte("\xef\xbb\xbf")))
	if d.key = slices.Index(names, key); d.key < 0 {
		return nil, fmt.Errorf("the first row names no field %q; it names %q", key, names)
	}
	for i, name := range names {
		if slices.Index(names, name) != i {
			return nil, fmt.Errorf("the first row names the field %q twice", name)
		}
		d.header = append(d.header, quoted(name))
	}
	return d, nil
}

// Next returns the next row as a record.
func (d *csvDecoder) Next() (Record, error) {
	d.limit.left = MaxLine
	row, err := d.rows.Read()
	var parse *csv.ParseError
	switch {
	case errors.Is(err, errTooLong):
		return Record{}, fmt.Errorf("a row goes on for more than %d bytes: is a quote not closed?", MaxLine)
	case errors.As(err, &parse):
		return Record{}, &BadRecord{Line: parse.StartLine, Reason: parse.Err}
	case err != nil:
		return Record{}, err
	}
	line, _ := d.rows.FieldPos(0)
	value := d.object(row)
	if row[d.key] == "" {
		return Record{}, &BadRecord{Line: line, Raw: value, Reason: errors.New("its key is empty")}
	}
	if slices.ContainsFunc(row, func(field string) bool { return !utf8.ValidString(field) }) {
		return Record{}, &BadRecord{Line: line, Raw: value, Reason: errors.New("it is not UTF-8")}
	}
	return Record{Line: line, Raw: value, Key: row[d.key], Value: value, ContentType: JSONType}, nil
}

// object writes a row as a JSON object, fields in the order of the header.
func (d *csvDecoder) object(row []string) []byte {
	object := []byte{'{'}
	for i, field := range row {
		if i > 0 {
			object = append(object, ',')
		}
		object = append(object, d.header[i]...)
		object = append(object, ':')
		object = append(object, quoted(field)...)
	}
	return append(object, '}')
}

// quoted writes s as a JSON string, without the escapes that are for HTML only.
func quoted(s string) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		panic("a string is always encodable: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// limitReader ends with errTooLong when more is read than was left. The CSV reader
// keeps a row in memory until its quotes close, and would keep the whole input.
type limitReader struct {
	r    io.Reader
	left int
}

// Read reads at most what is left.
func (l *limitReader) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errTooLong
	}
	n, err := l.r.Read(p[:min(len(p), l.left)])
	l.left -= n
	return n, err
}
