package api

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/hengedb/henge/api/problem"
	"github.com/hengedb/henge/api/wire"
	"github.com/hengedb/henge/replication/request"
)

// errCondition refuses a condition that is not understood: taking it for absent
// would do what the client wanted prevented.
func errCondition(header string) error {
	return problem.Field(header, fmt.Errorf("%w: want * or one entity tag", request.ErrBadValue))
}

// writeConditions reads If-Match and If-None-Match of a put or delete.
func writeConditions(h http.Header, o *request.WriteOptions) error {
	match, err := condition(h, "If-Match")
	if err != nil {
		return err
	}
	none, err := condition(h, "If-None-Match")
	if err != nil {
		return err
	}
	if match != "" && none != "" {
		return problem.Field("If-None-Match", fmt.Errorf("%w: it contradicts If-Match", request.ErrBadValue))
	}
	if strings.HasPrefix(match, weak) {
		return problem.Field("If-Match", fmt.Errorf("%w: a weak entity tag matches nothing", request.ErrPrecondition))
	}
	o.IfMatch, o.IfNoneMatch = match, strings.TrimPrefix(none, weak)
	return nil
}

// weak marks an entity tag in a parsed condition that was sent as weak. No tag of
// ours begins so.
const weak = "W/"

// condition reads a header of at most one entity tag: "" when absent, "*", or the
// tag without quotes.
func condition(h http.Header, name string) (string, error) {
	values := h[name]
	if len(values) == 0 {
		return "", nil
	}
	value := strings.TrimSpace(values[0])
	if len(values) > 1 || value == "" {
		return "", errCondition(name)
	}
	if value == "*" {
		return value, nil
	}
	strong, isWeak := strings.CutPrefix(value, weak)
	tag, ok := wire.Unquote(strong)
	if !ok || tag == "" || tag == "*" {
		return "", errCondition(name)
	}
	if isWeak {
		return weak + tag, nil
	}
	return tag, nil
}

// unchanged reports whether a read's If-None-Match names the tag: any of a list, by
// weak comparison (RFC 9110, 13.1.2).
func unchanged(h http.Header, tag string) bool {
	for _, value := range h["If-None-Match"] {
		if listed(value, tag, true) {
			return true
		}
	}
	return false
}

// changed reports whether a read's If-Match fails for the tag, by strong comparison.
func changed(h http.Header, tag string) bool {
	values := h["If-Match"]
	for _, value := range values {
		if listed(value, tag, false) {
			return false
		}
	}
	return len(values) > 0
}

// listed looks for a tag in a list of entity tags. Our tags hold no comma.
func listed(list, tag string, weakToo bool) bool {
	for item := range strings.SplitSeq(list, ",") {
		item = strings.TrimSpace(item)
		if weakToo {
			item = strings.TrimPrefix(item, weak)
		}
		if inner, ok := wire.Unquote(item); item == "*" || ok && inner == tag {
			return true
		}
	}
	return false
}
