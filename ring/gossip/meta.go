package gossip

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/hashicorp/memberlist"

	"github.com/hengedb/henge/ring"
)

const (
	metaVersion = 1
	flagLeaving = 1 << 0
	maxText     = 255
)

// errMeta is metadata that no process of this version sends.
var errMeta = errors.New("malformed metadata")

// encodeMeta packs what a process tells about itself. It fails when the texts are
// too long together.
func encodeMeta(p ring.Peer) ([]byte, error) {
	flags := byte(0)
	if p.Leaving {
		flags |= flagLeaving
	}
	b := []byte{metaVersion, flags}
	b = binary.BigEndian.AppendUint64(b, uint64(p.ID))
	b = binary.BigEndian.AppendUint64(b, p.Nonce)
	cluster, err := hex.DecodeString(p.Cluster)
	if err != nil {
		return nil, fmt.Errorf("cluster id %q: want hexadecimal digits", p.Cluster)
	}
	for _, text := range []string{string(cluster)} {
		b = append(append(b, byte(len(text))), text...)
	}
	b = binary.BigEndian.AppendUint64(b, p.Doc.Era.Number)
	b = binary.BigEndian.AppendUint64(b, p.Doc.Era.Random)
	b = binary.BigEndian.AppendUint64(b, p.Doc.Version)
	b = append(b, p.Doc.Hash[:]...)
	for _, text := range []string{p.Name, p.Zone, p.HTTP, p.RPC, p.Gossip} {
		if len(text) > maxText {
			return nil, fmt.Errorf("%q has %d bytes; want at most %d", text, len(text), maxText)
		}
		b = append(append(b, byte(len(text))), text...)
	}
	if len(b) > memberlist.MetaMaxSize {
		return nil, fmt.Errorf("name, zone and addresses take %d bytes too many for gossip: shorten them", len(b)-memberlist.MetaMaxSize)
	}
	return b, nil
}

// decodeMeta is the inverse of encodeMeta.
func decodeMeta(b []byte) (ring.Peer, error) {
	d := decoder{rest: b}
	if v := d.take(1); len(v) == 1 && v[0] != metaVersion {
		return ring.Peer{}, fmt.Errorf("%w: version %d", errMeta, v[0])
	}
	flags := d.take(1)
	p := ring.Peer{ID: ring.NodeID(d.uint64()), Nonce: d.uint64(), Cluster: hex.EncodeToString(d.text())}
	p.Doc.Era = ring.Era{Number: d.uint64(), Random: d.uint64()}
	p.Doc.Version = d.uint64()
	copy(p.Doc.Hash[:], d.take(len(p.Doc.Hash)))
	for _, field := range []*string{&p.Name, &p.Zone, &p.HTTP, &p.RPC, &p.Gossip} {
		*field = string(d.text())
	}
	if d.short || len(d.rest) > 0 || p.ID == 0 {
		return ring.Peer{}, fmt.Errorf("%w: %d bytes", errMeta, len(b))
	}
	p.Leaving = flags[0]&flagLeaving != 0
	return p, nil
}

type decoder struct {
	rest  []byte
	short bool
}

func (d *decoder) take(n int) []byte {
	if n > len(d.rest) {
		d.short, d.rest = true, nil
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) uint64() uint64 {
	if b := d.take(8); len(b) == 8 {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (d *decoder) text() []byte {
	if b := d.take(1); len(b) == 1 {
		return d.take(int(b[0]))
	}
	return nil
}
