package checker

import (
	"fmt"
	"slices"
	"strings"
)

// Verdict is what a check came to.
type Verdict string

// The verdicts.
const (
	Valid   Verdict = "valid"
	Invalid Verdict = "invalid"
	Unknown Verdict = "unknown" // nothing was proved: not a pass
)

// Anomaly is one violation.
type Anomaly struct {
	Bucket string
	Key    string
	Text   string // one sentence
	Ops    []int  // indexes of the operations that show it
}

// Result is the outcome of one checker.
type Result struct {
	Checker   string
	Valid     Verdict
	Anomalies []Anomaly
	Reason    string         // of an Unknown
	Stats     map[string]int // what was looked at
}

// maxShown bounds how many anomalies a Result prints; one bug makes hundreds.
const maxShown = 5

// String is the verdict with the first anomalies, for people.
func (r Result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", r.Checker, r.Valid)
	if r.Reason != "" {
		fmt.Fprintf(&b, " (%s)", r.Reason)
	}
	for i, a := range r.Anomalies {
		if i == maxShown {
			fmt.Fprintf(&b, "\n  and %d more", len(r.Anomalies)-i)
			break
		}
		fmt.Fprintf(&b, "\n  %s/%s: %s %v", a.Bucket, a.Key, a.Text, a.Ops)
	}
	return b.String()
}

// add enters a violation.
func (r *Result) add(k keyName, ops []int, format string, args ...any) {
	r.Valid = Invalid
	slices.Sort(ops)
	r.Anomalies = append(r.Anomalies, Anomaly{Bucket: k.bucket, Key: k.key, Text: fmt.Sprintf(format, args...), Ops: ops})
}

// unknown lowers a pass to Unknown.
func (r *Result) unknown(format string, args ...any) {
	if r.Valid == Valid {
		r.Valid = Unknown
	}
	if r.Reason == "" {
		r.Reason = fmt.Sprintf(format, args...)
	}
}

func newResult(checker string) Result {
	return Result{Checker: checker, Valid: Valid, Stats: make(map[string]int)}
}

// Report is the outcome of several checkers on one run.
type Report []Result

// Valid is Invalid if any result is, else Unknown if any is.
func (r Report) Valid() Verdict {
	verdict := Valid
	for _, result := range r {
		switch result.Valid {
		case Invalid:
			return Invalid
		case Unknown:
			verdict = Unknown
		case Valid:
		}
	}
	return verdict
}

// String prints what is not valid.
func (r Report) String() string {
	var lines []string
	for _, result := range r {
		if result.Valid != Valid {
			lines = append(lines, result.String())
		}
	}
	return strings.Join(lines, "\n")
}
