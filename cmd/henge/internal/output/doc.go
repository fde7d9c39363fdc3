// Package output prints what the commands found: text that a person reads, or one
// JSON document a line that a program reads, from the same values.
//
// Text goes to a terminal or a pipe alike, without colour, so that what is seen
// can be pasted. The JSON field names are part of the command's interface.
package output
