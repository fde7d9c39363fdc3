package replication

import (
	"errors"
	"slices"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
)

// results reports every ask, and the primaries that were not asked at all.
func (r *round) results(doc *ring.Document, down []ring.NodeID) []request.ReplicaResult {
	results := make([]request.ReplicaResult, 0, len(r.asks)+len(down))
	for _, a := range r.asks {
		results = append(results, a.report(doc))
	}
	for _, id := range down {
		if !slices.ContainsFunc(r.asks, func(a *ask) bool { return a.node == id }) {
			results = append(results, request.ReplicaResult{
				Node: id, Name: nameOf(doc, id), Role: request.Primary,
				Result: request.ResultDown, Detail: r.c.health.Node(id).Reason,
			})
		}
	}
	return results
}

func (a *ask) report(doc *ring.Document) request.ReplicaResult {
	result := request.ReplicaResult{
		Node: a.node, Name: nameOf(doc, a.node), Role: a.role,
		Result: a.result, Detail: a.detail, Elapsed: a.elapsed,
	}
	switch {
	case a.result != "":
	case a.state == askOK && a.answer != nil && a.answer.same:
		result.Result = request.ResultSame
	case a.state == askOK:
		result.Result = request.ResultOK
	default:
		result.Result = request.ResultPending
	}
	return result
}

// nameOf is a member's configured name, or its id.
func nameOf(doc *ring.Document, id ring.NodeID) string {
	if m, ok := doc.Member(id); ok && m.Name != "" {
		return m.Name
	}
	return id.String()
}

// quorumError tells which answers were missing. A caller that gave up itself finds
// its own reason among the causes.
func (c *Coordinator) quorumError(op string, key keyName, r *round, results []request.ReplicaResult, outcome request.Outcome, cause error) error {
	if errors.Is(cause, request.ErrQuorum) || errors.Is(cause, request.ErrTimeout) {
		c.counters.QuorumsLost.Add(1)
	}
	worse := r.tally.worse()
	err := &request.QuorumError{
		Op: op, Bucket: key.bucket, Key: key.key, Outcome: outcome,
		Need: worse.need, Got: worse.got, Replicas: results,
	}
	if !errors.Is(cause, request.ErrQuorum) {
		err.Causes = append(err.Causes, cause)
	}
	return err
}
