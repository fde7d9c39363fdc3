package ring

import (
	"cmp"
	"errors"
	"fmt"
	"math/bits"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// The bounds of a document. They keep what a broken or hostile one can cost small, a
// good way above what a cluster of 1,000 nodes needs.
const (
	minPartitions = 8
	maxPartitions = 1 << 16
	maxReplicas   = 64
	maxMembers    = 4096
	maxBuckets    = 10_000
	maxBucketName = 64
	secretBytes   = 32
	maxWeight     = 1000
	maxText       = 255 // bytes of a name, zone, address or owner: gossip gives them one byte of length
)

var clusterID = regexp.MustCompile(`^[0-9a-f]{32}$`)

// Validate tells what is wrong with the document, or nil: the first fault of each of
// its parts, for there may be very many.
func (d *Document) Validate() error {
	return errors.Join(d.validateShape(), d.validateVoters(), d.validateLayout(), d.validateBuckets(), d.validateExpelled(), d.validateForced())
}

// validateShape looks at all that a layout is made from.
func (d *Document) validateShape() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if d.Format < 1 || d.Version < 1 {
		bad("format %d, version %d: want 1 or more", d.Format, d.Version)
	}
	if !clusterID.MatchString(d.Cluster) || len(d.Secret) != secretBytes {
		bad("cluster id of %d bytes and secret of %d: want 32 hexadecimal digits and %d bytes", len(d.Cluster), len(d.Secret), secretBytes)
	}
	if q := d.Partitions; q < minPartitions || q > maxPartitions || bits.OnesCount(uint(q)) != 1 {
		bad("%d partitions: want a power of two from %d to %d", q, minPartitions, maxPartitions)
	}
	if len(d.Staged) > maxStaged || d.Change != nil && len(d.Change.Steps) > maxStaged {
		bad("more steps than %d are staged or in flight", maxStaged)
	}
	if len(d.Left) > maxLeft {
		bad("%d nodes that left: want at most %d", len(d.Left), maxLeft)
	}
	if d.Replicas < 1 || d.Replicas > maxReplicas {
		bad("%d replicas: want 1 to %d", d.Replicas, maxReplicas)
	}
	if d.Settings.TimeoutMillis < 0 || d.Settings.MaxValueBytes < 0 {
		bad("settings: timeout of %d ms and values of %d bytes: want 0 or more", d.Settings.TimeoutMillis, d.Settings.MaxValueBytes)
	}
	return errors.Join(append(errs, d.validateMembers())...)
}

func (d *Document) validateMembers() error {
	if n := len(d.Members); n < 1 || n > maxMembers {
		return fmt.Errorf("%d members: want 1 to %d", n, maxMembers)
	}
	for i, m := range d.Members {
		if m.ID == 0 || (i > 0 && d.Members[i-1].ID >= m.ID) {
			return fmt.Errorf("member %s: ids must be set, distinct and sorted", m.ID)
		}
		if m.Weight < 1 || m.Weight > maxWeight {
			return fmt.Errorf("member %s: weight %d, want 1 to %d", m.ID, m.Weight, maxWeight)
		}
		if m.Going != "" && (d.Change == nil || m.Going != Leaves && m.Going != Expelled) {
			return fmt.Errorf("member %s goes by %.20q: want %q or %q, and in a change only", m.ID, m.Going, Leaves, Expelled)
		}
		for _, text := range []string{m.Name, m.Zone, m.HTTP, m.RPC, m.Gossip} {
			if err := checkText(text); err != nil {
				return fmt.Errorf("member %s: %w", m.ID, err)
			}
		}
	}
	return nil
}

func (d *Document) validateVoters() error {
	if len(d.Voters) < 1 {
		return errors.New("no voters: want one or more")
	}
	for i, id := range d.Voters {
		if !d.listed(id) || (i > 0 && d.Voters[i-1] >= id) {
			return fmt.Errorf("voter %s: voters must be members, distinct and sorted", id)
		}
	}
	return nil
}

func (d *Document) validateLayout() error {
	if len(d.Layout) != d.Partitions {
		return fmt.Errorf("the layout has %d rows for %d partitions", len(d.Layout), d.Partitions)
	}
	for p, e := range d.Layout {
		if len(e.Serving) < 1 {
			return fmt.Errorf("partition %d has no replicas", p)
		}
		if err := errors.Join(d.checkSet(e.Serving), d.checkSet(e.Next), d.checkSet(e.Former)); err != nil {
			return fmt.Errorf("partition %d: %w", p, err)
		}
		if err := d.checkPhase(e); err != nil {
			return fmt.Errorf("partition %d: %w", p, err)
		}
		if e.Changed > d.Version {
			return fmt.Errorf("partition %d changed in version %d, above the document's %d", p, e.Changed, d.Version)
		}
	}
	return nil
}

// checkPhase looks at whether an entry's sets are those of its phase.
func (d *Document) checkPhase(e Entry) error {
	next, former := false, false
	switch e.Phase {
	case PhaseSteady:
	case PhaseWait, PhaseCopy, PhaseBack:
		next = true
	case PhaseSwitch, PhaseDrop:
		former = true
	default:
		return fmt.Errorf("phase %.20q is none", e.Phase)
	}
	if (len(e.Next) > 0) != next || (len(e.Former) > 0) != former {
		return fmt.Errorf("phase %q with a next set of %d and a former of %d", e.Phase, len(e.Next), len(e.Former))
	}
	return nil
}

// checkSet looks at the replicas of one partition.
func (d *Document) checkSet(ids []NodeID) error {
	if len(ids) > maxReplicas {
		return fmt.Errorf("%d replicas: want at most %d", len(ids), maxReplicas)
	}
	for i, id := range ids {
		if !d.listed(id) || slices.Index(ids, id) != i {
			return fmt.Errorf("replica %s: replicas must be members and distinct", id)
		}
	}
	return nil
}

func (d *Document) validateBuckets() error {
	if len(d.Buckets) > maxBuckets {
		return fmt.Errorf("%d buckets: want at most %d", len(d.Buckets), maxBuckets)
	}
	for i, b := range d.Buckets {
		if err := CheckBucketName(b.Name); err != nil {
			return err
		}
		if i > 0 && d.Buckets[i-1].Name >= b.Name {
			return fmt.Errorf("bucket %q: names must be distinct and sorted", b.Name)
		}
		if b.Policy != PolicySiblings && b.Policy != PolicyLWW {
			return fmt.Errorf("bucket %q: policy %.20q, want %q or %q", b.Name, b.Policy, PolicySiblings, PolicyLWW)
		}
		if b.Generation < 1 || b.Generation > d.Version {
			return fmt.Errorf("bucket %q: generation %d, want 1 to %d", b.Name, b.Generation, d.Version)
		}
		if err := checkText(b.Owner); err != nil {
			return fmt.Errorf("bucket %q: owner: %w", b.Name, err)
		}
		if b.TTLMillis != 0 && (b.TTLMillis < MinTTL.Milliseconds() || b.TTLMillis > MaxTTL.Milliseconds()) {
			return fmt.Errorf("bucket %q: a TTL of %d ms, want %s to %s, or none", b.Name, b.TTLMillis, MinTTL, MaxTTL)
		}
	}
	return nil
}

func (d *Document) validateExpelled() error {
	for i, id := range d.Expelled {
		if id == 0 || d.listed(id) || (i > 0 && d.Expelled[i-1] >= id) {
			return fmt.Errorf("expelled %s: the expelled must be no members, distinct and sorted", id)
		}
	}
	return nil
}

// isMember searches the sorted members; it needs no index.
func (d *Document) listed(id NodeID) bool {
	_, ok := slices.BinarySearchFunc(d.Members, id, func(m Member, id NodeID) int { return cmp.Compare(m.ID, id) })
	return ok
}

// checkText refuses what JSON or gossip would not bring back as it was.
func checkText(s string) error {
	if len(s) > maxText || !utf8.ValidString(s) {
		return fmt.Errorf("%.40q has %d bytes: want at most %d, in UTF-8", s, len(s), maxText)
	}
	return nil
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
