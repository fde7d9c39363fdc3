package request

import "errors"

// codes names every sentinel in one word that never changes: it crosses the wire
// between nodes and stands in the answers of the HTTP interface.
var codes = []struct {
	code string
	err  error
}{
	{"not_found", ErrNotFound},
	{"bad_key", ErrBadKey},
	{"bad_bucket", ErrBadBucket},
	{"no_bucket", ErrNoBucket},
	{"bucket_exists", ErrBucketExists},
	{"no_node", ErrNoNode},
	{"changing", ErrChanging},
	{"no_change", ErrNoChange},
	{"stale_plan", ErrStalePlan},
	{"unsafe_change", ErrUnsafe},
	{"bad_knob", ErrBadKnob},
	{"bad_context", ErrBadContext},
	{"bad_value", ErrBadValue},
	{"too_large", ErrTooLarge},
	{"precondition_failed", ErrPrecondition},
	{"context_required", ErrContextRequired},
	{"sibling_limit", ErrSiblingLimit},
	{"overload", ErrOverload},
	{"not_ready", ErrNotReady},
	{"disk_full", ErrFull},
	{"store_failed", ErrStoreFailed},
	{"corrupt", ErrCorrupt},
	{"closed", ErrClosed},
	{"timeout", ErrTimeout},
	{"quorum", ErrQuorum},
}

// CodeOf names the first sentinel that err matches; "internal" when it matches none.
// A lost quorum is "quorum" whatever its causes are.
func CodeOf(err error) string {
	if lost := (*QuorumError)(nil); errors.As(err, &lost) {
		err = ErrQuorum
	}
	for _, row := range codes {
		if errors.Is(err, row.err) {
			return row.code
		}
	}
	return "internal"
}

// ErrorOf is the inverse of CodeOf; nil for a code it does not know.
func ErrorOf(code string) error {
	for _, row := range codes {
		if row.code == code {
			return row.err
		}
	}
	return nil
}
