package lab

import (
	"fmt"
	"os"
	"strings"

	"github.com/hengedb/henge/jepsen/checker"
)

func story(out Outcome) string {
	var b strings.Builder
	for _, r := range out.Report {
		if r.Valid == checker.Valid {
			continue
		}
		for i, a := range r.Anomalies {
			if i > 2 {
				break
			}
			fmt.Fprintf(&b, "%s: %s/%s %s\n", r.Checker, a.Bucket, a.Key, a.Text)
			for _, op := range out.History {
				for _, n := range a.Ops {
					if op.Index == n {
						fmt.Fprintf(&b, "   %+v\n", op)
					}
				}
				if len(a.Ops) > 0 && op.F == "fault" && op.Index > a.Ops[0]-1500 && op.Index < a.Ops[len(a.Ops)-1]+100 && (op.Index < a.Ops[0]+400) {
					fmt.Fprintf(&b, "   FAULT %d %v %s\n", op.Index, op.T, op.Value)
				}
			}
		}
	}
	return b.String()
}

var verbose = os.Getenv("STORY") != ""
