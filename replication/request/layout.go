package request

import (
	"time"

	"github.com/hengedb/henge/ring"
)

// LayoutStep is one part of a layout change, as a person asks for it. Nodes are named
// by their id or by their name, where one node only has it.
type LayoutStep struct {
	Verb   ring.Verb `json:"verb"`
	Node   string    `json:"node"`             // whom it is about
	With   string    `json:"with,omitempty"`   // of replace: who comes
	Expel  bool      `json:"expel,omitempty"`  // of remove and replace: it is dead, and hands nothing over
	Weight int       `json:"weight,omitempty"` // of add, replace and set; 0 leaves it
	Zone   *string   `json:"zone,omitempty"`   // of add, replace and set; nil leaves it
}

// Plan is what the staged steps would do, before anything is done.
type Plan struct {
	Hash           string        `json:"hash"`       // names exactly this plan: Apply takes it
	Document       ring.Name     `json:"document"`   // that it starts from
	Steps          []LayoutStep  `json:"steps"`      // staged
	Nodes          []PlanNode    `json:"nodes"`      // members before and after, by name
	Partitions     int           `json:"partitions"` // whose replicas change
	Moves          int           `json:"moves"`      // partition-replicas that are copied
	Bytes          int64         `json:"bytes"`      // that are copied, as far as known
	Time           time.Duration `json:"time_ns"`    // at the present throttle
	Before         Balance       `json:"before"`
	After          Balance       `json:"after"`
	LowestReplicas int           `json:"lowest_replicas"` // of any partition, on the way, that are up
	LowestZones    int           `json:"lowest_zones"`    // of any partition, on the way
	Survives       bool          `json:"survives"`        // afterwards a majority of the members is there with one dead
	Warnings       []string      `json:"warnings,omitempty"`
	Refusals       []string      `json:"refusals,omitempty"` // why Apply refuses it
}

// PlanNode is what a plan means to one node. Bytes are estimates.
type PlanNode struct {
	ID       ring.NodeID `json:"id"`
	Name     string      `json:"name"`
	Zone     string      `json:"zone,omitempty"`
	Weight   int         `json:"weight"`
	Going    ring.Going  `json:"going,omitempty"`
	Before   int         `json:"before"` // partitions that it is a replica of
	After    int         `json:"after"`
	Gains    int         `json:"gains"`
	Loses    int         `json:"loses"`
	BytesIn  int64       `json:"bytes_in"`
	BytesOut int64       `json:"bytes_out"`
	Free     int64       `json:"free,omitempty"` // bytes of its disk; 0 is not known
	Mark     int64       `json:"mark,omitempty"` // with less free than that, it refuses puts
}

// Balance is how far nodes are from their weighted share, in partitions.
type Balance struct {
	Low  float64 `json:"low"`  // the node that has least beside its share; 0 or less
	High float64 `json:"high"` // the node that has most
}

// ChangeStatus is how far a layout change is. Nodes and Waiting are filled where the
// members were asked.
type ChangeStatus struct {
	Applied    uint64             `json:"applied"` // the document version that began it
	Steps      []LayoutStep       `json:"steps"`
	Paused     bool               `json:"paused,omitempty"`
	Partitions int                `json:"partitions"` // that it changes
	Phases     map[ring.Phase]int `json:"phases"`     // how many of them are in each; "" are done
	Nodes      []ChangeNode       `json:"nodes"`
	Reverting  bool               `json:"reverting,omitempty"` // it goes back
	Waiting    []string           `json:"waiting,omitempty"`   // what holds it up, in words
}

// Phases lists the phases of a partition in a change as they come; in the last, steady,
// it is done.
func Phases() []ring.Phase {
	return []ring.Phase{ring.PhaseWait, ring.PhaseCopy, ring.PhaseSwitch, ring.PhaseBack, ring.PhaseDrop, ring.PhaseSteady}
}

// ChangeNode is one node's part in a change that is under way. What it did is known
// only of a node that answers, and from its last start on.
type ChangeNode struct {
	ID         ring.NodeID   `json:"id"`
	Name       string        `json:"name"`
	Going      ring.Going    `json:"going,omitempty"`
	Silent     bool          `json:"silent,omitempty"` // it does not answer
	Partitions int           `json:"partitions"`       // that it gains or hands over
	Done       int           `json:"done"`
	Bytes      int64         `json:"bytes"` // to take in all, about; 0 is not known
	Moved      int64         `json:"moved"` // of them, taken
	Sent       int64         `json:"sent,omitempty"`
	Rate       int64         `json:"rate,omitempty"`      // bytes a second, of the last seconds: taken, or sent by who takes nothing
	Left       time.Duration `json:"left_ns,omitempty"`   // until it has taken all, at this rate; 0 is not known
	Holds      int           `json:"holds,omitempty"`     // partitions that it has not handed over
	Leftovers  int           `json:"leftovers,omitempty"` // objects of partitions that it does not serve; 10,000 stands for more
	Hints      int64         `json:"hints,omitempty"`     // that it keeps for others
	Waiting    []string      `json:"waiting,omitempty"`   // for what it waits, in words
}
