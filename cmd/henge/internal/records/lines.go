package records

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// errTooLong is the reason of a line that was passed over for its length.
var errTooLong = fmt.Errorf("it is longer than %d bytes", MaxLine)

// lineReader splits input into lines of at most MaxLine bytes.
type lineReader struct {
	r    *bufio.Reader
	line int
}

func newLineReader(r io.Reader) *lineReader {
	return &lineReader{r: bufio.NewReaderSize(r, 64<<10)}
}

// next returns the next line that is not blank, without its end and surrounding
// blanks. The bytes are the caller's.
func (l *lineReader) next() ([]byte, error) {
	for {
		raw, err := l.read()
		if l.line == 1 {
			raw = bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf")) // a byte order mark, as spreadsheets write it
		}
		raw = bytes.TrimSpace(raw)
		switch {
		case errors.Is(err, errTooLong):
			return nil, &BadRecord{Line: l.line, Reason: err}
		case len(raw) > 0 && !utf8.Valid(raw):
			return nil, &BadRecord{Line: l.line, Raw: raw, Reason: errors.New("it is not UTF-8")}
		case len(raw) > 0:
			return raw, nil // an error comes again at the next call
		case err != nil:
			return nil, err
		}
	}
}

// read returns one line with its end; what is left at the end of the input is a
// line too.
func (l *lineReader) read() ([]byte, error) {
	l.line++
	var line []byte
	for tooLong := false; ; {
		part, err := l.r.ReadSlice('\n')
		if tooLong = tooLong || len(line)+len(part) > MaxLine; !tooLong {
			line = append(line, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case tooLong:
			return nil, errTooLong
		}
		return line, err
	}
}
