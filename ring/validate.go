package ring

import (
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"
)

// The bounds of a document.
const (
	minPartitions = 8
	maxPartitions = 1 << 16
	maxReplicas   = 64
	maxMembers    = 4096
	maxBuckets    = 10_000
	maxBucketName = 64
	secretBytes   = 32
	clusterDigits = 32
	maxWeight     = 1000
)

// Validate tells everything that is wrong with the document, or nil.
func (d *Document) Validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if d.Format < 1 || d.Version < 1 {
		bad("format %d, version %d: want 1 or more", d.Format, d.Version)
	}
	if len(d.Cluster) != clusterDigits || len(d.Secret) != secretBytes {
		bad("cluster id of %d digits and secret of %d bytes: want %d and %d", len(d.Cluster), len(d.Secret), clusterDigits, secretBytes)
	}
	if q := d.Partitions; q < minPartitions || q > maxPartitions || bits.OnesCount(uint(q)) != 1 {
		bad("%d partitions: want a power of two from %d to %d", q, minPartitions, maxPartitions)
	}
	if d.Replicas < 1 || d.Replicas > maxReplicas {
		bad("%d replicas: want 1 to %d", d.Replicas, maxReplicas)
	}
	if len(d.Layout) != d.Partitions {
		bad("the layout has %d rows for %d partitions", len(d.Layout), d.Partitions)
	}
	return errors.Join(append(errs, d.validateMembers(), d.validateLayout(), d.validateBuckets())...)
}

func (d *Document) validateMembers() error {
	var errs []error
	if n := len(d.Members); n < 1 || n > maxMembers {
		errs = append(errs, fmt.Errorf("%d members: want 1 to %d", n, maxMembers))
	}
	for i, m := range d.Members {
		if m.ID == 0 || (i > 0 && d.Members[i-1].ID >= m.ID) {
			errs = append(errs, fmt.Errorf("member %s: ids must be set, distinct and sorted", m.ID))
		}
		if m.Weight < 1 || m.Weight > maxWeight {
			errs = append(errs, fmt.Errorf("member %s: weight %d, want 1 to %d", m.ID, m.Weight, maxWeight))
		}
	}
	if len(d.Voters) < 1 || !slices.IsSorted(d.Voters) {
		errs = append(errs, errors.New("voters: want one or more, sorted"))
	}
	for i, id := range d.Voters {
		if !d.isMember(id) || (i > 0 && d.Voters[i-1] == id) {
			errs = append(errs, fmt.Errorf("voter %s is no member, or is named twice", id))
		}
	}
	return errors.Join(errs...)
}

func (d *Document) validateLayout() error {
	for p, e := range d.Layout {
		if len(e.Serving) < 1 || len(e.Serving) > maxReplicas {
			return fmt.Errorf("partition %d has %d replicas", p, len(e.Serving))
		}
		for i, id := range slices.Concat(e.Serving, e.Next) {
			if !d.isMember(id) {
				return fmt.Errorf("partition %d: replica %s is no member", p, id)
			}
			if i < len(e.Serving) && slices.Index(e.Serving, id) != i {
				return fmt.Errorf("partition %d names replica %s twice", p, id)
			}
		}
		if e.Changed > d.Version {
			return fmt.Errorf("partition %d changed in version %d, above the document's %d", p, e.Changed, d.Version)
		}
	}
	return nil
}

func (d *Document) validateBuckets() error {
	var errs []error
	if len(d.Buckets) > maxBuckets {
		errs = append(errs, fmt.Errorf("%d buckets: want at most %d", len(d.Buckets), maxBuckets))
	}
	for i, b := range d.Buckets {
		if err := CheckBucketName(b.Name); err != nil {
			errs = append(errs, err)
		}
		if i > 0 && d.Buckets[i-1].Name >= b.Name {
			errs = append(errs, fmt.Errorf("bucket %q: names must be distinct and sorted", b.Name))
		}
		if b.Policy != PolicySiblings && b.Policy != PolicyLWW {
			errs = append(errs, fmt.Errorf("bucket %q: policy %q, want %q or %q", b.Name, b.Policy, PolicySiblings, PolicyLWW))
		}
		if b.Generation < 1 || b.Generation > d.Version {
			errs = append(errs, fmt.Errorf("bucket %q: generation %d, want 1 to %d", b.Name, b.Generation, d.Version))
		}
	}
	return errors.Join(errs...)
}

// isMember searches the sorted members; it needs no index.
func (d *Document) isMember(id NodeID) bool {
	_, ok := slices.BinarySearchFunc(d.Members, id, func(m Member, id NodeID) int {
		switch {
		case m.ID < id:
			return -1
		case m.ID > id:
			return 1
		}
		return 0
	})
	return ok
}

// The policies of a bucket.
const (
	PolicySiblings = "siblings"
	PolicyLWW      = "lww"
)

// CheckBucketName refuses names that are not 1 to 64 of a-z, 0-9, '.', '_' and '-',
// or that do not begin with a letter or digit.
func CheckBucketName(name string) error {
	if n := len(name); n < 1 || n > maxBucketName {
		return fmt.Errorf("bucket name of %d bytes: want 1 to %d", n, maxBucketName)
	}
	if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") != "" || strings.ContainsRune("._-", rune(name[0])) {
		return fmt.Errorf("bucket name %q: want a-z, 0-9, '.', '_', '-', beginning with a letter or digit", name)
	}
	return nil
}
