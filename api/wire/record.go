package wire

import (
	"time"
	"unicode/utf8"

	"github.com/hengedb/henge/api/problem"
	"github.com/hengedb/henge/replication/request"
)

// Sibling is one value of a key in JSON.
type Sibling struct {
	ID          string            `json:"id"`
	ContentType string            `json:"content_type"`
	Modified    time.Time         `json:"last_modified"`
	Expires     time.Time         `json:"expires_at,omitzero"`
	Meta        map[string]string `json:"meta,omitempty"`
	Value       *string           `json:"value,omitempty"`
	Base64      *[]byte           `json:"base64,omitempty"`
}

// SiblingOf renders a sibling with its bytes as base64.
func SiblingOf(s request.Sibling) Sibling {
	data := s.Data
	if data == nil {
		data = []byte{} // null would be read as no value
	}
	return Sibling{ID: s.ID, ContentType: TypeOr(s.ContentType), Modified: s.Modified.UTC(), Expires: s.Expires, Meta: s.Meta, Base64: &data}
}

// TextOf renders a sibling with its bytes as text where they are UTF-8.
func TextOf(s request.Sibling) Sibling {
	out := SiblingOf(s)
	if text := string(s.Data); utf8.ValidString(text) {
		out.Value, out.Base64 = &text, nil
	}
	return out
}

// Request is the inverse of SiblingOf and TextOf.
func (s Sibling) Request() request.Sibling {
	out := request.Sibling{ID: s.ID, ContentType: s.ContentType, Meta: s.Meta, Modified: s.Modified, Expires: s.Expires}
	switch {
	case s.Value != nil:
		out.Data = []byte(*s.Value)
	case s.Base64 != nil:
		out.Data = *s.Base64
	}
	out.Size = len(out.Data)
	return out
}

// TypeOr is a value's content type as it is sent.
func TypeOr(contentType string) string {
	if contentType == "" {
		return Octets
	}
	return contentType
}

// Set is the body of a 300 answer: what a key holds when nobody has merged it yet.
type Set struct {
	Siblings []Sibling `json:"siblings"`
}

// Key is a key in JSON: text when it is UTF-8, else base64.
type Key struct {
	Text   *string `json:"key,omitempty"`
	Base64 []byte  `json:"key_base64,omitempty"`
}

// KeyOf renders a key.
func KeyOf(key string) Key {
	if utf8.ValidString(key) {
		return Key{Text: &key}
	}
	return Key{Base64: []byte(key)}
}

// String is the inverse of KeyOf.
func (k Key) String() string {
	if k.Text != nil {
		return *k.Text
	}
	return string(k.Base64)
}

// Line is one line of a listing: an entry, or with Complete set the last one.
type Line struct {
	Key
	Context  string    `json:"context,omitempty"`
	ETag     string    `json:"etag,omitempty"`
	Siblings []Sibling `json:"siblings,omitempty"`

	Complete *bool            `json:"complete,omitempty"` // every key up to the end was listed
	Count    *int             `json:"count,omitempty"`    // how many keys were listed
	Error    *problem.Problem `json:"error,omitempty"`    // why it is not complete; none: the limit

	Cursor string `json:"cursor"` // resumes behind this key, or behind the last one
}

// LineOf renders an entry; siblings carry their bytes.
func LineOf(e request.Entry) Line {
	line := Line{Key: KeyOf(e.Key), Context: string(e.Value.Context), ETag: e.Value.ETag, Cursor: e.Cursor}
	for _, s := range e.Value.Siblings {
		line.Siblings = append(line.Siblings, TextOf(s))
	}
	return line
}

// Entry is the inverse of LineOf.
func (l Line) Entry() request.Entry {
	e := request.Entry{Key: l.String(), Cursor: l.Cursor}
	e.Value.Context, e.Value.ETag = request.Context(l.Context), l.ETag
	for _, s := range l.Siblings {
		e.Value.Siblings = append(e.Value.Siblings, s.Request())
	}
	return e
}

// Explanation is request.Explanation with a key that JSON can hold.
type Explanation struct {
	request.Explanation
	Text   *string `json:"key,omitempty"` // hides the embedded one
	Base64 []byte  `json:"key_base64,omitempty"`
}

// ExplanationOf renders an explanation.
func ExplanationOf(e request.Explanation) Explanation {
	key := KeyOf(e.Key)
	return Explanation{Explanation: e, Text: key.Text, Base64: key.Base64}
}

// Request is the inverse of ExplanationOf.
func (e Explanation) Request() request.Explanation {
	out := e.Explanation
	out.Key = Key{e.Text, e.Base64}.String()
	return out
}
