package wire

import "net/url"

// The paths of the interface.
const (
	Buckets = "/v1/buckets/"
	Cluster = "/v1/cluster"
	Layout  = "/v1/cluster/layout"
)

// KeyPath is where a key is, as a path and as its escaped form: a slash of the key
// is escaped too, so that nothing between client and node takes it for a folder.
func KeyPath(bucket, key string) (path, raw string) { return under(bucket, "/keys/", key) }

// ExplainPath is where a key is explained.
func ExplainPath(bucket, key string) (path, raw string) { return under(bucket, "/explain/", key) }

// ListPath is where a bucket's keys are listed.
func ListPath(bucket string) (path, raw string) { return under(bucket, "/keys", "") }

func under(bucket, middle, key string) (path, raw string) {
	return Buckets + bucket + middle + key, Buckets + url.PathEscape(bucket) + middle + url.PathEscape(key)
}
