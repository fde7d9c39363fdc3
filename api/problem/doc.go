// Package problem turns the errors of a request into HTTP answers, and such answers
// back into the same errors: one table, read both ways. A client of the HTTP
// interface can use errors.Is and errors.As as if the store were in its process.
//
// An answer is a problem document (RFC 9457) with the store's own members added:
//
//	{
//	  "type":      "urn:henge:problem:quorum",
//	  "title":     "Too few replicas answered",
//	  "status":    503,
//	  "detail":    "put \"k\" in bucket \"b\": 1 of 2 answers, ...",
//	  "instance":  "4bf92f3577b34da6a3ce929d0e0e4736",  trace id
//	  "code":      "quorum",                            package request names them
//	  "outcome":   "unknown",                           none, unknown
//	  "retryable": true,
//	  "field":     "r",                                 bad input: which part of the request
//	  "acks":      1,                                   a lost quorum: had, needed, why, who
//	  "required":  2,
//	  "causes":    ["timeout"],
//	  "replicas":  [{"node":"00000000000000a1","name":"n1","role":"primary",
//	                 "result":"timeout","ms":12.5,"detail":"silent"}]
//	}
package problem
