// Package wire is what the HTTP interface and its Go client say to each other beside
// plain HTTP: header names, the path of a key, receipts, and the records of listings
// and sibling sets. Both sides use these functions, so that neither can drift.
//
// A receipt, and who a read rests on:
//
//	Henge-Acks:    2/3; primary=2; durable=2; hinted=1
//	               │ │          │          │         └ absent primaries with a hint
//	               │ │          │          └ acknowledged after a sync
//	               │ │          └ of the nodes that hold it
//	               │ └ replicas of the partition
//	               └ distinct nodes that hold it
//	Henge-Answers: 2/2; primary=2
//	               │ └ R, as resolved
//	               └ distinct nodes whose state the answer holds
//
// A listing is one JSON record a line, in ring order, and one that ends it:
//
//	{"key":"a","cursor":"..."}
//	{"key_base64":"/w==","cursor":"...","context":"...","etag":"...","siblings":[...]}
//	{"complete":true,"count":2,"cursor":"..."}
//
// A key that is UTF-8 text stands as "key", any other as "key_base64"; a value as
// "value" or "base64" by the same rule. A listing without its last record was cut.
package wire
