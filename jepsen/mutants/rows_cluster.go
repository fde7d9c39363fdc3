package mutants

// clusterRows are caught by whole clusters in a bubble: what the client was told
// does not agree with what the nodes hold, whoever is to blame.
func clusterRows() []Mutant {
	const (
		pkg   = "./jepsen/lab"
		swarm = "TestSwarm"
		split = "TestBothSidesOfASplitTakeEveryWrite"
	)
	return []Mutant{{
		Name: "cluster: hint not stored",
		Rule: "a hint stands for an acknowledged copy, so what fallbacks alone took is not lost (law 1)",
		File: "storage/tx.go",
		Old:  `	if hintChanged {`,
		New:  `	if hintChanged && t.hint == nil {`,

		Package: pkg, Run: split, Env: []string{"HENGE_SEED=1"}, Want: "lost: invalid",
	}, {
		Name: "cluster: hint ended too early",
		Rule: "a hint ends when its targets hold its content, not when it might be sent (law 1)",
		File: "replication/handoff/deliver.go",
		Old:  `err := h.o.Cluster.Deliver(ctx, id, key.Bucket, key.Key, object)`,
		New:  `_, err := ctx, error(nil)`,

		Package: pkg, Run: split, Env: []string{"HENGE_SEED=1"}, Want: "lost: invalid",
	}, {
		Name: "cluster: acknowledgement before sync",
		Rule: "an acknowledged write survives the loss of power (law 1)",
		File: "storage/commit.go",
		Old:  `case <-c.synced:`,
		New:  `case <-c.applied:`,

		// In a swarm one machine at a time loses power, and the other copies hide it.
		Package: pkg, Run: "TestPowerLossKeepsWhatWasAcknowledged",
	}, {
		Name: "cluster: actor kept over a restart",
		Rule: "a dot names one write for ever (R1)",
		File: "storage/actor.go",
		Old:  `causal.Actor(mix(mix(s.options.Rand()) ^ mix(s.salt+s.draws)))`,
		New:  `causal.Actor(mix(uint64(s.nodeID)) + s.draws)`,

		Package: pkg, Run: swarm, Env: []string{"HENGE_SEED=14"}, Want: "one value a dot: invalid",
	}, {
		Name: "cluster: context ignored",
		Rule: "an acknowledged write is lost only when one that saw it replaced it (law 1)",
		File: "storage/causal/object.go",
		Old:  `!seen.Context.Covers(o.Siblings[i].Dot)`,
		New:  `!o.Context.Covers(o.Siblings[i].Dot)`,

		Package: pkg, Run: swarm, Env: []string{"HENGE_SEED=1"}, Want: "lost: invalid",
	}, {
		Name: "cluster: repair that overwrites",
		Rule: "an acknowledged write is lost only when one that saw it replaced it (law 1)",
		File: "replication/replica.go",
		Old:  `tx.SetObject(causal.Join(tx.Object(), m.object))`,
		New:  `tx.SetObject(m.object)`,

		Package: pkg, Run: swarm, Env: []string{"HENGE_SEED=1"}, Want: "lost: invalid",
	}, {
		Name: "cluster: outcome not honest",
		Rule: "a write that is said not to have happened is seen nowhere",
		File: "replication/forward.go",
		Old:  `return f.honest(f.run(p, k))`,
		New:  `return f.run(p, k)`,

		Package: pkg, Run: swarm, Env: []string{"HENGE_SEED=3"}, Want: "phantom: invalid",
	}, {
		Name: "cluster: fallbacks not asked by reads",
		Rule: "a client reads while R nodes are alive on its side (law 4)",
		File: "replication/get.go",
		Old:  `reserve: c.reserve(&q.place, q.knobs.strict, nil),`,
		New:  `reserve: nil,`,

		Package: pkg, Run: split, Env: []string{"HENGE_SEED=1"}, Want: "available: invalid",
	}}
}
