package storage

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// tableFile is a table open for reading. It exists because Pebble, where the checksum of
// a block is wrong, tries every bit of the block as the one that flipped: that takes so
// much of the processor, for each read of the block, that requests would time out which
// other replicas answer in a millisecond. So the checksum is looked at here, at about a
// microsecond a block, and Pebble is told at once that the block is damaged.
type tableFile struct {
	vfs.File
	name string
	size int64
}

// trailerBytes end a block: what compressed it, and the checksum of all before.
const trailerBytes = 5

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Open opens a file for reading.
func (d *disk) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	f, err := d.FS.Open(name, opts...)
	if err != nil || !strings.HasSuffix(name, ".sst") {
		return f, err
	}
	info, err := f.Stat()
	if err != nil {
		_ = f.Close() // the error before says more
		return nil, err
	}
	return &tableFile{File: f, name: d.PathBase(name), size: info.Size()}, nil
}

// ReadAt reads a block, or the footer, which ends the file and has a format of its own.
func (f *tableFile) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.File.ReadAt(p, off)
	if err != nil || off+int64(n) >= f.size || n < trailerBytes {
		return n, err
	}
	body, sum := p[:n-4], binary.LittleEndian.Uint32(p[n-4:n])
	crc := crc32.Checksum(body, castagnoli)
	if masked := crc>>15 | crc<<17; masked+0xa282ead8 != sum {
		return n, fmt.Errorf("%w: table %s: the block at %d has a wrong checksum", pebble.ErrCorruption, f.name, off)
	}
	return n, nil
}
