package replication

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/replication/rpc"
	"github.com/hengedb/henge/ring"
	"github.com/hengedb/henge/storage"
	"github.com/hengedb/henge/storage/causal"
)

// inspection is what a node tells about a key, everything but the values' bytes.
// On the wire the object and then the hint's object follow the JSON.
type inspection struct {
	ObjectBytes int                `json:"object_bytes,omitempty"`
	Hint        *request.HintState `json:"hint,omitempty"`
	object      *causal.Object
	hinted      *causal.Object
}

// Explain tells why a key is what it is: who should hold it, who does, in which
// versions, which hints wait, and what reads of 1 to N replicas would find now. It
// asks every replica, those of the sets before and after a change too, and every
// fallback that answers.
func (c *Coordinator) Explain(ctx context.Context, bucket, key string) (request.Explanation, error) {
	release, err := c.admit(ctx)
	if err != nil {
		return request.Explanation{}, err
	}
	defer release()
	q, err := c.newQuery(keyName{bucket, key}, request.ReadOptions{})
	if err != nil {
		return request.Explanation{}, err
	}
	ctx, cancel := c.within(ctx, q.knobs.timeout)
	defer cancel()
	position := q.key.stored().Position()
	doc := q.place.doc
	e := request.Explanation{
		Bucket: bucket, Key: key, Position: fmt.Sprintf("%016x", uint64(position)),
		Partition: q.place.partition, Segment: position.Segment(doc.Partitions), Document: doc.Name(),
	}
	entry := doc.Entry(q.place.partition)
	e.Phase, e.Next, e.Former = entry.Phase, slices.Clone(entry.Next), slices.Clone(entry.Former)
	q.place.second = entry.Second()
	nodes := slices.AppendSeq(slices.Clone(q.place.replicas), doc.Fallbacks(q.place.partition))
	nodes = nodes[:min(len(nodes), len(q.place.replicas)+maxFallbacks(len(q.place.replicas)))]
	for _, id := range slices.Concat(entry.Next, entry.Former) {
		if !slices.Contains(nodes, id) {
			nodes = append(nodes, id)
		}
	}
	for _, id := range nodes {
		m, _ := doc.Member(id)
		e.Preference = append(e.Preference, request.PreferenceNode{
			Node: id, Name: nameOf(doc, id), Zone: m.Zone, Weight: m.Weight, Role: q.place.role(id), Health: c.healthWord(id),
		})
	}
	seen := c.inspectAll(ctx, q, nodes)
	for i, id := range nodes {
		e.Replicas = append(e.Replicas, c.replicaState(q, id, seen[i]))
	}
	e.Answers = c.wouldAnswer(q, nodes, seen)
	return e, nil
}

// inspected is one node's inspection, or why there is none.
type inspected struct {
	inspection
	err error
}

// inspectAll asks every node at once and waits for all of them, or for ctx.
func (c *Coordinator) inspectAll(ctx context.Context, q *query, nodes []ring.NodeID) []inspected {
	seen := make([]inspected, len(nodes))
	replies := make(chan rpc.Reply, len(nodes))
	body, err := pack(forwarded{Bucket: q.key.bucket, Key: []byte(q.key.key)}, nil)
	waiting := 0
	for i, id := range nodes {
		switch {
		case err != nil:
			seen[i].err = err
		case id == c.self:
			seen[i].inspection, seen[i].err = c.inspect(ctx, q.key)
		default:
			waiting++
			c.rpc.Start(ctx, c.health.Target(id), rpc.Call{Method: methodInspect, Class: rpc.Small, Body: body, Within: q.knobs.timeout}, i, replies)
		}
	}
	for range waiting {
		reply := <-replies // ctx ends every call
		at := &seen[reply.Tag]
		if at.err = reply.Err; at.err == nil {
			at.inspection, at.err = decodeInspection(reply.Body)
		}
	}
	return seen
}

// inspect looks at this node's own copy and hint.
func (c *Coordinator) inspect(ctx context.Context, key keyName) (inspection, error) {
	var seen inspection
	object, err := c.store.Read(ctx, key.stored())
	if err != nil {
		return seen, err
	}
	seen.object = object.Strip()
	hint, err := c.store.ReadHint(ctx, key.stored())
	if err != nil || hint == nil {
		return seen, err
	}
	seen.hinted = hint.Object.Strip()
	seen.Hint = c.hintState(hint)
	return seen, nil
}

func (c *Coordinator) hintState(h *storage.Hint) *request.HintState {
	return &request.HintState{Targets: h.Targets, Noted: h.Noted, Age: c.age(h.Since)}
}

// age is how long ago a stamp was.
func (c *Coordinator) age(since causal.Stamp) time.Duration {
	return max(0, c.store.Now().Time().Sub(since.Time()))
}

func (c *Coordinator) serveInspect(ctx context.Context, req *rpc.Request) ([]byte, error) {
	var head forwarded
	if _, err := unpack(req.Body, &head); err != nil {
		return nil, refused{err}
	}
	seen, err := c.inspect(ctx, keyName{head.Bucket, string(head.Key)})
	if err != nil {
		return nil, refused{refusal(err)}
	}
	var body []byte
	if seen.object != nil {
		body = seen.object.Append(body)
	}
	seen.ObjectBytes = len(body)
	if seen.hinted != nil {
		body = seen.hinted.Append(body)
	}
	return pack(seen, body)
}

func decodeInspection(b []byte) (inspection, error) {
	var seen inspection
	body, err := unpack(b, &seen)
	if err != nil {
		return seen, err
	}
	if seen.ObjectBytes < 0 || seen.ObjectBytes > len(body) {
		return seen, errMessage
	}
	if seen.ObjectBytes > 0 {
		if seen.object, err = causal.Decode(body[:seen.ObjectBytes]); err != nil {
			return seen, fmt.Errorf("%w: %w", errMessage, err)
		}
	}
	if rest := body[seen.ObjectBytes:]; len(rest) > 0 {
		if seen.hinted, err = causal.Decode(rest); err != nil {
			return seen, fmt.Errorf("%w: %w", errMessage, err)
		}
	}
	return seen, nil
}

// replicaState shapes one node's inspection for people.
func (c *Coordinator) replicaState(q *query, id ring.NodeID, seen inspected) request.ReplicaState {
	state := request.ReplicaState{Node: id, Name: nameOf(q.place.doc, id), Role: q.place.role(id), Result: request.ResultOK}
	if seen.err != nil {
		state.Result, state.Detail = request.ResultUnreachable, seen.err.Error()
		return state
	}
	now := c.store.Now().Time().UnixMilli()
	state.Siblings = siblingStates(seen.object, now)
	if seen.object != nil {
		digest := seen.object.Digest(q.place.doc.Secret, q.key.bucket, q.key.key)
		state.Digest = fmt.Sprintf("%x", digest[:])
		for _, dot := range seen.object.Context.Dots() {
			state.Context = append(state.Context, dotText(dot))
		}
	}
	if seen.Hint != nil {
		state.Hint = seen.Hint
		state.Hint.Siblings = siblingStates(seen.hinted, now)
	}
	return state
}

func siblingStates(o *causal.Object, now int64) []request.SiblingState {
	if o == nil {
		return nil
	}
	shown := o.Live(now)
	var states []request.SiblingState
	for i := range o.Siblings {
		s := &o.Siblings[i]
		states = append(states, request.SiblingState{
			Dot: dotText(s.Dot), Stamp: fmt.Sprintf("%016x", uint64(s.Stamp)), Modified: s.Stamp.Time(),
			Tombstone: s.Tombstone, Size: s.Size, Expires: expires(s.Expiry),
			Shown: slices.ContainsFunc(shown, func(l causal.Sibling) bool { return l.Dot == s.Dot }),
		})
	}
	return states
}

func dotText(d causal.Dot) string { return fmt.Sprintf("%016x:%d", uint64(d.Actor), d.Counter) }

// wouldAnswer joins what the first r healthy nodes hold, for each r.
func (c *Coordinator) wouldAnswer(q *query, nodes []ring.NodeID, seen []inspected) []request.WouldAnswer {
	var whole *causal.Object
	var held []*causal.Object
	for i, id := range nodes {
		if seen[i].err != nil {
			continue
		}
		object := seen[i].object
		if q.place.role(id) == request.Fallback {
			object = seen[i].hinted
		}
		held = append(held, object)
		whole = causal.Join(whole, object)
	}
	now := c.store.Now().Time().UnixMilli()
	complete := dotsOf(whole.Live(now))
	var answers []request.WouldAnswer
	var joined *causal.Object
	for r := 1; r <= len(q.place.replicas); r++ {
		answer := request.WouldAnswer{R: r}
		if r > len(held) {
			answer.Error = fmt.Sprintf("%d of %d nodes answer", len(held), r)
			answers = append(answers, answer)
			continue
		}
		joined = causal.Join(joined, held[r-1])
		answer.Values = dotsOf(joined.Live(now))
		answer.Found = len(answer.Values) > 0
		answer.Complete = slices.Equal(answer.Values, complete)
		answers = append(answers, answer)
	}
	return answers
}

func dotsOf(live []causal.Sibling) []string {
	dots := make([]string, len(live))
	for i := range live {
		dots[i] = dotText(live[i].Dot)
	}
	return dots
}
