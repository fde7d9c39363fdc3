package wire

import "net/url"

// The paths of the interface.
const (
	AllBuckets      = "/v1/buckets"
	InBuckets       = "/v1/buckets/" // a bucket follows
	Cluster         = "/v1/cluster"
	ClusterSettings = "/v1/cluster/settings"
	NodeGovernor    = "/v1/node/governor"
	Salvage         = "/v1/node/salvage"
	SalvageLacking  = Salvage + "/lacking"
	SalvageRestore  = Salvage + "/restore"
	SalvageDiscard  = Salvage + "/discard"
	SalvageOpen     = Salvage + "/open"
	Layout          = "/v1/cluster/layout"
	Stage           = Layout + "/stage"
	Plan            = Layout + "/plan"
	Apply           = Layout + "/apply"
	Pause           = Layout + "/pause"
	Resume          = Layout + "/resume"
	Revert          = Layout + "/revert"
	Force           = Layout + "/force"
	Amend           = Layout + "/amend"
	Verify          = Cluster + "/verify"
)

// KeyPath is where a key is, as a path and as its escaped form: a slash of the key
// is escaped too, so that nothing between client and node takes it for a folder.
func KeyPath(bucket, key string) (path, raw string) { return under(bucket, "/keys/", key) }

// ExplainPath is where a key is explained.
func ExplainPath(bucket, key string) (path, raw string) { return under(bucket, "/explain/", key) }

// ListPath is where a bucket's keys are listed.
func ListPath(bucket string) (path, raw string) { return under(bucket, "/keys", "") }

// BucketPath is where a bucket's properties are.
func BucketPath(bucket string) (path, raw string) {
	return InBuckets + bucket, InBuckets + url.PathEscape(bucket)
}

func under(bucket, middle, key string) (path, raw string) {
	return InBuckets + bucket + middle + key, InBuckets + url.PathEscape(bucket) + middle + url.PathEscape(key)
}
