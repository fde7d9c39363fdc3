package request

import "time"

// Governor is how the budget of one node's background work stands.
type Governor struct {
	MiBps    float64           `json:"mibps"`    // uncut
	Own      bool              `json:"own"`      // it was set on this node, for as long as it runs
	Factor   float64           `json:"factor"`   // of it, above 0 and at most 1: what is given out
	Cut      bool              `json:"cut"`      // work is held back now: requests are slow, or it only began beside them
	Requests []GovernedRequest `json:"requests"` // what the factor rests on
	Classes  []GovernedClass   `json:"classes"`  // of background work
}

// GovernedRequest is how slow a node's gets, or puts, are, as their 99th percentile.
type GovernedRequest struct {
	Verb   string        `json:"verb"`      // read or write
	Normal time.Duration `json:"normal_ns"` // what is usual; 0 while none was learned
	Recent time.Duration `json:"recent_ns"` // in the last window that had requests enough
}

// GovernedClass is one class of background work.
type GovernedClass struct {
	Class  string `json:"class"`
	Bytes  int64  `json:"bytes"` // since the start of the node
	Waits  int64  `json:"waits"` // pieces of work that had to wait for the budget
	Paused bool   `json:"paused"`
}

// Govern says what the budget shall be; what is left out stays as it is.
type Govern struct {
	MiBps  *int     `json:"mibps,omitempty"`  // of this node, for as long as it runs; 0: by the cluster's settings
	Pause  []string `json:"pause,omitempty"`  // classes
	Resume []string `json:"resume,omitempty"` // classes
}

// WorkClasses lists the names of the classes of background work.
func WorkClasses() []string {
	return []string{"hints", "exchange", "transfers", "rebuilds", "reaping"}
}
