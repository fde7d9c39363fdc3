package agree

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// votedState is a state that has everything a record can have.
func votedState(t *testing.T) State {
	t.Helper()
	first := firstDocument(t, 3)
	return State{Self: 1, Held: first, Round: 5, Acceptor: Acceptor{
		Promised: Ballot{Round: 4, Node: 3}, Accepted: Ballot{Round: 2, Node: 2}, Value: []byte(`{"format":1}`),
	}}
}

func TestRecordBytes(t *testing.T) {
	s := votedState(t)
	b, err := s.Record()
	if err != nil {
		t.Fatal(err)
	}
	if want := recordOf(t, s, func(*record) {}); !bytes.Equal(b, want) {
		t.Errorf("the record is %s, want %s", b, want)
	}
	golden(t, "record.golden", append(recordOf(t, s, func(r *record) { r.Base = testBase }), '\n'))
	back, err := Restore(1, s.Held.Raw(), b)
	if err != nil {
		t.Fatal(err)
	}
	if back.Name() != s.Name() || back.Round != s.Round {
		t.Errorf("restored %s and round %d, want %s and %d", back.Name(), back.Round, s.Name(), s.Round)
	}
	if diff := cmp.Diff(s.Acceptor, back.Acceptor); diff != "" {
		t.Errorf("the acceptor comes back changed (-saved +restored):\n%s", diff)
	}
}

// recordOf is s's record, changed.
func recordOf(t *testing.T, s State, change func(*record)) []byte {
	t.Helper()
	r := record{Format: recordFormat, Base: s.Name(), Round: s.Round, Acceptor: s.Acceptor}
	change(&r)
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRestoreRefuses(t *testing.T) {
	s := votedState(t)
	doc := s.Held.Raw()
	for name, c := range map[string]struct {
		document, saved []byte
		want            string
	}{
		"a document that is none":                   {[]byte(`{"format":1}`), nil, "document"},
		"a record that is no JSON":                  {doc, []byte(`{"format":`), "acceptor"},
		"a record of a later format":                {doc, recordOf(t, s, func(r *record) { r.Format++ }), "this version reads 1 to 1"},
		"a record without a format":                 {doc, recordOf(t, s, func(r *record) { r.Format = 0 }), "acceptor format 0"},
		"a record beside no document":               {nil, recordOf(t, s, func(*record) {}), "a synced write was lost"},
		"a record of a document that is not there":  {doc, recordOf(t, s, func(r *record) { r.Base.Version++ }), "a synced write was lost"},
		"a record of a later era":                   {doc, recordOf(t, s, func(r *record) { r.Base.Era.Number++ }), "a synced write was lost"},
		"a record of another document of that name": {doc, recordOf(t, s, func(r *record) { r.Base.Hash[0]++ }), "a synced write was lost"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Restore(1, c.document, c.saved)
			if !errors.Is(err, ErrRecord) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want ErrRecord and %q", err, c.want)
			}
		})
	}
}

func TestRecordOfAnOlderDocumentIsOver(t *testing.T) {
	s := votedState(t)
	b, err := s.Record()
	if err != nil {
		t.Fatal(err)
	}
	back, err := Restore(1, successorWith(t, s.Held, "b").Raw(), b)
	if err != nil || back.Round != 0 || !back.Acceptor.Promised.IsZero() {
		t.Errorf("restored round %d and %+v, %v: want nothing of the instance before", back.Round, back.Acceptor, err)
	}
}

func FuzzRestore(f *testing.F) {
	first := firstDocument(f, 3)
	f.Add([]byte(nil), []byte(nil))
	f.Add(first.Raw(), []byte(`{"format":1,"base":{"era":{"number":0,"random":42},"version":1,"hash":"00"},"round":3}`))
	b, err := State{Self: 1, Held: first, Round: 2, Acceptor: Acceptor{Promised: testBallot}}.Record()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(first.Raw(), b)
	f.Fuzz(func(t *testing.T, document, saved []byte) {
		s, err := Restore(1, document, saved)
		if err != nil {
			if !errors.Is(err, ErrRecord) {
				t.Errorf("%v does not match ErrRecord", err)
			}
			return
		}
		again, err := s.Record()
		if err != nil {
			t.Fatal(err)
		}
		var held []byte
		if s.Held != nil {
			held = s.Held.Raw()
		}
		back, err := Restore(1, held, again)
		if err != nil || back.Name() != s.Name() || back.Round != s.Round || back.Acceptor.Promised != s.Acceptor.Promised {
			t.Errorf("%+v was saved, %+v restored: %v", s, back, err)
		}
	})
}
