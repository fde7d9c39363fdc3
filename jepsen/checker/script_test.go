package checker

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/hengedb/henge/jepsen/history"
)

// script makes a history of a few lines, each one operation of key "k", 10 ms after
// the one before and 5 ms long:
//
//	put a saw=x,y ok          what the client sent covered x and y
//	put a blind covers=1-2 dot=1-2 ok
//	put a blind limit=100 info
//	get a,b dots=1-1,1-2 ok
//	final a,b                 a read in the session history.Final
//	delete d saw=a ok
//	put a strict ok           it counts on the key's own replicas alone
//	put a side=3 end=2 fail   three nodes at the invoke, two at the end
//	put a expires=15 ok       it is hidden from then on, in milliseconds since the run began
//	get a by=100 ok           a process of that number; else each line has its own
func script(t *testing.T, text string) history.History {
	t.Helper()
	var r history.Recorder
	process := 0
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		invoke, end := operation(t, words)
		if invoke.Process == 0 {
			invoke.Process, end.Process = process, process
		}
		invoke.T = time.Duration(10*process) * time.Millisecond
		end.T = invoke.T + 5*time.Millisecond
		r.Add(invoke)
		r.Add(end)
		process++
	}
	h := r.History()
	if err := h.Check(); err != nil {
		t.Fatalf("the script is no history: %v", err)
	}
	return h
}

func operation(t *testing.T, words []string) (invoke, end history.Op) {
	t.Helper()
	invoke = history.Op{Type: history.Invoke, F: history.F(words[0]), Bucket: "b", Key: "k", Node: "n1"}
	end.Type = history.OK
	var argument string
	for _, word := range words[1:] {
		name, value, isOption := strings.Cut(word, "=")
		switch {
		case word == "blind":
			invoke.Blind = true
		case word == "strict":
			invoke.Strict = true
		case word == "ok" || word == "fail" || word == "info":
			end.Type = history.Type(word)
		case !isOption:
			argument = word
		case name == "saw":
			invoke.Saw = strings.Split(value, ",")
		case name == "covers":
			end.Covers = strings.Split(value, ",")
		case name == "dot":
			end.Dot = value
		case name == "dots":
			end.Dots = strings.Split(value, ",")
		case name == "err":
			end.Err = value
		default:
			number(t, name, value, &invoke, &end)
		}
	}
	covers, dotText, dots, typ, failure, side := end.Covers, end.Dot, end.Dots, end.Type, end.Err, end.Side
	if invoke.F == "final" {
		invoke.F, invoke.Session = history.Get, history.Final
	}
	if invoke.Writes() {
		invoke.Value = argument
	}
	end = invoke
	end.Type, end.Covers, end.Dot, end.Dots, end.Err = typ, covers, dotText, dots, failure
	if side != 0 {
		end.Side = side
	}
	if invoke.F == history.Get && argument != "" {
		end.Values = strings.Split(argument, ",")
	}
	return invoke, end
}

func number(t *testing.T, name, value string, invoke, end *history.Op) {
	t.Helper()
	n, err := strconv.Atoi(value)
	if err != nil {
		t.Fatalf("%s=%s: %v", name, value, err)
	}
	switch name {
	case "limit":
		invoke.Limit = time.Duration(n) * time.Millisecond
	case "expires":
		invoke.Expires = time.Duration(n) * time.Millisecond
	case "by":
		invoke.Process = n
	case "side":
		invoke.Side = n
	case "end":
		end.Side = n
	default:
		t.Fatal(fmt.Errorf("no option %q", name))
	}
}

// expect holds one checker against scripts.
func expect(t *testing.T, check func(history.History) Result, tests map[string]struct {
	script string
	want   Verdict
},
) {
	t.Helper()
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := check(script(t, test.script))
			if got.Valid != test.want {
				t.Errorf("%v\nwant %s", got, test.want)
			}
			if (got.Valid == Invalid) != (len(got.Anomalies) > 0) {
				t.Errorf("%s with %d anomalies", got.Valid, len(got.Anomalies))
			}
			if (got.Valid == Unknown) && got.Reason == "" {
				t.Error("unknown without a reason")
			}
		})
	}
}
