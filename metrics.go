package henge

import (
	"cmp"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hengedb/henge/replication/request"
	"github.com/hengedb/henge/ring"
)

// collector shows a node's counters to Prometheus when it asks; nothing is counted
// twice for it.
type collector struct{ n *Node }

var _ prometheus.Collector = collector{}

// metric is one row of what a node shows.
type metric struct {
	name, help string
	kind       prometheus.ValueType
	read       func(*Node) float64
}

// Describe sends nothing: what is shown depends on the members, which change.
func (collector) Describe(chan<- *prometheus.Desc) {}

// Collect reads everything once.
func (c collector) Collect(out chan<- prometheus.Metric) {
	for _, m := range metrics() {
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc("henge_"+m.name, m.help, nil, nil), m.kind, m.read(c.n))
	}
	c.collectMembers(out)
	c.collectPhases(out)
	c.collectGovernor(out)
	c.collectStore(out)
}

// collectGovernor shows how the budget of background work stands.
func (c collector) collectGovernor(out chan<- prometheus.Metric) {
	send := func(kind prometheus.ValueType, name, help, label, of string, value float64) {
		desc := prometheus.NewDesc("henge_governor_"+name, help, []string{label}, nil)
		out <- prometheus.MustNewConstMetric(desc, kind, value, of)
	}
	count, gauge := prometheus.CounterValue, prometheus.GaugeValue
	s := c.n.keys.GovernorStatus()
	for _, r := range s.Requests {
		send(gauge, "normal_seconds", "The usual 99th percentile of requests, by verb.", "verb", r.Verb, r.Normal.Seconds())
		send(gauge, "recent_seconds", "The 99th percentile of requests in the last window, by verb.", "verb", r.Verb, r.Recent.Seconds())
	}
	for _, class := range s.Classes {
		send(count, "bytes_total", "Bytes of background work, by class.", "class", class.Class, float64(class.Bytes))
		send(count, "waits_total", "Pieces of background work that waited for the budget, by class.", "class", class.Class, float64(class.Waits))
		send(gauge, "paused", "1 when a class of background work is paused.", "class", class.Class, truth(class.Paused))
	}
}

// collectPhases shows how far a layout change is. Without one all partitions are steady.
func (c collector) collectPhases(out chan<- prometheus.Metric) {
	desc := prometheus.NewDesc("henge_change_partitions", "Partitions by their phase of the layout change in flight.", []string{"phase"}, nil)
	doc := c.n.agent.Document()
	if doc == nil {
		return
	}
	held := make(map[ring.Phase]int)
	for _, e := range doc.Layout {
		held[e.Phase]++
	}
	for _, phase := range request.Phases() {
		name := cmp.Or(string(phase), "steady")
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(held[phase]), name)
	}
}

// collectMembers shows who is up as seen from here, and what is owed to whom.
func (c collector) collectMembers(out chan<- prometheus.Metric) {
	up := prometheus.NewDesc("henge_member_up", "1 when this node believes the member to answer.", []string{"id", "name"}, nil)
	owed := prometheus.NewDesc("henge_hints_owed", "Hints this node keeps for the member.", []string{"id", "name"}, nil)
	doc := c.n.agent.Document()
	if doc == nil {
		return
	}
	stats := c.n.store.HintStats()
	for _, m := range doc.Members {
		labels := []string{m.ID.String(), m.Name}
		out <- prometheus.MustNewConstMetric(up, prometheus.GaugeValue, truth(c.n.keys.Up(m.ID)), labels...)
		out <- prometheus.MustNewConstMetric(owed, prometheus.GaugeValue, float64(stats.ByTarget[m.ID]), labels...)
	}
}

func truth(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

// metrics lists what a node shows of itself.
func metrics() []metric {
	count, gauge := prometheus.CounterValue, prometheus.GaugeValue
	return []metric{
		{"ready", "1 when the node serves.", gauge, func(n *Node) float64 { return truth(n.keys.Ready() == nil) }},
		{"document_version", "Version of the cluster document held.", gauge, func(n *Node) float64 { return float64(n.documentVersion()) }},
		{"alarm", "1 when a person must look: see the status.", gauge, func(n *Node) float64 { return truth(n.agent.Alarm() != "" || n.store.Failed() != nil) }},
		{"clock_ahead_seconds", "How far this node's clock is ahead of the median of its peers'.", gauge, func(n *Node) float64 { return n.keys.ClockAhead().Seconds() }},
		{"messages_total", "Joins and reads sent to other nodes.", count, func(n *Node) float64 { return float64(n.keys.Counters().Messages.Load()) }},
		{"forwards_total", "Requests handed on to a replica.", count, func(n *Node) float64 { return float64(n.keys.Counters().Forwards.Load()) }},
		{"slow_requests_total", "Requests over 50 ms.", count, func(n *Node) float64 { return float64(n.keys.Counters().Slow.Load()) }},
		{"silent_total", "Nodes that were silent beyond the cap.", count, func(n *Node) float64 { return float64(n.keys.Counters().Silent.Load()) }},
		{"dirty_total", "Writes that a live replica was too slow for.", count, func(n *Node) float64 { return float64(n.keys.Counters().Dirty.Load()) }},
		{"read_repairs_total", "Copies that read repair brought up to date.", count, func(n *Node) float64 { return float64(n.keys.Counters().Repairs.Load()) }},
		{"read_repairs_failed_total", "Read repairs that failed.", count, func(n *Node) float64 { return float64(n.keys.Counters().RepairsFailed.Load()) }},
		{"overloads_total", "Requests refused because too many were at work.", count, func(n *Node) float64 { return float64(n.keys.Counters().Overloads.Load()) }},
		{"quorums_lost_total", "Requests that fewer nodes answered than needed.", count, func(n *Node) float64 { return float64(n.keys.Counters().QuorumsLost.Load()) }},
		{"governor_factor", "Part of the budget that background work is given: below 1 while requests are slow.", gauge, func(n *Node) float64 { return n.keys.Governor().Stats().Factor }},
		{"governor_budget_bytes", "Bytes a second that background work may move, uncut.", gauge, func(n *Node) float64 { return n.keys.Governor().Stats().Budget }},
		{"hints", "Keys hinted on this node.", gauge, func(n *Node) float64 { return float64(n.store.HintStats().Count) }},
		{"hint_oldest_seconds", "Age of the oldest hint.", gauge, func(n *Node) float64 { return n.oldestHintSeconds() }},
		{"hints_delivered_total", "Hinted copies that a primary acknowledged.", count, func(n *Node) float64 { return float64(n.keys.Handoff().Stats().Delivered) }},
		{"hints_failed_total", "Hint deliveries that failed; they are tried again.", count, func(n *Node) float64 { return float64(n.keys.Handoff().Stats().Failed) }},
		{"hints_ended_total", "Hints that ended.", count, func(n *Node) float64 { return float64(n.keys.Handoff().Stats().Ended) }},
		{"hints_refused_total", "Hints that could not be kept.", count, func(n *Node) float64 { return float64(n.keys.Counters().HintsRefused.Load()) }},
		{"transfer_in_bytes_total", "Bytes taken in layout changes.", count, func(n *Node) float64 { return float64(n.keys.Transfer().Stats().BytesIn) }},
		{"transfer_out_bytes_total", "Bytes sent in layout changes.", count, func(n *Node) float64 { return float64(n.keys.Transfer().Stats().BytesOut) }},
		{"transfer_pieces_total", "Pieces taken in layout changes.", count, func(n *Node) float64 { return float64(n.keys.Transfer().Stats().Pieces) }},
		{"transfer_resumed_total", "Copies of partitions that went on after a restart.", count, func(n *Node) float64 { return float64(n.keys.Transfer().Stats().Resumed) }},
		{"transfer_bad_checksums_total", "Pieces asked for again because their checksum did not match.", count, func(n *Node) float64 { return float64(n.keys.Transfer().Stats().BadChecksums) }},
		{"transfer_pushed_total", "Objects that an owner lacked and a former one sent.", count, func(n *Node) float64 { return float64(n.keys.Transfer().Stats().Pushed) }},
		{"transfer_dropped_total", "Partitions deleted by a former owner.", count, func(n *Node) float64 { return float64(n.keys.Transfer().Stats().Dropped) }},
		{"transfer_failed_total", "Transfers given up for a while.", count, func(n *Node) float64 { return float64(n.keys.Transfer().Stats().Failed) }},
		{"deleted_keys", "Keys here that are deleted, or expire some day.", gauge, func(n *Node) float64 { return float64(n.keys.Reap().Report().Mortal) }},
		{"wide_contexts", "Keys here whose context names more writes than they hold.", gauge, func(n *Node) float64 { return float64(n.keys.Reap().Report().Wide) }},
		{"reap_rounds_total", "Rounds of reaping that this node led to their end, by partition.", count, func(n *Node) float64 { return float64(n.keys.Reap().Report().Rounds) }},
		{"reap_rounds_ended_total", "Rounds of reaping that ended early: some member could not take part.", count, func(n *Node) float64 { return float64(n.keys.Reap().Report().Ended) }},
		{"reaped_keys_total", "Deleted keys that were removed for good.", count, func(n *Node) float64 { return float64(n.keys.Reap().Report().Reaped) }},
		{"narrowed_contexts_total", "Contexts rewritten to what their keys hold.", count, func(n *Node) float64 { return float64(n.keys.Reap().Report().Narrowed) }},
		{"fenced_partitions", "Partitions of which this node has lost memory, until they are filled again.", gauge, func(n *Node) float64 { return float64(len(n.store.Fenced())) }},
		{"fenced_total", "Partitions that were fenced.", count, func(n *Node) float64 { return float64(n.keys.Counters().Fenced.Load()) }},
		{"set_aside_total", "Objects and hints set aside from fenced partitions.", count, func(n *Node) float64 { return float64(n.keys.Fence().Stats().Aside) }},
		{"refilled_total", "Objects that fenced partitions were filled with.", count, func(n *Node) float64 { return float64(n.keys.Fence().Stats().Refilled) }},
		{"unfenced_total", "Partitions that were filled again and serve.", count, func(n *Node) float64 { return float64(n.keys.Fence().Stats().Unfenced) }},
		{"set_aside_objects", "Objects and hints that are kept aside until a person discards them.", gauge, func(n *Node) float64 { return n.keptAside() }},
		{"exchange_total", "Comparisons of a partition with another replica.", count, func(n *Node) float64 { return float64(n.keys.Exchange().Stats().Exchanges) }},
		{"exchange_equal_total", "Comparisons that ended with equal roots.", count, func(n *Node) float64 { return float64(n.keys.Exchange().Stats().Equal) }},
		{"exchange_unknown_total", "Comparisons left because a hash tree was being built.", count, func(n *Node) float64 { return float64(n.keys.Exchange().Stats().Unknown) }},
		{"exchange_failed_total", "Comparisons given up; others are made.", count, func(n *Node) float64 { return float64(n.keys.Exchange().Stats().Failed) }},
		{"exchange_messages_total", "Messages sent to compare, and objects sent.", count, func(n *Node) float64 { return float64(n.keys.Exchange().Stats().Messages) }},
		{"exchange_out_bytes_total", "Bytes sent in exchanges that this node began.", count, func(n *Node) float64 { return float64(n.keys.Exchange().Stats().BytesOut) }},
		{"exchange_in_bytes_total", "Bytes taken in exchanges that this node began.", count, func(n *Node) float64 { return float64(n.keys.Exchange().Stats().BytesIn) }},
		{"exchange_segments_total", "Segments whose leaves differed, or that the ledger named.", count, func(n *Node) float64 { return float64(n.keys.Exchange().Stats().Segments) }},
		{"exchange_keys_total", "Keys compared by their digests.", count, func(n *Node) float64 { return float64(n.keys.Exchange().Stats().Keys) }},
		{"exchange_pulled_total", "Objects that this node lacked and another replica had.", count, func(n *Node) float64 { return float64(n.keys.Exchange().Stats().Pulled) }},
		{"exchange_pushed_total", "Objects that another replica lacked and this node sent.", count, func(n *Node) float64 { return float64(n.keys.Exchange().Stats().Pushed) }},
		{"exchange_dirty_segments", "Segments in which replicas are known to have missed writes.", gauge, func(n *Node) float64 { return float64(n.keys.Exchange().Stats().Dirty) }},
		{"exchange_dirty_oldest_seconds", "Age of the oldest of them.", gauge, func(n *Node) float64 { return n.oldestDirtySeconds() }},
		{"exchange_trees_built_total", "Hash trees built.", count, func(n *Node) float64 { return float64(n.keys.Exchange().Stats().Trees) }},
		{"exchange_trees_unknown", "Partitions held whose hash tree is not built yet.", gauge, func(n *Node) float64 { return n.unknownTrees() }},
		{"exchange_wrong_leaves_total", "Leaves of hash trees that a rebuild found other than the objects on disk.", count, func(n *Node) float64 { return float64(n.store.Counters().WrongLeaves) }},
		{"sweep_objects_total", "Objects of dropped buckets that were removed.", count, func(n *Node) float64 { return float64(n.keys.Swept().Objects) }},
		{"sweep_hints_total", "Hints of dropped buckets that were let go.", count, func(n *Node) float64 { return float64(n.keys.Swept().Hints) }},
		{"sweep_running", "1 while what is left of dropped buckets is removed.", gauge, func(n *Node) float64 { return truth(n.keys.Swept().Running) }},
		{"sweep_part", "Part of the ring that the present sweep has looked at.", gauge, func(n *Node) float64 { return n.keys.Swept().Part }},
		{"store_reads_total", "Lookups in the store, those of writes included.", count, func(n *Node) float64 { return float64(n.store.Counters().Reads) }},
		{"store_writes_total", "Batches of objects and hints committed to the store.", count, func(n *Node) float64 { return float64(n.store.Counters().Writes) }},
		{"store_refused_total", "Writes refused because the disk is short of room.", count, func(n *Node) float64 { return float64(n.store.Counters().Refused) }},
		{"store_stalls_total", "Times that writes were held up by flushes or compactions.", count, func(n *Node) float64 { return float64(n.store.Counters().Stalls) }},
		{"store_barriers_total", "Syncs that only proved what was written before.", count, func(n *Node) float64 { return float64(n.store.Counters().Barriers) }},
		{"store_corruptions_total", "Corrupt blocks met.", count, func(n *Node) float64 { return float64(n.store.Counters().Corruptions) }},
		{"store_space_free_bytes", "Free space of the disk, as of the last look.", gauge, func(n *Node) float64 { return float64(n.store.Space().Free) }},
		{"store_space_level", "0 when there is room; 1 when client puts are refused, 2 when only what frees room is written.", gauge, func(n *Node) float64 { return float64(n.store.Space().Level) }},
		{"store_failed", "1 when the disk failed and the process must be started again.", gauge, func(n *Node) float64 { return truth(n.store.Failed() != nil) }},
		{"heal_damages", "Damaged tables and values that are not rebuilt yet.", gauge, func(n *Node) float64 { return float64(n.keys.Heal().Stats().Damages) }},
		{"heal_tables_total", "Damaged tables and values that were rebuilt from the other replicas.", count, func(n *Node) float64 { return float64(n.keys.Heal().Stats().Tables) }},
		{"heal_objects_total", "Objects written anew with them.", count, func(n *Node) float64 { return float64(n.keys.Heal().Stats().Objects) }},
		{"heal_fetched_total", "Objects of them that could not be read here.", count, func(n *Node) float64 { return float64(n.keys.Heal().Stats().Fetched) }},
		{"heal_failed_total", "Attempts to rebuild that failed; others are made.", count, func(n *Node) float64 { return float64(n.keys.Heal().Stats().Failed) }},
		{"actor_alarms_total", "Mints that found their own actor covered: memory was lost.", count, func(n *Node) float64 { return float64(n.store.Counters().ActorAlarms) }},
	}
}

func (n *Node) oldestHintSeconds() float64 {
	oldest, ok := n.keys.Handoff().Oldest()
	if !ok {
		return 0
	}
	return max(0, n.store.Now().Time().Sub(oldest.Time()).Seconds())
}

func (n *Node) oldestDirtySeconds() float64 {
	oldest := n.keys.Exchange().Stats().DirtyOldest
	if oldest.IsZero() {
		return 0
	}
	return max(0, n.o.Seams.Clock.Now().Sub(oldest).Seconds())
}

// keptAside counts what is set aside; where it cannot be read the store tells why.
func (n *Node) keptAside() float64 {
	sets, err := n.store.Asides()
	if err != nil {
		return 0
	}
	kept := int64(0)
	for _, set := range sets {
		kept += set.Objects + set.Hints
	}
	return float64(kept)
}

func (n *Node) unknownTrees() float64 {
	s := n.store.TreeStats()
	return float64(s.Held - s.Known)
}
