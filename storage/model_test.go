package storage

import (
	"bytes"
	"context"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/hengedb/henge/ring"
)

// model is a store as a map, beside a real one.
type model struct {
	ctx     context.Context
	fs      *vfs.MemFS
	store   *Store
	values  map[Key][]byte
	hints   map[Key]Hint
	records map[string][]byte
}

var (
	anyKey = rapid.Custom(func(t *rapid.T) Key {
		return Key{
			Bucket: rapid.SampledFrom([]string{"a", "b", "a\x00"}).Draw(t, "bucket"),
			Key:    rapid.SampledFrom([]string{"a", "b", "\x00", "\xff\xff", "\x00b", "long and longer"}).Draw(t, "key"),
		}
	})
	anyValue = rapid.SliceOfN(rapid.Byte(), 0, 40)
)

// TestTheStoreIsAMap runs random operations against a store and a map, with
// restarts and crashes in between; all writes are waited for.
func TestTheStoreIsAMap(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		m := &model{
			ctx: t.Context(), fs: vfs.NewCrashableMem(), values: map[Key][]byte{}, hints: map[Key]Hint{}, records: map[string][]byte{},
		}
		m.open(r)
		defer m.close(r)
		r.Repeat(map[string]func(*rapid.T){
			"":        m.check,
			"put":     m.put,
			"remove":  m.remove,
			"hint":    m.hint,
			"end":     m.endHint,
			"both":    m.both,
			"record":  m.record,
			"scan":    m.scan,
			"flush":   m.flush,
			"restart": func(r *rapid.T) { m.close(r); m.open(r) },
			"crash":   m.crash,
		})
	})
}

func (m *model) open(r *rapid.T) {
	s, err := Open("store", Options{FS: m.fs, MemTableBytes: 64 << 10})
	if err == nil {
		err = s.Install(document(1, s.NodeID()))
	}
	if err != nil {
		r.Fatalf("open: %v", err)
	}
	m.store = s
}

func (m *model) close(r *rapid.T) {
	if err := m.store.Close(); err != nil {
		r.Fatalf("close: %v", err)
	}
}

func (m *model) crash(r *rapid.T) {
	after := m.fs.CrashClone(vfs.CrashCloneCfg{})
	m.close(r)
	m.fs = after
	m.open(r)
}

func (m *model) flush(r *rapid.T) {
	if err := m.store.db.Flush(); err != nil {
		r.Fatalf("flush: %v", err)
	}
}

func (m *model) write(r *rapid.T, k Key, change func(*Tx) error) {
	c, err := m.store.Write(m.ctx, k, KindRepair, change)
	if err == nil {
		err = c.Wait(m.ctx)
	}
	if err != nil {
		r.Fatalf("write %v: %v", k, err)
	}
}

func (m *model) put(r *rapid.T) {
	k, v := anyKey.Draw(r, "key"), anyValue.Draw(r, "value")
	m.write(r, k, putting(v))
	m.values[k] = v
}

func (m *model) remove(r *rapid.T) {
	k := anyKey.Draw(r, "key")
	m.write(r, k, func(tx *Tx) error { tx.SetObject(nil); return nil })
	delete(m.values, k)
}

func drawHint(r *rapid.T) Hint {
	return Hint{
		Targets: rapid.SliceOfN(rapid.Map(rapid.Uint64Range(1, 4), func(n uint64) ring.NodeID { return ring.NodeID(n) }), 0, 3).Draw(r, "targets"),
		W:       rapid.IntRange(0, 5).Draw(r, "w"), Mark: rapid.Uint64().Draw(r, "mark"),
	}
}

func (m *model) hint(r *rapid.T) {
	k, h := anyKey.Draw(r, "key"), drawHint(r)
	m.write(r, k, func(tx *Tx) error { tx.SetHint(&h); return nil })
	m.hints[k] = h
}

func (m *model) endHint(r *rapid.T) {
	k := anyKey.Draw(r, "key")
	m.write(r, k, endHint)
	delete(m.hints, k)
}

// both changes object and hint in one write.
func (m *model) both(r *rapid.T) {
	k, v, h := anyKey.Draw(r, "key"), anyValue.Draw(r, "value"), drawHint(r)
	m.write(r, k, func(tx *Tx) error {
		tx.SetHint(&h)
		return putting(v)(tx)
	})
	m.values[k], m.hints[k] = v, h
}

func (m *model) record(r *rapid.T) {
	name, v := rapid.SampledFrom([]string{"a", "", "node"}).Draw(r, "name"), anyValue.Draw(r, "value")
	if err := m.store.SaveMeta(m.ctx, name, v); err != nil {
		r.Fatalf("save: %v", err)
	}
	m.records[name] = v
}

// scan compares a scan of a random part of the ring.
func (m *model) scan(r *rapid.T) {
	first := ring.Position(rapid.Uint64().Draw(r, "first"))
	last := ring.Position(rapid.Uint64().Draw(r, "last"))
	var got, want []Key
	for rec, err := range m.store.Scan(m.ctx, ScanFrom{Position: first}, last) {
		if err != nil {
			r.Fatalf("scan: %v", err)
		}
		got = append(got, rec.Key)
	}
	for k := range m.values {
		if pos := k.Position(); first <= pos && pos <= last {
			want = append(want, k)
		}
	}
	slices.SortFunc(want, func(a, b Key) int {
		return bytes.Compare(appendKey(nil, sectionObject, a.Position(), a), appendKey(nil, sectionObject, b.Position(), b))
	})
	if diff := cmp.Diff(want, got); diff != "" {
		r.Fatalf("scan from %d to %d (-want +got):\n%s", first, last, diff)
	}
}

// check compares all that the store holds.
func (m *model) check(r *rapid.T) {
	values, hints := map[Key][]byte{}, map[Key]Hint{}
	stats := HintStats{ByTarget: map[ring.NodeID]int64{}}
	for rec, err := range m.store.Scan(m.ctx, ScanFrom{}, everything) {
		if err != nil {
			r.Fatalf("scan: %v", err)
		}
		values[rec.Key] = rec.Object.Siblings[0].Value
		if o, err := m.store.Read(m.ctx, rec.Key); err != nil || !bytes.Equal(o.Siblings[0].Value, values[rec.Key]) {
			r.Fatalf("read %v: %v, %v", rec.Key, o, err)
		}
	}
	for rec, err := range m.store.Hints(m.ctx, nil) {
		if err != nil {
			r.Fatalf("hints: %v", err)
		}
		hints[rec.Key] = *rec.Hint
	}
	for _, h := range m.hints {
		stats.Count++
		for _, id := range h.Targets {
			stats.ByTarget[id]++
		}
	}
	for name, want := range m.records {
		if got, err := m.store.Meta(name); err != nil || !bytes.Equal(got, want) {
			r.Fatalf("record %q: %x, %v; want %x", name, got, err, want)
		}
	}
	for what, diff := range map[string]string{
		"values": cmp.Diff(m.values, values, cmpopts.EquateEmpty()),
		"hints":  cmp.Diff(m.hints, hints, cmpopts.EquateEmpty()),
		"counts": cmp.Diff(stats, m.store.HintStats()),
	} {
		if diff != "" {
			r.Fatalf("%s (-want +got):\n%s", what, diff)
		}
	}
}
