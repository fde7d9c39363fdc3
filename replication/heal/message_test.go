package heal

import (
	"bytes"
	"errors"
	"testing"

	"github.com/hengedb/henge/storage"
)

func TestMessagesAreReadAsTheyWereWritten(t *testing.T) {
	a := &ask{partition: 300, first: 7, last: 1 << 60, after: key(1)}
	if got, err := decodeAsk(a.encode()); err != nil || *got != *a {
		t.Errorf("ask %+v, %v, want %+v", got, err, a)
	}
	want := &answer{more: true, rows: []storage.Record{
		{Key: key(1), Position: key(1).Position(), Object: object(1, "a")}, {Key: key(2), Position: key(2).Position(), Object: object(2, "")},
	}}
	got, err := decodeAnswer(want.encode())
	if err != nil || !bytes.Equal(got.encode(), want.encode()) || len(got.rows) != 2 || got.rows[1].Position != key(2).Position() {
		t.Errorf("answer %+v, %v, want %+v", got, err, want)
	}
}

func FuzzDecodeAsk(f *testing.F) {
	f.Add((&ask{partition: 3, first: 1, last: 2}).encode())
	f.Add((&ask{partition: 300, first: 1, last: 1 << 63, after: key(1)}).encode())
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, err := decodeAsk(raw)
		if err == nil && !bytes.Equal(a.encode(), raw) {
			t.Errorf("%x is read as %+v, which is written %x", raw, a, a.encode())
		}
	})
}

func FuzzDecodeAnswer(f *testing.F) {
	f.Add((&answer{verdict: verdictDamaged}).encode())
	f.Add((&answer{more: true, rows: []storage.Record{{Key: key(1), Object: object(1, "a")}}}).encode())
	f.Fuzz(func(t *testing.T, raw []byte) {
		a, err := decodeAnswer(raw)
		if err != nil {
			if a != nil && !errors.Is(err, errMessage) {
				t.Errorf("%v", err)
			}
			return
		}
		if again, err := decodeAnswer(a.encode()); err != nil || len(again.rows) != len(a.rows) {
			t.Errorf("%x is read as %+v, and then as %+v, %v", raw, a, again, err)
		}
	})
}
