package causal

import "testing"

// pair is two copies of one key that each hold a write of 1 KiB the other lacks,
// after a life of some actors.
func pair() (a, b *Object) {
	var o *Object
	for actor := range Actor(5) {
		o = o.Put(Write{
			Dot: Dot{actor + 1, 3}, Stamp: Stamp(actor + 1), Op: OpID{byte(actor)}, Policy: Siblings, Generation: 1,
			ContentType: "application/octet-stream", Meta: []Pair{{"color", "red"}}, Value: make([]byte, 1<<10),
		})
	}
	put := func(actor Actor) *Object {
		return o.Put(Write{Dot: Dot{actor, 1}, Stamp: 100, Op: OpID{byte(actor)}, Policy: Siblings, Generation: 1, Value: make([]byte, 1<<10)})
	}
	return put(8), put(9)
}

func BenchmarkJoin(b *testing.B) {
	x, y := pair()
	b.ReportAllocs()
	for b.Loop() {
		Join(x, y)
	}
}

// BenchmarkJoinNothing is a replica's join of what it holds already.
func BenchmarkJoinNothing(b *testing.B) {
	x, _ := pair()
	y := clone(x)
	b.ReportAllocs()
	for b.Loop() {
		Join(x, y)
	}
}

func BenchmarkPut(b *testing.B) {
	x, y := pair()
	seen := y.Seen()
	w := Write{Dot: Dot{9, 2}, Stamp: 200, Policy: Siblings, Generation: 1, Seen: &seen, Value: make([]byte, 1<<10)}
	b.ReportAllocs()
	for b.Loop() {
		x.Put(w)
	}
}

func BenchmarkEncode(b *testing.B) {
	x, _ := pair()
	buf := x.Append(nil)
	b.ReportAllocs()
	b.SetBytes(int64(len(buf)))
	for b.Loop() {
		buf = x.Append(buf[:0])
	}
}

func BenchmarkDecode(b *testing.B) {
	x, _ := pair()
	raw := x.Append(nil)
	b.ReportAllocs()
	b.SetBytes(int64(len(raw)))
	for b.Loop() {
		if _, err := Decode(raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDigest(b *testing.B) {
	x, _ := pair()
	b.ReportAllocs()
	b.SetBytes(1 << 10)
	for b.Loop() {
		x.Digest(secret, "bucket", "key")
	}
}

func BenchmarkToken(b *testing.B) {
	x, _ := pair()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseToken(x.Seen().Token(secret, "bucket", 1, "key"), secret, "bucket", 1, "key"); err != nil {
			b.Fatal(err)
		}
	}
}
