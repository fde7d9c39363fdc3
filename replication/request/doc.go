// Package request is the vocabulary of requests: what a caller may ask (knobs),
// what comes back (values, receipts), and what can go wrong (outcomes, reasons,
// sentinels). The coordinator, the HTTP interface, the Go client and the embedded
// node all speak it, so each word is defined once.
//
// It is pure and light, the standard library and package ring only, because the
// Go client imports it and must not bring a storage engine along.
package request
