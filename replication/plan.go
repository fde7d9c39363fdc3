package replication

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/replication/transfer"
	"github.com/hengedb/henge/ring"
)

// DefaultTransferMiBps is what a node sends, and takes, in layout changes when the
// cluster's settings do not say, in MiB a second.
const DefaultTransferMiBps = 64

// Plan tells what the staged steps would do. Bytes are what this node knows of its own
// partitions, and as much on the average of those that it does not hold; the room on the
// disks is what the nodes say themselves. It fails with request.ErrUnsafe when nothing is staged or the steps do not fit, and with
// request.ErrChanging while a change is in flight.
func (c *Coordinator) Plan(ctx context.Context) (request.Plan, error) {
	if c.agent.Document() == nil {
		return request.Plan{}, fmt.Errorf("%w: no document is held", request.ErrNotReady)
	}
	c.catchUpWithMembers(ctx) // a step may have been staged elsewhere a moment ago
	doc := c.agent.Document()
	staged, err := doc.Plan()
	if err != nil {
		return request.Plan{}, inWords(err)
	}
	p := planning{c: c, doc: doc, staged: staged, nodes: make(map[ring.NodeID]*request.PlanNode)}
	p.size = c.partitionBytes(doc)
	var ids []ring.NodeID
	for _, m := range staged.Members {
		if m.Going != ring.Expelled {
			ids = append(ids, m.ID)
		}
	}
	p.reports = c.transfer.Glances(ctx, ids)
	return p.tell(), nil
}

// planning is a plan being told.
type planning struct {
	c      *Coordinator
	doc    *ring.Document
	staged *ring.Plan
	nodes  map[ring.NodeID]*request.PlanNode
	size   []int64 // bytes, by partition

	reports map[ring.NodeID]*transfer.Report // of those that answer
}

func (p *planning) tell() request.Plan {
	plan := request.Plan{Hash: p.staged.Hash, Document: p.doc.Name(), Steps: stepsOf(p.doc, p.doc.Staged)}
	for _, m := range p.staged.Members {
		p.nodes[m.ID] = &request.PlanNode{ID: m.ID, Name: m.Name, Zone: m.Zone, Weight: m.Weight, Going: m.Going}
	}
	plan.LowestReplicas, plan.LowestZones = p.doc.Replicas, p.doc.Replicas
	for i, entry := range p.doc.Layout {
		p.partition(&plan, ring.Partition(i), entry.Serving, p.staged.Sets[i]) //nolint:gosec // below 65,536
	}
	var slowest int64
	for _, m := range p.staged.Members {
		n := p.nodes[m.ID]
		if refusal := p.room(n); refusal != "" {
			plan.Refusals = append(plan.Refusals, refusal)
		}
		plan.Nodes = append(plan.Nodes, *n)
		slowest = max(slowest, n.BytesIn, n.BytesOut)
	}
	rate := int64(p.doc.Settings.TransferMiBps)
	if rate == 0 {
		rate = DefaultTransferMiBps
	}
	plan.Time = time.Duration(float64(slowest) / float64(rate<<20) * float64(time.Second))
	plan.Before = balanceOf(p.doc.Members, p.nodes, func(n *request.PlanNode) int { return n.Before })
	plan.After = balanceOf(staying(p.staged.Members), p.nodes, func(n *request.PlanNode) int { return n.After })
	plan.Survives = len(staying(p.staged.Members)) > 2
	plan.Warnings = p.warnings(plan)
	return plan
}

// partition enters what becomes of one partition.
func (p *planning) partition(plan *request.Plan, at ring.Partition, before, after []ring.NodeID) {
	for _, id := range before {
		p.nodes[id].Before++
	}
	moves := 0
	size := p.size[at]
	for _, id := range after {
		n := p.nodes[id]
		if n.After++; slices.Contains(before, id) {
			continue
		}
		n.Gains++
		n.BytesIn += size
		moves++
		if from := p.source(before); from != nil {
			from.BytesOut += size
		}
	}
	for _, id := range before {
		if !slices.Contains(after, id) {
			p.nodes[id].Loses++
		}
	}
	if moves == 0 {
		return
	}
	plan.Partitions++
	plan.Moves += moves
	plan.Bytes += int64(moves) * size
	for _, set := range [][]ring.NodeID{before, after} {
		up := slices.DeleteFunc(slices.Clone(set), func(id ring.NodeID) bool { return !p.c.health.Up(id) })
		zones := make(map[string]bool)
		for _, id := range up {
			zone := p.nodes[id].Zone
			if zone == "" {
				zone = id.String()
			}
			zones[zone] = true
		}
		plan.LowestReplicas, plan.LowestZones = min(plan.LowestReplicas, len(up)), min(plan.LowestZones, len(zones))
	}
}

// source is who hands a partition over first.
func (p *planning) source(before []ring.NodeID) *request.PlanNode {
	for _, id := range before {
		if p.c.health.Up(id) {
			return p.nodes[id]
		}
	}
	return nil
}

// room enters how much is free on a node's disk, and says why that is too little for
// what the node takes in: it would refuse puts before it had all. What it hands over is
// no help, for that goes last.
func (p *planning) room(n *request.PlanNode) string {
	r := p.reports[n.ID]
	if r == nil || !r.Space.Known {
		return ""
	}
	n.Free, n.Mark = r.Space.Free, r.Space.Mark
	lacks := n.BytesIn + n.Mark - n.Free
	if n.Gains == 0 || lacks <= 0 {
		return ""
	}
	return fmt.Sprintf("%s lacks %s: it would take in about %s, has %s free, and refuses puts below %s",
		n.Name, request.Size(lacks), request.Size(n.BytesIn), request.Size(n.Free), request.Size(n.Mark))
}

// balanceOf tells how far members are from their share by weight.
func balanceOf(members []ring.Member, nodes map[ring.NodeID]*request.PlanNode, held func(*request.PlanNode) int) request.Balance {
	weight, total := 0, 0
	for _, m := range members {
		weight += m.Weight
		total += held(nodes[m.ID])
	}
	var b request.Balance
	for i, m := range members {
		off := float64(held(nodes[m.ID])) - float64(total)*float64(m.Weight)/float64(max(weight, 1))
		if i == 0 {
			b = request.Balance{Low: off, High: off}
		}
		b.Low, b.High = min(b.Low, off), max(b.High, off)
	}
	return b
}

func staying(members []ring.Member) []ring.Member {
	return slices.DeleteFunc(slices.Clone(members), func(m ring.Member) bool { return m.Going != "" })
}

// warnings say what an operator should know and may have overlooked.
func (p *planning) warnings(plan request.Plan) []string {
	var told []string
	tell := func(format string, args ...any) { told = append(told, fmt.Sprintf(format, args...)) }
	for _, m := range p.staged.Members {
		if !p.doc.IsMember(m.ID) {
			continue
		}
		switch up := p.c.health.Up(m.ID); {
		case m.Going == ring.Leaves && !up:
			tell("%s does not answer and cannot hand over: the change waits for it; expel it if it is dead", m.Name)
		case m.Going == ring.Expelled && up:
			tell("%s answers: what only it holds is lost to the cluster; let it leave instead", m.Name)
		case m.Going == ring.Expelled:
			tell("%s is refused for ever; of the hints it may keep nothing is known", m.Name)
		}
	}
	for _, n := range plan.Nodes {
		switch r := p.reports[n.ID]; {
		case n.Gains == 0:
		case r == nil:
			tell("%s does not answer: whether its disk has room for %s is not known", n.Name, request.Size(n.BytesIn))
		case !r.Space.Known:
			tell("%s cannot tell whether its disk has room for %s", n.Name, request.Size(n.BytesIn))
		}
	}
	after := len(staying(p.staged.Members))
	if after < 3 {
		tell("with %d members afterwards, nothing can be decided when one is dead", after)
	}
	if p.doc.Partitions < 8*after {
		tell("%d partitions are few for %d members: shares will be uneven", p.doc.Partitions, after)
	}
	if plan.LowestReplicas < p.doc.Replicas {
		tell("on the way some partition has %d replicas that answer, of %d", plan.LowestReplicas, p.doc.Replicas)
	}
	return told
}
