package gossip

import (
	"encoding/hex"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/memberlist"
	"pgregory.net/rapid"

	"github.com/hengedb/henge/ring"
)

// fullPeer has everything that is told about a process.
func fullPeer() ring.Peer {
	return ring.Peer{
		ID: 0x0102030405060708, Nonce: math.MaxUint64, Name: "n1", Zone: "ä", HTTP: "10.0.0.1:7420", RPC: "[fe80::1]:7421",
		Cluster: strings.Repeat("c1", 16), Leaving: true,
		Doc: ring.Name{Era: ring.Era{Number: 2, Random: 3}, Version: 4, Hash: ring.Hash{0xaa, 15: 0xbb}},
	}
}

// fullMeta is fullPeer as version 1 packs it.
const fullMeta = "01" + "01" + "0102030405060708" + "ffffffffffffffff" +
	"10" + "c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1" +
	"0000000000000002" + "0000000000000003" + "0000000000000004" + "aa0000000000000000000000000000bb" +
	"02" + "6e31" + "02" + "c3a4" + "0d" + "31302e302e302e313a37343230" + "0e" + "5b666538303a3a315d3a37343231"

func TestMetaBytes(t *testing.T) {
	b, err := encodeMeta(fullPeer())
	if err != nil || hex.EncodeToString(b) != fullMeta {
		t.Errorf("got  %x, %v\nwant %s", b, err, fullMeta)
	}
	for name, tail := range map[string]string{"as it is": "", "with fields of a later version": "0474726f75"} {
		raw, err := hex.DecodeString(fullMeta + tail)
		if err != nil {
			t.Fatal(err)
		}
		p, err := decodeMeta(raw)
		if diff := cmp.Diff(fullPeer(), p); diff != "" || err != nil {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

func TestMetaComesBack(t *testing.T) {
	text := rapid.StringN(0, 30, 60)
	number := rapid.Uint64()
	rapid.Check(t, func(t *rapid.T) {
		want := ring.Peer{
			ID: ring.NodeID(rapid.Uint64Min(1).Draw(t, "id")), Nonce: number.Draw(t, "nonce"), Leaving: rapid.Bool().Draw(t, "leaving"),
			Name: text.Draw(t, "name"), Zone: text.Draw(t, "zone"), HTTP: text.Draw(t, "http"), RPC: text.Draw(t, "rpc"),
			Cluster: rapid.SampledFrom([]string{"", strings.Repeat("0f", 16)}).Draw(t, "cluster"),
			Doc: ring.Name{
				Era: ring.Era{Number: number.Draw(t, "era"), Random: number.Draw(t, "random")}, Version: number.Draw(t, "version"),
				Hash: ring.Hash(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "hash")),
			},
		}
		b, err := encodeMeta(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeMeta(b)
		if err != nil || got != want {
			t.Errorf("%+v comes back as %+v: %v", want, got, err)
		}
		for cut := range b {
			if p, err := decodeMeta(b[:cut]); !errors.Is(err, errMeta) || p != (ring.Peer{}) {
				t.Fatalf("the first %d of %d bytes are read as %+v, %v", cut, len(b), p, err)
			}
		}
	})
}

func TestEncodeMetaRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*ring.Peer)
		want   string
	}{
		"a name of 256 bytes":                 {func(p *ring.Peer) { p.Name = strings.Repeat("n", 256) }, "has 256 bytes; want at most 255"},
		"a zone that is no text":              {func(p *ring.Peer) { p.Zone = "\xff" }, "in UTF-8"},
		"more than 512 bytes in all":          {func(p *ring.Peer) { p.Name, p.Zone = strings.Repeat("n", 255), strings.Repeat("z", 200) }, "bytes too many for gossip: shorten them"},
		"a cluster id that is no hexadecimal": {func(p *ring.Peer) { p.Cluster = strings.Repeat("x", 32) }, "want 32 hexadecimal digits"},
		"a cluster id that is too short":      {func(p *ring.Peer) { p.Cluster = "abcd" }, "want 32 hexadecimal digits"},
		"a cluster id that is far too long":   {func(p *ring.Peer) { p.Cluster = strings.Repeat("ab", 256) }, "want 32 hexadecimal digits"},
	} {
		t.Run(name, func(t *testing.T) {
			p := fullPeer()
			c.change(&p)
			if b, err := encodeMeta(p); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %x, %v; want %q", b, err, c.want)
			}
		})
	}
}

func TestDecodeMetaRefuses(t *testing.T) {
	full, err := hex.DecodeString(fullMeta)
	if err != nil {
		t.Fatal(err)
	}
	const clusterAt, nameAt = 18, 75
	for name, c := range map[string]struct {
		change func([]byte) []byte
		want   string
	}{
		"nothing":                  {func([]byte) []byte { return nil }, "cut short at 0 bytes"},
		"half of it":               {func(b []byte) []byte { return b[:50] }, "cut short at 50 bytes"},
		"a length beyond the end":  {func(b []byte) []byte { b[nameAt] = 255; return b }, "cut short"},
		"another version":          {func(b []byte) []byte { b[0] = 2; return b }, "version 2"},
		"no id":                    {func(b []byte) []byte { clear(b[2:10]); return b }, "no id"},
		"a cluster id of one byte": {func(b []byte) []byte { b[clusterAt] = 1; return append(b, make([]byte, 200)...) }, "cluster id of 1 bytes"},
		"a name that is not UTF-8": {func(b []byte) []byte { b[nameAt+1] = 0xff; return b }, "texts not in UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := decodeMeta(c.change(slices.Clone(full)))
			if !errors.Is(err, errMeta) || !strings.Contains(err.Error(), c.want) || p != (ring.Peer{}) {
				t.Errorf("got %+v, %v; want %q", p, err, c.want)
			}
		})
	}
}

func FuzzDecodeMeta(f *testing.F) {
	full, err := hex.DecodeString(fullMeta)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(full)
	f.Add(full[:40])
	f.Add(append(full, 1, 2, 3))
	f.Add([]byte("\x01"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := decodeMeta(raw)
		if err != nil {
			return
		}
		if p.ID == 0 || !utf8.ValidString(p.Name+p.Zone+p.HTTP+p.RPC) || (p.Cluster != "" && len(p.Cluster) != 32) {
			t.Errorf("%x is read as %+v", raw, p)
		}
		again, err := encodeMeta(p)
		if err != nil {
			if len(raw) <= memberlist.MetaMaxSize {
				t.Fatalf("%+v was decoded and cannot be encoded: %v", p, err)
			}
			return
		}
		if back, err := decodeMeta(again); err != nil || back != p {
			t.Errorf("%+v comes back as %+v: %v", p, back, err)
		}
	})
}
