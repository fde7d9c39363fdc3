package ring

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Hash is the first 16 bytes of the SHA-256 of a document's bytes.
type Hash [16]byte

// HashOf hashes a document's bytes.
func HashOf(raw []byte) Hash {
	sum := sha256.Sum256(raw)
	return Hash(sum[:16])
}

// String renders the hash as 32 hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText renders the hash as String does.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText parses what MarshalText wrote.
func (h *Hash) UnmarshalText(text []byte) error {
	raw, err := hex.DecodeString(string(text))
	if err != nil || len(raw) != len(h) {
		return fmt.Errorf("document hash %.40q: want 32 hexadecimal digits", text)
	}
	*h = Hash(raw)
	return nil
}

// IsZero reports whether n names no document.
func (n Name) IsZero() bool { return n.Version == 0 }

// String is short enough for a log line: "e0.v3.ab12cd34".
func (n Name) String() string {
	return fmt.Sprintf("e%d.v%d.%s", n.Era.Number, n.Version, n.Hash.String()[:8])
}

// Compare orders names by era number and then version: negative when n is older
// than m. Names that conflict compare equal or by version.
func (n Name) Compare(m Name) int {
	return cmp.Or(cmp.Compare(n.Era.Number, m.Era.Number), cmp.Compare(n.Version, m.Version))
}

// Conflicts reports whether n and m can never both have been decided: one era number
// with two random parts, or one era and version with two hashes.
func (n Name) Conflicts(m Name) bool {
	if n.Era.Number != m.Era.Number {
		return false
	}
	return n.Era.Random != m.Era.Random || (n.Version == m.Version && n.Hash != m.Hash)
}
