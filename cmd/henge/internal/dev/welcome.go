package dev

import (
	"fmt"
	"strings"

	"github.com/hengedb/henge/cmd/henge/internal/output"
)

// welcome is what a person sees when the cluster is ready: who runs where, how to
// start each node alone, and what to try, each line ready to paste.
func welcome(nodes []NodeInfo, base int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nready: %d nodes\n\n", len(nodes))
	rows := [][]string{{"  NAME", "PID", "URL", "DATA"}}
	for _, n := range nodes {
		rows = append(rows, []string{"  " + n.Name, fmt.Sprint(n.PID), n.URL, n.Data})
	}
	if err := output.Table(&b, rows); err != nil {
		panic("a strings.Builder takes everything: " + err.Error())
	}
	fmt.Fprintf(&b, "\neach node alone:\n")
	for _, n := range nodes {
		fmt.Fprintf(&b, "  %s: %s\n", n.Name, n.Serve)
	}
	fmt.Fprintf(&b, "\ntry in another shell:\n")
	for _, line := range tryThese(nodes, base) {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	fmt.Fprintf(&b, "\nCtrl-C stops the cluster. What happens to the nodes is told here:\n")
	return b.String()
}

// tryThese are the commands that show what the cluster is for.
func tryThese(nodes []NodeInfo, base int) []string {
	first, last := nodes[0], nodes[len(nodes)-1]
	key := "/v1/buckets/default/keys/greeting"
	henge, _, _ := strings.Cut(first.Serve, " serve ")
	at := func(n NodeInfo, args string) string { return fmt.Sprintf("%s %s --url %s", henge, args, n.URL) }
	lines := []string{
		fmt.Sprintf("curl -i -X PUT -H 'Content-Type: text/plain' --data hello %s%s", first.URL, key),
		fmt.Sprintf("curl -i %s%s", last.URL, key),
		at(first, output.CommandLine("put", "stone", "stands")),
		at(last, output.CommandLine("get", "stone")),
		at(first, "status"),
		at(first, "explain stone"),
		fmt.Sprintf("%s dev add --base-port %d            # one node more; it becomes a member by itself", henge, base),
		fmt.Sprintf("%s dev remove NAME --base-port %d    # a node hands over what it holds, and is stopped", henge, base),
	}
	if len(nodes) < 3 {
		return lines // two stones do not stand when one falls
	}
	return append(lines, fmt.Sprintf("kill -9 %d    # then put and get through the others; start %s again with its line above", last.PID, last.Name))
}
