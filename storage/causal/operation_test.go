package causal

import "testing"

func TestAnOperationIsItsNameVerbAndBody(t *testing.T) {
	base := NewOpID("secret", "name", "PUT", []byte("body"))
	if again := NewOpID("secret", "name", "PUT", []byte("body")); again != base {
		t.Errorf("one operation has the ids %x and %x", base, again)
	}
	for name, id := range map[string]OpID{
		"another secret":       NewOpID("Secret", "name", "PUT", []byte("body")),
		"another name":         NewOpID("secret", "game", "PUT", []byte("body")),
		"another verb":         NewOpID("secret", "name", "DELETE", []byte("body")),
		"another body":         NewOpID("secret", "name", "PUT", []byte("bodY")),
		"another border":       NewOpID("secret", "nameP", "UT", []byte("body")),
		"another border still": NewOpID("secret", "name", "PUTb", []byte("ody")),
	} {
		if id == base {
			t.Errorf("%s makes the same operation", name)
		}
	}
}

func TestAnOperationWithoutANameIsNeverFound(t *testing.T) {
	o := (*Object)(nil).Put(Write{Dot: Dot{1, 1}, Stamp: 5, Op: OpID{}, Policy: Siblings})
	if op, ok := o.Find(OpID{}); ok {
		t.Errorf("found %+v", op)
	}
	if op, ok := (*Object)(nil).Find(OpID{1}); ok {
		t.Errorf("found %+v in nothing", op)
	}
	o = o.Put(Write{Dot: Dot{1, 2}, Stamp: 6, Op: OpID{1}, Policy: Siblings})
	if op, ok := o.Find(OpID{1}); !ok || op != (Operation{6, Dot{1, 2}, OpID{1}}) {
		t.Errorf("found %+v, %v", op, ok)
	}
}

// Two coordinators mint one operation; a read at the one is replaced by a write at
// the other, which never met the dot that was read. The twin must not come back.
func TestAnOperationMintedTwiceIsReplacedByWhoSawOneOfIt(t *testing.T) {
	put := func(o *Object, dot Dot, op byte, seen *Seen, value string) *Object {
		return o.Put(Write{Dot: dot, Stamp: Stamp(10 * dot.Actor), Op: OpID{op}, Policy: Siblings, Seen: seen, Value: []byte(value)})
	}
	here := put(nil, Dot{1, 1}, 1, nil, "milk")
	there := put(nil, Dot{2, 1}, 1, nil, "milk")
	read := there.Seen()
	here = put(here, Dot{1, 2}, 2, &read, "milk, bread")
	if live := here.Live(0); len(live) != 1 || string(live[0].Value) != "milk, bread" {
		t.Errorf("shown: %s; want milk, bread alone", show(here))
	}
	if live := Join(there, here).Live(0); len(live) != 1 {
		t.Errorf("shown after the join: %d values, want 1", len(live))
	}
}
