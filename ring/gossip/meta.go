package gossip

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/hashicorp/memberlist"

	"github.com/hengedb/henge/ring"
)

const (
	metaVersion  = 1
	flagLeaving  = 1 << 0
	clusterBytes = 16
	maxText      = 255 // its length takes one byte
)

// errMeta is metadata that no process of this version sends.
var errMeta = errors.New("malformed metadata")

// encodeMeta packs what a process tells about itself. It fails when the texts are
// too long, or too long together.
func encodeMeta(p ring.Peer) ([]byte, error) {
	flags := byte(0)
	if p.Leaving {
		flags |= flagLeaving
	}
	b := []byte{metaVersion, flags}
	b = binary.BigEndian.AppendUint64(b, uint64(p.ID))
	b = binary.BigEndian.AppendUint64(b, p.Nonce)
	cluster, err := hex.DecodeString(p.Cluster)
	if err != nil || !clusterFits(cluster) {
		return nil, fmt.Errorf("cluster id %.40q: want 32 hexadecimal digits, or none", p.Cluster)
	}
	b = append(append(b, byte(len(cluster))), cluster...)
	b = binary.BigEndian.AppendUint64(b, p.Doc.Era.Number)
	b = binary.BigEndian.AppendUint64(b, p.Doc.Era.Random)
	b = binary.BigEndian.AppendUint64(b, p.Doc.Version)
	b = append(b, p.Doc.Hash[:]...)
	for _, text := range []string{p.Name, p.Zone, p.HTTP, p.RPC} {
		if len(text) > maxText || !utf8.ValidString(text) {
			return nil, fmt.Errorf("%.40q has %d bytes; want at most %d, in UTF-8", text, len(text), maxText)
		}
		b = append(append(b, byte(len(text))), text...)
	}
	if len(b) > memberlist.MetaMaxSize {
		return nil, fmt.Errorf("name, zone and addresses take %d bytes too many for gossip: shorten them", len(b)-memberlist.MetaMaxSize)
	}
	return b, nil
}

func clusterFits(id []byte) bool { return len(id) == 0 || len(id) == clusterBytes }

// decodeMeta is the inverse of encodeMeta. What follows the fields it knows is of a
// later version, and ignored.
func decodeMeta(b []byte) (ring.Peer, error) {
	d := decoder{rest: b}
	head := d.take(2)
	p := ring.Peer{ID: ring.NodeID(d.uint64()), Nonce: d.uint64()}
	cluster := d.text()
	p.Cluster = hex.EncodeToString(cluster)
	p.Doc.Era = ring.Era{Number: d.uint64(), Random: d.uint64()}
	p.Doc.Version = d.uint64()
	copy(p.Doc.Hash[:], d.take(len(p.Doc.Hash)))
	valid := true
	for _, field := range []*string{&p.Name, &p.Zone, &p.HTTP, &p.RPC} {
		*field = string(d.text())
		valid = valid && utf8.ValidString(*field)
	}
	switch {
	case d.short:
		return ring.Peer{}, fmt.Errorf("%w: cut short at %d bytes", errMeta, len(b))
	case head[0] != metaVersion:
		return ring.Peer{}, fmt.Errorf("%w: version %d", errMeta, head[0])
	case p.ID == 0 || !clusterFits(cluster) || !valid:
		return ring.Peer{}, fmt.Errorf("%w: no id, a cluster id of %d bytes, or texts not in UTF-8", errMeta, len(cluster))
	}
	p.Leaving = head[1]&flagLeaving != 0
	return p, nil
}

// decoder reads fields off the front; short tells that there was less than it read.
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
