package request

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// The bounds of what a request may carry.
const (
	MaxKey       = 1024     // bytes; a key is stored in every index block, so not larger
	MaxBucket    = 64       // bytes; names stand in URLs, metrics and the cluster document
	MaxMeta      = 8 << 10  // bytes of names and values together
	MaxValue     = 16 << 20 // bytes; the setting max_value_bytes can lower or raise it
	WarnValue    = 1 << 20  // bytes; larger ones are served, and logged
	MaxOpID      = 128      // bytes
	MaxType      = 255      // bytes of a content type
	WarnSiblings = 10
	MaxSiblings  = 100
	// MaxSiblingBytes bounds the sum of a key's siblings: one answer must fit in memory.
	MaxSiblingBytes = 64 << 20
)

// CheckKey refuses an empty or over-long key. Any bytes are allowed.
func CheckKey(key string) error {
	if n := len(key); n < 1 || n > MaxKey {
		return fmt.Errorf("%w: it has %d bytes; want 1 to %d", ErrBadKey, n, MaxKey)
	}
	return nil
}

// CheckBucket refuses names that are not 1 to 64 of a-z, 0-9, '.', '_' and '-',
// or that do not begin with a letter or digit.
func CheckBucket(name string) error {
	if n := len(name); n < 1 || n > MaxBucket {
		return fmt.Errorf("%w: it has %d bytes; want 1 to %d", ErrBadBucket, n, MaxBucket)
	}
	if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") != "" || strings.ContainsRune("._-", rune(name[0])) {
		return fmt.Errorf("%w: %q; want a-z, 0-9, '.', '_', '-', beginning with a letter or digit", ErrBadBucket, name)
	}
	return nil
}

// CheckWrite refuses metadata, content types, operation ids and expiries that are over
// their bounds or cannot stand in a header.
func CheckWrite(o WriteOptions) error {
	if len(o.ContentType) > MaxType || !printable(o.ContentType) {
		return fmt.Errorf("%w: the content type has %d bytes or control characters; want at most %d", ErrBadValue, len(o.ContentType), MaxType)
	}
	if len(o.OpID) > MaxOpID || !printable(o.OpID) {
		return fmt.Errorf("%w: the operation id has %d bytes or control characters; want at most %d", ErrBadValue, len(o.OpID), MaxOpID)
	}
	size := 0
	for name, value := range o.Meta {
		size += len(name) + len(value)
		if name == "" || !printable(name) || !printable(value) {
			return fmt.Errorf("%w: metadata %q: want a name and printable text", ErrBadValue, name)
		}
	}
	if size > MaxMeta {
		return fmt.Errorf("%w: the metadata has %d bytes; want at most %d", ErrBadValue, size, MaxMeta)
	}
	return CheckExpiry(o)
}

// printable reports whether s is UTF-8 text without control characters.
func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}
