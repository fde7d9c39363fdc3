package wire

import "github.com/hengedb/henge/replication/request"

// Steps is what a change of the layout is asked for with.
type Steps struct {
	Steps []request.LayoutStep `json:"steps"`
}

// Applied names the plan that is to be done.
type Applied struct {
	Plan string `json:"plan"` // its hash
}
