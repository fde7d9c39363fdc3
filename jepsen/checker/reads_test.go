package checker

import (
	"strings"
	"testing"

	"github.com/hengedb/henge/jepsen/history"
)

func TestAntichain(t *testing.T) {
	expect(t, Antichain, cases{
		"concurrent values stand side by side": {"put a ok\nput b ok\nget a,b ok", Valid},
		"a value beside its replacement":       {"put a ok\nput b saw=a ok\nget a,b ok", Invalid},
		"even when the replacement is unknown": {"put a ok\nput b saw=a info\nget a,b ok", Invalid},
		"on any read, not only the last":       {"put a ok\nput b saw=a ok\nget a,b ok\nfinal b", Invalid},
		"what the reader saw before is no matter": {`
			put a ok
			get a ok
			put b saw=a ok
			get a ok
			get b ok`, Valid},
		"a twin of what its writer was shown stands beside it": {`
			put a ok
			get a dots=1-1 by=100 ok
			put b saw=a by=100 ok
			get a,b dots=2-1,1-2 ok`, Valid},
		"but not the very dot that its writer was shown": {`
			put a ok
			get a dots=1-1 by=100 ok
			put b saw=a by=100 ok
			get a,b dots=1-1,1-2 ok`, Invalid},
		"nor one that only others were shown under another dot": {`
			put a ok
			get a dots=1-1 ok
			put b saw=a by=100 ok
			get a,b dots=2-1,1-2 ok`, Invalid},
		"no read, no proof": {"put a ok", Unknown},
	})
}

func TestRecent(t *testing.T) {
	expect(t, Recent, cases{
		"a strict read shows what was acknowledged":   {"put a strict ok\nget a strict ok", Valid},
		"or what replaced it":                         {"put a strict ok\nput b saw=a info\nget b strict ok", Valid},
		"or what replaced its replacement":            {"put a strict ok\nput b saw=a ok\nput c saw=b ok\nget c strict ok", Valid},
		"or nothing after a delete that saw it":       {"put a strict ok\ndelete d saw=a info\nget strict ok", Valid},
		"it shows nothing":                            {"put a strict ok\nget strict ok", Invalid},
		"it shows another value":                      {"put a strict ok\nput b ok\nget b strict ok", Invalid},
		"what replaced it is not there either":        {"put a strict ok\nput b saw=a strict ok\nput c ok\nget c strict ok", Invalid},
		"a failed delete explains nothing":            {"put a strict ok\ndelete d saw=a fail\nget strict ok", Invalid},
		"a replacement begun after the read is none":  {"put a strict ok\nget strict ok\nput b saw=a ok", Invalid},
		"a read that is not strict may miss it":       {"put a strict ok\nget ok", Valid},
		"a write that is not strict may be missed":    {"put a ok\nget strict ok", Valid},
		"one that was not acknowledged may be missed": {"put a strict info\nget strict ok", Valid},
		"keys with blind writes are not judged":       {"put a strict ok\nput b blind ok\nget b strict ok", Valid},
	})
}

func TestAvailable(t *testing.T) {
	check := func(h history.History) Result { return Available(h, 2) }
	expect(t, check, cases{
		"everything succeeds":                        {"put a side=3 ok\nget a side=2 ok", Valid},
		"a smaller side may refuse":                  {"put a side=1 fail\nput b side=3 ok", Valid},
		"a side that changed is not judged":          {"put a side=3 end=1 fail\nput b side=3 ok", Valid},
		"an unclear side is not judged":              {"put a fail\nput b side=3 ok", Valid},
		"a failed precondition is an answer":         {"put a side=3 fail err=precondition_failed", Valid},
		"a refusal on a side that is large enough":   {"put a side=2 fail err=quorum", Invalid},
		"not knowing is no success":                  {"put a side=3 info err=timeout", Invalid},
		"nothing on a large side proves nothing":     {"put a side=1 ok", Unknown},
		"the side of three that lost one in between": {"put a side=3 end=2 info\nput b side=2 ok", Valid},
	})
}

func TestProgress(t *testing.T) {
	expect(t, Progress, cases{
		"each kind succeeded once":           {"put a ok\nput b info\nget a ok", Valid},
		"no put succeeded":                   {"put a info\nput b fail\nget ok", Unknown},
		"no delete succeeded":                {"put a ok\ndelete d fail\nget ok", Unknown},
		"an empty history proves nothing":    {"", Unknown},
		"kinds that nobody tried do no harm": {"put a ok", Valid},
	})
}

func TestConverged(t *testing.T) {
	dump := func(node, state string) Dump { return Dump{Bucket: "b", Key: "k", Node: node, State: state} }
	silent := Dump{Bucket: "b", Key: "k", Node: "n3", Err: "timed out"}
	for name, test := range map[string]struct {
		dumps []Dump
		debts []Debt
		want  Verdict
	}{
		"all replicas hold the same":         {[]Dump{dump("n1", "x"), dump("n2", "x"), dump("n3", "x")}, []Debt{{Node: "n1"}}, Valid},
		"two hold one thing, one another":    {[]Dump{dump("n1", "x"), dump("n2", "y"), dump("n3", "x")}, nil, Invalid},
		"one holds nothing":                  {[]Dump{dump("n1", "x"), dump("n2", "")}, nil, Invalid},
		"all hold nothing":                   {[]Dump{dump("n1", ""), dump("n2", "")}, nil, Valid},
		"a hint is left":                     {[]Dump{dump("n1", "x")}, []Debt{{Node: "n2", Hints: 1}}, Invalid},
		"one cannot be asked":                {[]Dump{dump("n1", "x"), silent}, nil, Unknown},
		"one cannot be asked and two differ": {[]Dump{dump("n1", "x"), dump("n2", "y"), silent}, nil, Invalid},
		"nothing was compared":               {nil, nil, Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Converged(test.dumps, test.debts); got.Valid != test.want {
				t.Errorf("%v\nwant %s", got, test.want)
			}
		})
	}
}

func TestReportIsAsGoodAsItsWorstResult(t *testing.T) {
	valid, unknown, invalid := Result{Valid: Valid}, Result{Valid: Unknown, Checker: "dull"}, Result{Valid: Invalid, Checker: "bad"}
	for _, test := range []struct {
		report Report
		want   Verdict
	}{
		{Report{valid, valid}, Valid},
		{Report{valid, unknown}, Unknown},
		{Report{unknown, invalid}, Invalid},
	} {
		if got := test.report.Valid(); got != test.want {
			t.Errorf("%v: %s; want %s", test.report, got, test.want)
		}
	}
	if text := (Report{valid, unknown, invalid}).String(); !strings.Contains(text, "dull") || !strings.Contains(text, "bad") {
		t.Errorf("report %q; want what is not valid", text)
	}
}

func TestCheckOfAGoodRunIsValid(t *testing.T) {
	h := script(t, `
		put a side=3 dot=1-1 ok
		get a side=3 dots=1-1 ok
		put b side=3 saw=a dot=1-2 ok
		put c side=3 dot=2-1 ok
		get b,c side=3 dots=1-2,2-1 ok
		delete d side=3 saw=c ok
		final b`)
	if report := Check(h, 2); report.Valid() != Valid {
		t.Errorf("%v", report)
	}
}
