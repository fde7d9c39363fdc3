package checker

import (
	"fmt"
	"strings"
)

// Dump is what one replica holds of one key when a run is over.
type Dump struct {
	Bucket string
	Key    string
	Node   string
	// State stands for all that the replica knows: equal states are equal in
	// siblings, dots, context and operations. Empty is nothing held.
	State string
	// Entries is how many entries the context has, Actors of how many actors the siblings
	// are, and Twin says that an operation of theirs may have been minted twice.
	Entries, Actors int
	Twin            bool
	// Err says why the replica could not tell; such a dump proves nothing.
	Err string
}

// Debt is what one node still owes to others when a run is over.
type Debt struct {
	Node  string
	Hints int64
}

// Converged finds keys whose replicas differ, and nodes that still owe hints. It is
// Unknown when a replica could not be asked, or when there is nothing to compare.
func Converged(dumps []Dump, debts []Debt) Result {
	r := newResult("converged")
	byKey := make(map[keyName][]Dump)
	var order []keyName
	for _, d := range dumps {
		k := keyName{d.Bucket, d.Key}
		if byKey[k] == nil {
			order = append(order, k)
		}
		byKey[k] = append(byKey[k], d)
		if d.Err != "" {
			r.unknown("%s does not tell what it holds of %s/%s: %s", d.Node, d.Bucket, d.Key, d.Err)
		}
	}
	for _, k := range order {
		r.Stats["keys"]++
		replicas := byKey[k]
		for _, d := range replicas {
			if d.Err == "" && replicas[0].Err == "" && d.State != replicas[0].State {
				r.add(k, nil, "replicas differ: %s", describe(replicas))
				break
			}
		}
	}
	for _, d := range debts {
		if d.Hints > 0 {
			r.add(keyName{}, nil, "%s still owes %d hints", d.Node, d.Hints)
		}
	}
	if len(order) == 0 {
		r.unknown("no replica was asked")
	}
	return r
}

func describe(replicas []Dump) string {
	parts := make([]string, len(replicas))
	for i, d := range replicas {
		parts[i] = fmt.Sprintf("%s holds %q", d.Node, d.State)
	}
	return strings.Join(parts, ", ")
}
