package wire

import "github.com/hengedb/henge/replication/request"

// Progress is the query of Layout that asks for how far a change is.
const Progress = "progress=true"

// Steps is what a change of the layout is asked for with.
type Steps struct {
	Steps []request.LayoutStep `json:"steps"`
}

// Forced names the members that are given up.
type Forced struct {
	Lost []string `json:"lost"` // names or ids
	Yes  string   `json:"yes"`  // the cluster's id: this cluster is meant
}

// Amended names who died, and who comes in its place.
type Amended struct {
	Without string `json:"without"`        // a name or id
	With    string `json:"with,omitempty"` // empty: nobody
}

// Applied names the plan that is to be done.
type Applied struct {
	Plan string `json:"plan"` // its hash
}
