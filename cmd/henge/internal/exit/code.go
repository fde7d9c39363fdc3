package exit

import (
	"fmt"
	"strings"
)

// Code is what the process returns to its parent.
type Code int

// The codes. They are part of the command's interface: none changes its meaning.
const (
	OK          Code = 0
	Failure     Code = 1
	Usage       Code = 2
	NotFound    Code = 3
	Conflict    Code = 4
	Quorum      Code = 5
	Unknown     Code = 6
	Unavailable Code = 7
	Incomplete  Code = 8
	Address     Code = 10
	Peer        Code = 11
	Data        Code = 12
	Node        Code = 13
	Interrupted Code = 130 // as shells say it: 128 + SIGINT
)

// Row is one line of the table.
type Row struct {
	Code    Code
	Word    string // for --output json
	Meaning string
}

// Table returns every code with its meaning, in order.
func Table() []Row {
	return []Row{
		{OK, "ok", "done"},
		{Failure, "failure", "it did not work, and no other line says it better; for import: some records failed"},
		{Usage, "usage", "the command line, a setting, a key or a value is not acceptable; nothing was done"},
		{NotFound, "not_found", "the key holds nothing"},
		{Conflict, "conflict", "a condition did not hold, or the key holds several siblings"},
		{Quorum, "quorum", "too few replicas answered; nothing was written"},
		{Unknown, "unknown", "too few replicas acknowledged the write; some may hold it"},
		{Unavailable, "unavailable", "no node was reached, or it is not ready, overloaded or out of space"},
		{Incomplete, "incomplete", "a listing or export ended before the last key, or a verified record is missing"},
		{Address, "address", "serve, dev: an address cannot be listened on, for example a port in use"},
		{Peer, "peer", "serve: a peer's address cannot be resolved"},
		{Data, "data", "serve: the data directory is locked, of another cluster or of a newer version"},
		{Node, "node", "serve: the node had to stop: a failed disk, or a second process with its id"},
		{Interrupted, "interrupted", "a signal ended it before it was done"},
	}
}

// Word returns the code's one word, for machines.
func (c Code) Word() string {
	for _, row := range Table() {
		if row.Code == c {
			return row.Word
		}
	}
	return fmt.Sprintf("code_%d", int(c))
}

// Help renders the table for a help text.
func Help() string {
	var b strings.Builder
	for _, row := range Table() {
		fmt.Fprintf(&b, "  %3d  %s\n", row.Code, row.Meaning)
	}
	return b.String()
}
