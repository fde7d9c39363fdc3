// Package exit says what the command's exit code means: one table from errors to
// codes, from which the help text is printed too, so that scripts can tell "it is
// not there" from "nobody answered" without reading sentences.
package exit
