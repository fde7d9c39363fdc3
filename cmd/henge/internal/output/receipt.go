package output

import (
	"fmt"
	"io"
	"time"

	"github.com/hengedb/henge/replication/request"
)

// Receipt is what an acknowledged put or delete rests on.
type Receipt struct {
	Bucket   string    `json:"bucket"`
	Key      string    `json:"key"`
	Verb     string    `json:"verb"`     // put or delete
	Acks     int       `json:"acks"`     // distinct nodes that hold it
	Required int       `json:"required"` // W
	Replicas int       `json:"replicas"` // of the key's partition
	Primary  int       `json:"primary"`
	Durable  int       `json:"durable"`
	Hinted   int       `json:"hinted"`
	Created  bool      `json:"created,omitempty"`
	Siblings int       `json:"siblings"`
	ETag     string    `json:"etag,omitempty"`
	Context  string    `json:"context,omitempty"`
	OpID     string    `json:"operation,omitempty"`
	Answers  []Replica `json:"answers,omitempty"`
}

// Replica is one node's part in a request.
type Replica struct {
	Node   string  `json:"node"`
	Name   string  `json:"name,omitempty"`
	Role   string  `json:"role"`
	Result string  `json:"result"`
	Detail string  `json:"detail,omitempty"`
	Millis float64 `json:"ms"`
}

// Replicas turns the results of a request into what is printed.
func Replicas(results []request.ReplicaResult) []Replica {
	var out []Replica
	for _, r := range results {
		out = append(out, Replica{
			Node: r.Node.String(), Name: r.Name, Role: string(r.Role), Result: string(r.Result), Detail: r.Detail,
			Millis: float64(r.Elapsed) / float64(time.Millisecond),
		})
	}
	return out
}

// ReceiptOf turns what a write returned into what is printed.
func ReceiptOf(verb, bucket, key string, r request.Receipt) Receipt {
	return Receipt{
		Bucket: bucket, Key: key, Verb: verb, Acks: r.Acks, Required: r.Need, Replicas: r.Replicas, Primary: r.Primary,
		Durable: r.Durable, Hinted: r.Hinted, Created: r.Created, Siblings: r.Siblings, ETag: r.ETag,
		Context: string(r.Context), OpID: r.OpID, Answers: Replicas(r.Results),
	}
}

// Human writes the receipt as one line, and a second one when values stand side by side.
func (r Receipt) Human(w io.Writer) error {
	done := map[string]string{"put": "stored", "delete": "deleted"}[r.Verb]
	_, err := fmt.Fprintf(w, "%s %s in %s: %d/%d acknowledged (%d needed), primary=%d durable=%d hinted=%d\n",
		done, Key(r.Key), r.Bucket, r.Acks, r.Replicas, r.Required, r.Primary, r.Durable, r.Hinted)
	if err != nil || r.Siblings < 2 {
		return err
	}
	_, err = fmt.Fprintf(w, "the key holds %d siblings now: see henge get %s --bucket %s\n", r.Siblings, quoteArg(r.Key), r.Bucket)
	return err
}
