// Package records reads what henge import takes and writes what henge export
// gives: one record after the other, each with the line it came from, so that a
// file of any size passes through a bounded amount of memory and a bad record is
// named and passed over instead of ending the run.
//
// Three formats are read. In NDJSON a record is a line, and the line is the value:
//
//	{"Package":"zsh","Version":"5.9-4"}      --key Package: key zsh, value the line
//
// In CSV the first row names the fields; each further row becomes such an object,
// with every field a string:
//
//	Package,Version                          --key Package: key zsh,
//	zsh,5.9-4                                value {"Package":"zsh","Version":"5.9-4"}
//
// The export format carries key and value apart, with whatever metadata the value
// has. Exactly one of json, value and base64 holds the bytes; json only where the
// bytes are compact JSON, so that every byte comes back as it was:
//
//	{"key":"zsh","json":{"Version":"5.9-4"},"content_type":"application/json"}
//	{"key":"motd","value":"hello\n","content_type":"text/plain","meta":{"by":"ops"}}
//	{"key_base64":"/w==","base64":"AAECAw==","content_type":"application/octet-stream"}
//	{"key":"cart","siblings":[{"id":"...","value":"a"},{"id":"...","value":"b"}]}
//
// A key with siblings is exported whole, but not imported: which of them should
// win is not the tool's to say.
package records
