package replication

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/replication/rpc"
	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
)

// scanRequest asks a replica for a page of a bucket's keys, in ring order.
type scanRequest struct {
	Bucket     string        `json:"bucket"`
	Generation uint64        `json:"generation"`
	Prefix     []byte        `json:"prefix,omitempty"`
	From       scanPlace     `json:"from"` // behind this place
	Last       ring.Position `json:"last"` // up to and with this position
	Values     bool          `json:"values,omitempty"`
}

// scanPage is what it answers. On the wire the rows follow the JSON, each as
// position (8 bytes), n|key, n|object.
type scanPage struct {
	End  *scanPlace `json:"end,omitempty"` // cut short: the page knows nothing behind it
	rows []scanRow
}

type scanRow struct {
	place  scanPlace
	key    []byte
	object *causal.Object
}

// A page ends after so many keys looked at or bytes held, so that no scan of a
// small bucket among large ones keeps a replica busy for long.
const (
	pageKeys  = 4096
	pageBytes = 1 << 20
)

func (c *Coordinator) serveScan(ctx context.Context, req *rpc.Request) ([]byte, error) {
	var wanted scanRequest
	if _, err := unpack(req.Body, &wanted); err != nil {
		return nil, refused{err}
	}
	if err := c.pullNewer(ctx, req); err != nil {
		return nil, refused{err}
	}
	page, err := c.scanOwn(ctx, wanted)
	if err != nil {
		return nil, refused{refusal(err)}
	}
	doc := c.agent.Document()
	if entry := doc.Entry(wanted.Last.Partition(doc.Partitions)); entry.Changed > req.Document || !slices.Contains(entry.Serving, c.self) {
		return nil, refused{errStale}
	}
	return page.encode()
}

// scanOwn reads one page of this node's own copies.
func (c *Coordinator) scanOwn(ctx context.Context, wanted scanRequest) (scanPage, error) {
	var page scanPage
	looked, size := 0, 0
	from := storage.ScanFrom{Position: wanted.From.Position, Key: storage.Key{Bucket: wanted.From.Bucket, Key: string(wanted.From.Key)}}
	still := c.store.Watch(wanted.Last)
	for record, err := range c.store.Scan(ctx, from, wanted.Last) {
		if err != nil {
			return scanPage{}, err
		}
		place := scanPlace{Position: record.Key.Position(), Bucket: record.Key.Bucket, Key: []byte(record.Key.Key)}
		looked++
		if record.Key.Bucket == wanted.Bucket && bytes.HasPrefix(place.Key, wanted.Prefix) && record.Object.Generation >= wanted.Generation {
			object := record.Object
			if !wanted.Values {
				object = object.Strip()
			}
			page.rows = append(page.rows, scanRow{place: place, key: place.Key, object: object})
			size += objectSize(object)
		}
		if looked >= pageKeys || size >= pageBytes {
			page.End = &place
			break
		}
	}
	return page, still()
}

func (p scanPage) encode() ([]byte, error) {
	var body []byte
	for _, row := range p.rows {
		body = binary.BigEndian.AppendUint64(body, uint64(row.place.Position))
		body = binary.AppendUvarint(body, uint64(len(row.key)))
		body = append(body, row.key...)
		object := row.object.Append(nil)
		body = binary.AppendUvarint(body, uint64(len(object)))
		body = append(body, object...)
	}
	return pack(p, body)
}

// decodePage is the inverse of encode, for the page that was wanted.
func decodePage(b []byte, wanted scanRequest) (scanPage, error) {
	var p scanPage
	body, err := unpack(b, &p)
	if err != nil {
		return scanPage{}, err
	}
	r := reader{rest: body}
	for len(r.rest) > 0 && r.err == nil {
		row := scanRow{place: scanPlace{Position: ring.Position(r.uint64()), Bucket: wanted.Bucket}}
		row.key = r.bytes(int(r.uvarint(request.MaxKey)))
		row.place.Key = row.key
		encoded := r.bytes(int(r.uvarint(uint64(len(r.rest)))))
		if r.err != nil {
			break
		}
		if row.object, err = causal.Decode(encoded); err != nil {
			return scanPage{}, fmt.Errorf("%w: %w", errMessage, err)
		}
		if err := whole(row.object); wanted.Values && err != nil {
			return scanPage{}, err
		}
		p.rows = append(p.rows, row)
	}
	return p, r.err
}
