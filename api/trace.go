package api

import (
	"encoding/binary"
	"encoding/hex"
	"net/http"
	"strings"

	"github.com/hengedb/henge/api/wire"
)

// Where the parts of a traceparent stand (W3C Trace Context, version 00):
//
//	00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
//	│  └ trace id, 32 digits            └ parent id, 16  └ flags
//	└ version
const (
	traceLen   = 55
	traceStart = 3
	traceEnd   = 35
	parentEnd  = 52
)

// trace returns the request's traceparent and trace id. One that is absent or
// malformed begins a new trace, as the standard asks.
func (s *Server) trace(r *http.Request) (parent, id string) {
	if values := r.Header[wire.Trace]; len(values) == 1 && validTrace(values[0]) {
		return values[0], values[0][traceStart:traceEnd]
	}
	var raw [24]byte
	for i := 0; i < len(raw); i += 8 {
		binary.BigEndian.PutUint64(raw[i:], s.rand())
	}
	raw[15] |= 1 // an id of zeroes is invalid
	raw[23] |= 1
	b := make([]byte, 0, traceLen)
	b = append(b, "00-"...)
	b = hex.AppendEncode(b, raw[:16])
	b = append(b, '-')
	b = hex.AppendEncode(b, raw[16:])
	parent = string(append(b, "-00"...))
	return parent, parent[traceStart:traceEnd]
}

// validTrace accepts version 00, and of later versions what looks like it.
func validTrace(s string) bool {
	if len(s) < traceLen || s[2] != '-' || s[traceEnd] != '-' || s[parentEnd] != '-' || s[:2] == "ff" {
		return false
	}
	if len(s) > traceLen && (s[:2] == "00" || s[traceLen] != '-') || len(s) > 2*traceLen {
		return false
	}
	trace, parent := s[traceStart:traceEnd], s[traceEnd+1:parentEnd]
	return lowerHex(s[:2]) && lowerHex(trace) && lowerHex(parent) && lowerHex(s[parentEnd+1:traceLen]) &&
		strings.Trim(trace, "0") != "" && strings.Trim(parent, "0") != "" && visible(s[traceLen:])
}

func lowerHex(s string) bool { return strings.Trim(s, "0123456789abcdef") == "" }

// visible reports whether s is ASCII without spaces and controls.
func visible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
