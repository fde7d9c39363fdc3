package storage

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/hengedb/henge/ring"
)

// The store's own records, and the document. Names that callers choose have a
// byte before them, so that neither meets the other.
const (
	metaNode     = "node"     // 8 bytes: the node's id
	metaStarts   = "starts"   // 8 bytes: how often the store was opened
	metaStopped  = "stopped"  // 8 bytes: the start that ended with a Close
	metaClock    = "clock"    // 8 bytes: the bound of the hybrid clock
	metaCluster  = "cluster"  // the cluster's id
	metaDocument = "document" // the cluster document, as decided
	metaEpochs   = "epochs/"  // before 4 bytes of a partition: 34 bytes, see Epochs
	metaAside    = "aside/"   // before 4 bytes of a set: JSON, see Aside
	metaCallers  = "+"        // before the names of SaveMeta
)

// metaKey is the key of a record.
func metaKey(name string) []byte { return append([]byte{byte(sectionMeta)}, name...) }

// Document returns the saved cluster document; nil is none.
func (s *Store) Document() ([]byte, error) { return s.meta(metaDocument) }

// SaveDocument saves the cluster document. It returns nil once it is synced.
func (s *Store) SaveDocument(ctx context.Context, raw []byte) error {
	return s.saveMeta(ctx, metaDocument, raw)
}

// Meta returns the record that SaveMeta saved under name; nil is none. The bytes
// are the caller's.
func (s *Store) Meta(name string) ([]byte, error) { return s.meta(metaCallers + name) }

// SaveMeta saves a small record beside the objects. It returns nil once it is
// synced; as long as ctx has not ended, that is decided when it returns. Of two
// at once under one name either may come last.
func (s *Store) SaveMeta(ctx context.Context, name string, value []byte) error {
	return s.saveMeta(ctx, metaCallers+name, value)
}

// BindCluster makes the store one of the named cluster, when it is none's yet,
// and syncs that. It fails with ErrCluster when the store is another cluster's.
func (s *Store) BindCluster(ctx context.Context, cluster string) error {
	s.binding <- struct{}{}
	defer func() { <-s.binding }()
	bound, err := s.meta(metaCluster)
	switch {
	case err != nil:
		return err
	case bound == nil:
		return s.saveMeta(ctx, metaCluster, []byte(cluster))
	case string(bound) != cluster:
		return fmt.Errorf("%w: %s holds data of cluster %s and cannot serve cluster %s", ErrCluster, s.dir, bound, cluster)
	}
	return s.Barrier(ctx)
}

// NodeID is the id that was drawn when the store was made.
func (s *Store) NodeID() ring.NodeID { return s.nodeID }

// meta reads a record.
func (s *Store) meta(name string) ([]byte, error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.gate.leave()
	return s.metaValue(name)
}

// metaValue is meta for who is inside the gate.
func (s *Store) metaValue(name string) ([]byte, error) {
	raw, err := s.lookup(metaKey(name))
	if err != nil && isCorruption(err) {
		s.counters.corruptReads.Add(1)
		err = fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if err != nil {
		return nil, fmt.Errorf("record %q: %w", name, err)
	}
	return raw, nil
}

// metaNumber reads a record that is a number; 0 is none.
func (s *Store) metaNumber(name string) (uint64, error) {
	raw, err := s.metaValue(name)
	if err != nil || raw == nil {
		return 0, err
	}
	if len(raw) != 8 {
		return 0, fmt.Errorf("record %q: %w: it has %d bytes, want 8", name, ErrCorrupt, len(raw))
	}
	return binary.BigEndian.Uint64(raw), nil
}

// saveMeta writes a record and waits for the sync.
func (s *Store) saveMeta(ctx context.Context, name string, value []byte) error {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.gate.leave()
	return s.putMeta(ctx, name, value)
}

// putNumber is putMeta for a number.
func (s *Store) putNumber(ctx context.Context, name string, n uint64) error {
	return s.putMeta(ctx, name, binary.BigEndian.AppendUint64(nil, n))
}
