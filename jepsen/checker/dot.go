package checker

import (
	"slices"
	"strconv"
	"strings"
)

// dot is "actor-counter", parsed.
type dot struct{ actor, counter uint64 }

// parseDot reads the text of a dot; anything else is no dot.
func parseDot(text string) (dot, bool) {
	actor, counter, ok := strings.Cut(text, "-")
	if !ok {
		return dot{}, false
	}
	a, err := strconv.ParseUint(actor, 16, 64)
	if err != nil {
		return dot{}, false
	}
	c, err := strconv.ParseUint(counter, 16, 64)
	if err != nil {
		return dot{}, false
	}
	return dot{a, c}, true
}

// covers reports whether a context covers one of the dots under which a value was
// seen. One is enough: an operation that was minted twice is one value to readers.
func covers(context []string, dots []dot) bool {
	return slices.ContainsFunc(context, func(text string) bool {
		entry, ok := parseDot(text)
		return ok && slices.ContainsFunc(dots, func(d dot) bool {
			return d.actor == entry.actor && d.counter <= entry.counter
		})
	})
}
