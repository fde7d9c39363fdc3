package checker

import "testing"

type cases = map[string]struct {
	script string
	want   Verdict
}

func TestLost(t *testing.T) {
	expect(t, Lost, cases{
		"a value that is there is not lost": {`
			put a ok
			final a`, Valid},
		"a value replaced by one that saw it is not lost": {`
			put a ok
			put b saw=a ok
			put c saw=b ok
			final c`, Valid},
		"siblings are both there": {`
			put a ok
			put b ok
			final a,b`, Valid},
		"a deleted value is not lost": {`
			put a ok
			delete d saw=a ok
			final`, Valid},
		"a delete that nobody knows the end of may have happened": {`
			put a ok
			delete d saw=a info
			final`, Valid},
		"an unknown write that is there explains what it replaced": {`
			put a ok
			put b saw=a info
			final b`, Valid},
		"an unacknowledged value may be missing": {`
			put a ok
			put b info
			put c fail
			final a`, Valid},

		"a value that is gone is lost": {`
			put a ok
			put b ok
			final b`, Invalid},
		"a write that saw something else explains nothing": {`
			put a ok
			put x ok
			put b saw=x ok
			final b`, Invalid},
		"an unknown write that never showed explains nothing": {`
			put a ok
			put b saw=a info
			final`, Invalid},
		"a failed write explains nothing": {`
			put a ok
			put b saw=a fail
			final`, Invalid},
		"a failed delete explains nothing": {`
			put a ok
			delete d saw=a fail
			final`, Invalid},
		"the replacement itself is lost, and both are": {`
			put a ok
			put b saw=a ok
			put c ok
			final c`, Invalid},
		"two writes cannot explain each other": {`
			put a blind ok limit=1000
			put b blind info limit=1000
			put c ok
			final c`, Invalid},

		"a blind write whose receipt covers it replaced it": {`
			put a dot=1-1 ok
			put b blind dot=1-2 covers=1-2 ok
			final b`, Valid},
		"a blind write whose receipt does not cover it did not": {`
			put a dot=7-1 ok
			put b blind dot=1-1 covers=1-1 ok
			final b`, Invalid},
		"unless it covers a dot that nobody was told of, which may be a twin": {`
			put a dot=7-1 ok
			put b blind dot=1-2 covers=1-2 ok
			final b`, Valid},
		"a twin explains no write that was begun later": {`
			put b blind dot=1-2 covers=1-2 ok
			put a dot=7-1 ok
			final b`, Invalid},
		"an earlier counter of the same actor is covered, a later one is not": {`
			put a dot=1-9 ok
			put b blind dot=1-1 covers=1-1 ok
			final b`, Invalid},
		"dots are learnt from reads too": {`
			put a ok
			get a dots=1-1 ok
			put b blind dot=2-1 covers=1-1,2-1 ok
			final b`, Valid},
		"an unknown blind write that is there may have seen what was begun before its deadline": {`
			put b blind limit=100 info
			put a ok
			final b`, Valid},
		"but not what was begun after it": {`
			put b blind limit=3 info
			put a ok
			final b`, Invalid},
		"nor does one that never showed": {`
			put a ok
			put b blind limit=100 info
			final`, Invalid},
		"an acknowledged blind write without a receipt's context falls back on time": {`
			put a ok
			put b blind ok
			final b`, Valid},
		"a write after the last blind one must be there": {`
			put b blind ok
			put a ok
			final b`, Invalid},

		"without a final read nothing is known":                 {`put a ok`, Unknown},
		"when no write was acknowledged nothing is known":       {"put a info\nfinal a", Unknown},
		"a final read that failed is none":                      {"put a ok\nfinal a fail", Unknown},
		"a loss is a loss even when other things are not known": {"put a ok\nput b ok\nfinal a", Invalid},
	})
}

func TestResurrected(t *testing.T) {
	expect(t, Resurrected, cases{
		"what was replaced is gone": {`
			put a ok
			put b saw=a ok
			final b`, Valid},
		"a replacement that nobody acknowledged may not have happened": {`
			put a ok
			put b saw=a info
			final a`, Valid},
		"what a delete did not see stays": {`
			put a ok
			put b ok
			delete d saw=a ok
			final b`, Valid},
		"a deleted value is back": {`
			put a ok
			delete d saw=a ok
			final a`, Invalid},
		"a replaced value is back beside its replacement": {`
			put a ok
			put b saw=a ok
			final a,b`, Invalid},
		"a value is back although the write that replaced it was replaced in turn": {`
			put a ok
			put b saw=a ok
			put c saw=b ok
			final a,c`, Invalid},
		"a blind write's receipt said that it replaced the value": {`
			put a dot=1-1 ok
			put b blind dot=1-2 covers=1-2 ok
			final a,b`, Invalid},
		"nothing visible proves nothing": {`
			put a ok
			delete d saw=a ok
			final`, Unknown},
		"no final read proves nothing": {`put a ok`, Unknown},
		"a twin of what was replaced is a retry that came late": {`
			put a ok
			get a dots=1-1 by=100 ok
			put b saw=a by=100 ok
			final a,b dots=2-1,1-2`, Valid},
		"the very dot that was replaced is not": {`
			put a ok
			get a dots=1-1 by=100 ok
			put b saw=a by=100 ok
			final a,b dots=1-1,1-2`, Invalid},
	})
}

func TestPhantom(t *testing.T) {
	expect(t, Phantom, cases{
		"a read of a write at work may show it": {"put a info\nget a ok", Valid},
		"a value nobody wrote":                  {"put a ok\nget z ok", Invalid},
		"a value written later":                 {"get a ok\nput a ok", Invalid},
		"a value whose write failed":            {"put a fail\nget a ok", Invalid},
		"a value shown twice":                   {"put a ok\nget a,a ok", Invalid},
		"the name of a delete is no value":      {"delete a ok\nget a ok", Invalid},
	})
}

func TestOneValueADot(t *testing.T) {
	expect(t, OneValueADot, cases{
		"each value its own dot":                 {"put a dot=1-1 ok\nput b dot=1-2 ok\nget a,b dots=1-1,1-2 ok", Valid},
		"one operation minted twice is legal":    {"put a dot=1-1 ok\nget a dots=2-1 ok", Valid},
		"two acknowledged values under a dot":    {"put a dot=1-1 ok\nput b dot=1-1 ok", Invalid},
		"a read shows a value under a taken dot": {"put a dot=1-1 ok\nput b info\nget b dots=1-1 ok", Invalid},
	})
}
