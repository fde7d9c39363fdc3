package wire

// Headers of the interface, in the form in which net/http keeps them.
const (
	Context     = "Henge-Context"    // both ways: what a read saw
	Acks        = "Henge-Acks"       // who holds an acknowledged write
	Need        = "Henge-Need"       // W, as resolved
	Answers     = "Henge-Answers"    // who a read rests on
	Siblings    = "Henge-Siblings"   // how many values the key holds, as far as the coordinator knows
	SiblingID   = "Henge-Sibling-Id" // names the value among its siblings
	Operation   = "Henge-Operation"  // the operation id, as given or made
	MetaPrefix  = "Henge-Meta-"      // both ways: user metadata
	TTL         = "Henge-Ttl"        // of a put: how long its value is shown, as a Go duration, or none
	ExpiresAt   = "Henge-Expires-At" // both ways: from when on a value is hidden, as RFC 3339 has it
	Idempotency = "Idempotency-Key"  // names the operation across retries
	Trace       = "Traceparent"      // W3C trace context
	NDJSON      = "application/x-ndjson"
	Octets      = "application/octet-stream" // of a value stored without a type
)

// Quote makes an entity tag of an ETag as package request has it.
func Quote(tag string) string { return `"` + tag + `"` }

// Unquote is the inverse of Quote; ok is false for what is no strong entity tag.
func Unquote(tag string) (inner string, ok bool) {
	if len(tag) < 2 || tag[0] != '"' || tag[len(tag)-1] != '"' {
		return "", false
	}
	inner = tag[1 : len(tag)-1]
	for i := range len(inner) {
		if inner[i] == '"' || inner[i] < 0x21 || inner[i] == 0x7f {
			return "", false
		}
	}
	return inner, true
}
