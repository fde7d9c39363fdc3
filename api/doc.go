// Package api serves a node over HTTP: the keys of buckets, what the cluster looks
// like from here, and what operators ask of a process.
//
//	/v1/buckets                          GET     every bucket's properties
//	/v1/buckets/{bucket}                 GET PUT one bucket's
//	/v1/buckets/{bucket}/keys/{key}      GET HEAD PUT DELETE
//	/v1/buckets/{bucket}/keys            GET     listing, one JSON record a line
//	/v1/buckets/{bucket}/explain/{key}   GET     why a key is what it is
//	/v1/cluster                          GET     members, health, hints
//	/v1/cluster/settings                 GET PUT
//	/v1/cluster/layout                   GET     who holds which partition
//	/v1/cluster/layout/stage             POST DELETE
//	/v1/cluster/layout/plan              GET     what the staged steps would do
//	/v1/cluster/layout/apply             POST    and pause, resume, revert
//	/metrics /livez /readyz /openapi.yaml        and /debug/pprof/ when asked for
//
// openapi.yaml is the contract: the tests hold every answer to it. Plain bytes go in
// and come out; what else there is to say about a value stands in headers. Every
// failure is a problem document (package problem).
//
// A key is everything behind "keys/", percent-decoded once and never cleaned: two
// slashes stay two slashes. Only the segments "." and ".." are refused, since clients
// and proxies remove them on the way, and the wrong key would be read; inside a key
// they can be sent with escaped slashes ("a%2F..%2Fb"). A Server must therefore not
// stand behind http.ServeMux, which cleans paths by redirecting.
package api
