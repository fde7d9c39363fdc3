// Package bench measures a cluster in a closed loop: each of a number of clients
// sends its next request when the last one is answered, and every answer's time
// goes into a histogram.
//
// A closed loop slows down with the cluster, so its percentiles are those of
// requests that were sent, not of requests that users would have sent meanwhile.
// It answers "how fast is one request at this many clients", and no more.
package bench
