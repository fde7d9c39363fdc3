// Command henge runs and uses Henge clusters.
//
// Each command is a file of its name: serve.go runs one node, dev.go a cluster on
// this machine, put.go, get.go, delete.go, keys.go, explain.go and status.go speak
// to one over HTTP, import.go, export.go and bench.go move and measure many
// records. root.go puts them together; what has rules of its own lies below
// internal.
//
// Settings come from the command line, then HENGE_ variables, then a YAML file.
// Results go to standard output, as text or JSON; everything else to standard
// error. What exit codes mean is one table, in internal/exit.
package main
