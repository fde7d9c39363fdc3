package replication

import (
	"context"
	"slices"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/replication/sweep"
	"github.com/hengedb/henge/ring"
)

// Status tells the cluster as this node sees it. It asks nobody.
func (c *Coordinator) Status(context.Context) request.Status {
	s := request.Status{Node: c.self, Name: c.name, Version: c.version}
	if err := c.Ready(); err != nil {
		s.Waiting = err.Error()
	} else {
		s.Ready = true
	}
	s.Hints, s.Dirty = c.hintStatus(), c.dirtyStatus()
	governor := c.GovernorStatus()
	s.Governor = &governor
	deletes := c.deletes()
	s.Deletes = &deletes
	if alarm := c.agent.Alarm(); alarm != "" {
		s.Alarms = append(s.Alarms, alarm)
	}
	s.Alarms = append(s.Alarms, c.diskAlarms()...)
	doc := c.agent.Document()
	if doc == nil {
		return s
	}
	s.Alarms = append(s.Alarms, c.wiped(doc)...)
	s.Alarms = append(s.Alarms, c.skew.Alarms()...)
	s.Alarms = append(s.Alarms, c.fencedAlarms(doc)...)
	var err error
	if s.SetAside, err = c.setAside(); err != nil {
		s.Alarms = append(s.Alarms, "what is set aside cannot be counted: "+err.Error())
	}
	s.Cluster, s.Document, s.Replicas, s.Parts = doc.Cluster, doc.Name(), doc.Replicas, doc.Partitions
	s.Changing, s.Forced, s.Aside, s.Kept = doc.Change != nil, doc.Forced, c.agent.Aside(), c.forsaken.of(doc)
	held := make(map[ring.NodeID]int, len(doc.Members))
	for _, entry := range doc.Layout {
		for _, id := range entry.Serving {
			held[id]++
		}
	}
	for _, m := range doc.Members {
		s.Members = append(s.Members, c.memberStatus(doc, m, held[m.ID]))
	}
	for _, b := range doc.Buckets {
		s.Buckets = append(s.Buckets, b.Name)
	}
	return s
}

// memberStatus prefers what gossip tells about addresses: a member may have moved
// since the document was decided.
func (c *Coordinator) memberStatus(doc *ring.Document, m ring.Member, partitions int) request.MemberStatus {
	status := request.MemberStatus{
		ID: m.ID, Name: m.Name, Zone: m.Zone, Weight: m.Weight, HTTP: m.HTTP, RPC: m.RPC,
		Health: c.healthWord(m.ID), Partitions: partitions, Going: m.Going,
	}
	if m.ID == c.self {
		status.Document = doc.Name()
	}
	for _, p := range c.members.Peers() {
		if p.ID == m.ID {
			status.HTTP, status.RPC = p.HTTP, p.RPC
			if m.ID != c.self {
				status.Document = p.Doc
			}
		}
	}
	if status.Health != healthUp {
		status.Reason = c.health.Node(m.ID).Reason
	}
	return status
}

// The words for a node's health.
const (
	healthUp      = "up"
	healthDown    = "down"
	healthLeaving = "leaving"
)

func (c *Coordinator) healthWord(id ring.NodeID) string {
	switch {
	case c.health.Up(id):
		return healthUp
	case c.health.Node(id).Peer.Leaving:
		return healthLeaving
	}
	return healthDown
}

// deletes tells how far the removal of what is deleted is here.
func (c *Coordinator) deletes() request.Deletes {
	r := c.reap.Report()
	d := request.Deletes{Keys: r.Mortal, Wide: r.Wide, Reaped: r.Reaped, Narrowed: r.Narrowed, Waiting: r.Waiting}
	if !r.Oldest.IsZero() {
		d.Oldest = max(0, c.clock.Now().Sub(r.Oldest))
	}
	return d
}

// hintStatus tells what this node owes, and to whom.
func (c *Coordinator) hintStatus() request.HintStatus {
	stats := c.store.HintStats()
	status := request.HintStatus{Count: stats.Count}
	if oldest, ok := c.handoff.Oldest(); ok {
		status.Oldest = c.age(oldest)
	}
	doc := c.agent.Document()
	for _, id := range sortedIDs(stats.ByTarget) {
		target := request.HintTarget{Node: id, Count: stats.ByTarget[id]}
		if doc != nil {
			target.Name = nameOf(doc, id)
		}
		status.Targets = append(status.Targets, target)
	}
	return status
}

// Layout tells which members hold which partition, for clients that choose whom to
// ask. It is zero while no document is held.
func (c *Coordinator) Layout() request.Layout {
	return c.layout(c.agent.Document())
}

func (c *Coordinator) layout(doc *ring.Document) request.Layout {
	if doc == nil {
		return request.Layout{}
	}
	l := request.Layout{Document: doc.Name(), Partitions: doc.Partitions}
	index := make(map[ring.NodeID]int, len(doc.Members))
	for i, m := range doc.Members {
		index[m.ID] = i
		status := c.memberStatus(doc, m, 0)
		l.Nodes = append(l.Nodes, request.LayoutNode{ID: m.ID, Name: m.Name, HTTP: status.HTTP, Up: status.Health == healthUp})
	}
	for _, entry := range doc.Layout {
		row := make([]int, len(entry.Serving))
		for i, id := range entry.Serving {
			row[i] = index[id]
		}
		l.Replicas = append(l.Replicas, slices.Clip(row))
	}
	for _, p := range c.members.Peers() {
		if slices.Contains(doc.Left, p.ID) {
			l.Left = append(l.Left, p.Name)
		}
	}
	l.Staged, l.Change = stepsOf(doc, doc.Staged), changeOf(doc)
	return l
}

// Swept tells what was removed of dropped buckets.
func (c *Coordinator) Swept() sweep.Stats { return c.sweep.Stats() }
