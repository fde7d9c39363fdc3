package governor

import (
	"errors"
	"fmt"
)

// Class is a kind of background work.
type Class uint8

// The classes.
const (
	Hints     Class = iota // replay of hints
	Exchange               // comparison of replicas, and what it ships
	Transfers              // what a change of the layout moves, in and out
	Rebuilds               // of hash trees
	Reaping                // of tombstones
	classes
)

var classNames = [classes]string{"hints", "exchange", "transfers", "rebuilds", "reaping"}

// String is the class's name in metrics, the API and the command.
func (c Class) String() string { return classNames[c] }

// Classes lists all.
func Classes() []Class { return []Class{Hints, Exchange, Transfers, Rebuilds, Reaping} }

// ErrClass refuses a name that is no class's.
var ErrClass = errors.New("no class of background work")

// ParseClass finds a class by its name. It fails with ErrClass.
func ParseClass(name string) (Class, error) {
	for _, c := range Classes() {
		if c.String() == name {
			return c, nil
		}
	}
	return 0, fmt.Errorf("%w: %q; there are %v", ErrClass, name, classNames)
}

// Verb is a kind of request: each has its own normal, so that more puts among the gets
// are not taken for slowness.
type Verb uint8

// The verbs.
const (
	Read Verb = iota
	Write
	verbs
)

// String is the verb's name in metrics.
func (v Verb) String() string { return [verbs]string{"read", "write"}[v] }
