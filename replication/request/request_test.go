package request

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCodesNameSentinelsBothWays(t *testing.T) {
	seen := map[string]bool{}
	for _, row := range codes {
		if seen[row.code] {
			t.Errorf("code %q twice", row.code)
		}
		seen[row.code] = true
		if got := CodeOf(fmt.Errorf("wrapped: %w", row.err)); got != row.code {
			t.Errorf("CodeOf(%v) = %q, want %q", row.err, got, row.code)
		}
		if got := ErrorOf(row.code); !errors.Is(got, row.err) {
			t.Errorf("ErrorOf(%q) = %v, want %v", row.code, got, row.err)
		}
	}
	if got := CodeOf(errors.New("x")); got != "internal" || ErrorOf(got) != nil {
		t.Errorf("an unknown error: %q, %v", got, ErrorOf(got))
	}
}

// told is an error that knows its outcome.
type told struct{ error }

func (told) WriteOutcome() Outcome { return Unknown }
func (t told) Unwrap() error       { return t.error }

func TestOutcomesClaimNoMoreThanIsKnown(t *testing.T) {
	for name, tc := range map[string]struct {
		err       error
		want      Outcome
		retryable bool
	}{
		"no error":                         {nil, Done, false},
		"refused before anybody was asked": {fmt.Errorf("x: %w", ErrOverload), None, true},
		"a bad request":                    {ErrBadKey, None, false},
		"a quorum lost before asking":      {&QuorumError{Outcome: None}, None, true},
		"a quorum lost after asking":       {&QuorumError{Outcome: Unknown}, Unknown, true},
		"an error that tells":              {told{ErrPrecondition}, Unknown, false},
		"a timeout":                        {ErrTimeout, Unknown, true},
		"a failed store":                   {ErrStoreFailed, Unknown, true},
		"an error from elsewhere":          {context.Canceled, Unknown, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := OutcomeOf(tc.err); got != tc.want {
				t.Errorf("OutcomeOf = %q, want %q", got, tc.want)
			}
			if got := Retryable(tc.err); got != tc.retryable {
				t.Errorf("Retryable = %v, want %v", got, tc.retryable)
			}
		})
	}
}

func TestAQuorumErrorTellsEveryReason(t *testing.T) {
	err := &QuorumError{
		Op: "put", Bucket: "b", Key: "k", Outcome: Unknown, Need: 2, Got: 1, Causes: []error{ErrTimeout},
		Replicas: []ReplicaResult{{Name: "n1", Role: Primary, Result: ResultOK}, {Name: "n2", Role: Fallback, Result: ResultRefused, Detail: "disk full"}},
	}
	want := `put "k" in bucket "b": 1 of 2 answers, outcome unknown: n1 (primary) ok, n2 (fallback) refused disk full`
	if got := err.Error(); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if !errors.Is(err, ErrQuorum) || !errors.Is(err, ErrTimeout) {
		t.Error("it does not match its causes")
	}
}

func TestCounts(t *testing.T) {
	for text, tc := range map[string]struct {
		count    Count
		of3, of1 int // 0: refused
	}{
		"one": {1, 1, 1}, "quorum": {Quorum, 2, 1}, "all": {All, 3, 1}, "2": {2, 2, 0}, "3": {3, 3, 0}, "64": {64, 0, 0},
	} {
		c, err := ParseCount(text)
		if err != nil || c != tc.count {
			t.Errorf("ParseCount(%q) = %v, %v", text, c, err)
		}
		for n, want := range map[int]int{3: tc.of3, 1: tc.of1} {
			got, err := c.Resolve(n)
			if got != want || (want == 0) != errors.Is(err, ErrBadKnob) {
				t.Errorf("%q of %d is %d, %v; want %d", text, n, got, err, want)
			}
		}
		if again, err := ParseCount(c.String()); err != nil || again != c {
			t.Errorf("%q is printed as %q", text, c.String())
		}
	}
	for _, text := range []string{"", "0", "-1", "65", "two", "1.5", "99999999999999999999"} {
		if c, err := ParseCount(text); err == nil {
			t.Errorf("ParseCount(%q) = %v", text, c)
		}
	}
	if got, err := Quorum.Resolve(4); got != 3 || err != nil {
		t.Errorf("a quorum of 4 is %d, %v; want 3", got, err)
	}
	if _, err := Count(-7).Resolve(3); !errors.Is(err, ErrBadKnob) {
		t.Errorf("-7: %v", err)
	}
}

func TestLimits(t *testing.T) {
	for name, tc := range map[string]struct {
		err  error
		want error
	}{
		"a key of any bytes":          {CheckKey("\x00\xff/../"), nil},
		"the longest key":             {CheckKey(strings.Repeat("k", MaxKey)), nil},
		"an empty key":                {CheckKey(""), ErrBadKey},
		"a longer key":                {CheckKey(strings.Repeat("k", MaxKey+1)), ErrBadKey},
		"a bucket":                    {CheckBucket("a-b_c.9"), nil},
		"a bucket of capitals":        {CheckBucket("A"), ErrBadBucket},
		"a bucket that begins so":     {CheckBucket("-a"), ErrBadBucket},
		"an empty bucket":             {CheckBucket(""), ErrBadBucket},
		"a longer bucket":             {CheckBucket(strings.Repeat("b", MaxBucket+1)), ErrBadBucket},
		"no options":                  {CheckWrite(WriteOptions{}), nil},
		"a type that splits a header": {CheckWrite(WriteOptions{ContentType: "a\r\nb"}), ErrBadValue},
		"an over-long operation id":   {CheckWrite(WriteOptions{OpID: strings.Repeat("o", MaxOpID+1)}), ErrBadValue},
		"metadata without a name":     {CheckWrite(WriteOptions{Meta: map[string]string{"": "v"}}), ErrBadValue},
		"metadata that is no text":    {CheckWrite(WriteOptions{Meta: map[string]string{"k": "\xff"}}), ErrBadValue},
		"too much metadata":           {CheckWrite(WriteOptions{Meta: map[string]string{"k": strings.Repeat("v", MaxMeta)}}), ErrBadValue},
	} {
		if !errors.Is(tc.err, tc.want) {
			t.Errorf("%s: %v, want %v", name, tc.err, tc.want)
		}
	}
}

// shelf is one key that somebody else writes too.
type shelf struct {
	siblings []string
	rivals   int // writes that come between a read and the next write
	writes   []string
}

func (s *shelf) Get(context.Context, string, ReadOptions) (Value, error) {
	if len(s.siblings) == 0 {
		return Value{Context: "none"}, ErrNotFound
	}
	v := Value{Context: Context(strings.Join(s.siblings, "+"))}
	for _, text := range s.siblings {
		v.Siblings = append(v.Siblings, Sibling{Data: []byte(text)})
	}
	return v, nil
}

func (s *shelf) Put(_ context.Context, _ string, value []byte, o WriteOptions) (Receipt, error) {
	s.writes = append(s.writes, string(o.Context)+"->"+string(value))
	s.siblings = []string{string(value)}
	if s.rivals > 0 {
		s.rivals--
		s.siblings = append(s.siblings, "rival")
	}
	return Receipt{Siblings: len(s.siblings)}, nil
}

// refusing is a key that holds nothing and takes nothing.
type refusing struct {
	err  error
	puts int
}

func (*refusing) Get(context.Context, string, ReadOptions) (Value, error) {
	return Value{}, ErrNotFound
}
func (r *refusing) Put(context.Context, string, []byte, WriteOptions) (Receipt, error) {
	r.puts++
	return Receipt{}, r.err
}

func TestUpdateMergesUntilOneValueIsLeft(t *testing.T) {
	merge := func(siblings []Sibling) ([]byte, error) {
		var all []string
		for _, s := range siblings {
			all = append(all, string(s.Data))
		}
		return []byte("m(" + strings.Join(all, ",") + ")"), nil
	}
	s := &shelf{rivals: 1}
	if r, err := Update(t.Context(), s, "k", merge); err != nil || r.Siblings != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	if diff := cmp.Diff([]string{"none->m()", "m()+rival->m(m(),rival)"}, s.writes); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
	s = &shelf{rivals: 1000}
	if r, err := Update(t.Context(), s, "k", merge); err != nil || r.Siblings != 2 || len(s.writes) != updateTries {
		t.Errorf("against endless rivals: %+v, %v after %d writes", r, err, len(s.writes))
	}
	lost := &refusing{err: told{ErrPrecondition}}
	if _, err := Update(t.Context(), lost, "k", merge); OutcomeOf(err) != Unknown || lost.puts != 1 {
		t.Errorf("merged %d times over what may be its own: %v", lost.puts, err)
	}
	no := errors.New("no")
	if _, err := Update(t.Context(), s, "k", func([]Sibling) ([]byte, error) { return nil, no }); !errors.Is(err, no) {
		t.Errorf("a merge that fails: %v", err)
	}
}
