package agree

import (
	"fmt"

	"github.com/hengedb/henge/ring"
)

// Successor decodes a document that is to be decided after base, in the cluster of
// that id. It fails with ErrEdit when it is another cluster's, of another era or of
// any version but the next.
func Successor(base ring.Name, cluster string, raw []byte) (*ring.Document, error) {
	next, err := ring.Decode(raw)
	if err != nil {
		return nil, err
	}
	switch {
	case next.Cluster != cluster:
		return nil, fmt.Errorf("%w: its cluster is %s, not %s", ErrEdit, next.Cluster, cluster)
	case next.Era != base.Era:
		return nil, fmt.Errorf("%w: its era is %v, not %v", ErrEdit, next.Era, base.Era)
	case next.Version != base.Version+1:
		return nil, fmt.Errorf("%w: its version is %d, not %d", ErrEdit, next.Version, base.Version+1)
	}
	return next, nil
}
