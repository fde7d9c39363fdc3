package mutants

// handoffRows break the rules for when a hint ends.
func handoffRows() []Mutant {
	const pkg = "./replication/handoff"
	return []Mutant{{
		Name: "hint ended too early: newer content",
		Rule: "what a primary says it holds is noted for this content of the hint only",
		File: "replication/handoff/note.go",
		Old:  `held == nil || held.Mark != record.Hint.Mark`,
		New:  `held == nil`,

		Package: pkg, Run: "TestAnAnswerAboutOlderContentEndsNothing",
	}, {
		Name: "hint ended too early: one target",
		Rule: "a hint ends when all its targets are noted",
		File: "replication/handoff/note.go",
		Old:  `if !slices.ContainsFunc(targets, func(id ring.NodeID) bool { return !holds(id) }) {`,
		New:  `if slices.ContainsFunc(targets, holds) {`,

		Package: pkg, Run: "TestAHintEndsOnceEachTargetHoldsIt",
	}}
}

// requestRows break what a coordinator does for a client.
func requestRows() []Mutant {
	const pkg = "./replication"
	return []Mutant{{
		Name: "duplicate answer counted twice",
		Rule: "every count is of distinct nodes that answered",
		File: "replication/round.go",
		Old:  `a.state = askOK`,
		New:  `a.state = askOK; r.tally.counts(a.in)`,

		Package: pkg, Run: "TestASilentReplicaIsReplacedAtTheCap",
	}, {
		Name: "strict puts cross from one set to the other",
		Rule: "with strict only the nodes of a set count in it (law 5)",
		File: "replication/round.go",
		Old:  `if !r.crosses || `,
		New:  `if `,

		Package: pkg, Run: "TestInAChangeOneSetStandsInForTheOther",
	}, {
		Name: "broken connection taken for a dead coordinator",
		Rule: "who coordinates is asked once more when the connection breaks",
		File: "replication/forward.go",
		Old:  `if a.again || !errors.Is(r.Err, rpc.ErrBroken) {`,
		New:  `if true {`,

		Package: pkg, Run: "TestARequestOutlivesItsConnection",
	}, {
		Name: "puts count in one set",
		Rule: "in a change a put needs W in each set (R4)",
		File: "replication/tally.go",
		Old:  `func (t tally) met() bool { return t.serving.met() && t.second.met() }`,
		New:  `func (t tally) met() bool { return t.serving.met() }`,

		Package: pkg, Run: "TestInAChangeAPutNeedsWInEachSet",
	}, {
		Name: "a fallback counts in one set",
		Rule: "a fallback is in neither set and counts once in each (R4)",
		File: "replication/placement.go",
		Old:  `		return inBoth // it stands in`,
		New:  `		return inServing`,

		Package: pkg, Run: "TestInAChangeAFallbackCountsInEachSet",
	}, {
		Name: "answer before the sync counted",
		Rule: "a replica's answer counts once it says that its disk holds the write (R2)",
		File: "replication/put.go",
		Old:  `if !a.durable && !unsynced {`,
		New:  `if false {`,

		Package: pkg, Run: "TestAcknowledgementsBeforeTheSyncDoNotCount",
	}, {
		Name: "hint not stored by its coordinator",
		Rule: "a fallback that mints keeps the object in its hint",
		File: "replication/mint.go",
		Old:  `tx.SetHint(keep(held, next, w.stands, w.knobs.need, c.store.Now(), c.rand()))`,
		New:  `_ = keep(held, next, w.stands, w.knobs.need, c.store.Now(), c.rand())`,

		Package: pkg, Run: "TestFallbacksTakeWritesThatReachThePrimariesAfterTheSplit",
	}, {
		Name: "notes kept over a join",
		Rule: "a target is noted for this content of a hint only",
		File: "replication/mint.go",
		Old:  `next.Noted, next.Mark = nil, mark`,
		New:  `next.Mark = mark`,

		Package: pkg, Run: "TestAJoinIntoAKeptHintClearsItsNotes",
	}, {
		Name: "retry mints again",
		Rule: "an operation that the object remembers mints nothing",
		File: "replication/mint.go",
		Old:  `if _, known := held.Find(w.op); known {`,
		New:  `if false {`,

		Package: pkg, Run: "TestARetryMintsNothing",
	}, {
		Name: "deadline not carried with a forwarded write",
		Rule: "nobody mints a put after its client has given up, wherever the request was held up",
		File: "replication/forward.go",
		Old:  `w.latest = min(w.latest, head.Latest)`,
		New:  `_ = head.Latest`,

		Package: pkg, Run: "TestNobodyMintsAfterTheDeadline",
	}, {
		Name: "outcome not honest",
		Rule: "none is said only when no coordinator can have begun the write",
		File: "replication/forward.go",
		Old:  `return f.honest(f.run(p, k))`,
		New:  `return f.run(p, k)`,

		Package: pkg, Run: "TestARefusalBehindASilentCoordinatorIsNoProof",
	}}
}

// replicaRows break what a node does for others.
func replicaRows() []Mutant {
	const pkg = "./replication"
	return []Mutant{{
		Name: "repair that overwrites",
		Rule: "a replica joins what it is sent into what it holds, and never replaces it",
		File: "replication/replica.go",
		Old:  `tx.SetObject(causal.Join(tx.Object(), m.object))`,
		New:  `tx.SetObject(m.object)`,

		Package: pkg, Run: "TestADeliveryNeverOverwrites",
	}, {
		Name: "fallback serves no hints",
		Rule: "a fallback shows its hint to those who read",
		File: "replication/get.go",
		Old:  `return hint.Object, true, nil`,
		New:  `return nil, true, nil`,

		Package: pkg, Run: "TestFallbacksTakeWritesThatReachThePrimariesAfterTheSplit",
	}, {
		Name: "document check left out",
		Rule: "a replica refuses a sender that missed a change of the partition (R3)",
		File: "replication/replica.go",
		Old:  `if partition.Entry.Changed > senderDocument {`,
		New:  `if false {`,

		Package: pkg, Run: "TestASenderThatMissedAChangeIsRefused",
	}, {
		Name: "document check of a read left out",
		Rule: "an answer read under another layout than the asker's does not count (R3)",
		File: "replication/replica.go",
		Old:  `if entry := c.agent.Document().Entry(partition); entry.Changed > req.Document {`,
		New:  `if false {`,

		Package: pkg, Run: "TestASenderThatMissedAChangeIsRefused",
	}, {
		Name: "second set mints in a hint",
		Rule: "in a set of the partition nobody mints from a hint (R1)",
		File: "replication/mint.go",
		Old:  `if tx.Partition().Entry.Takes(c.self) {`,
		New:  `if false {`,

		Package: pkg, Run: "TestInAChangeBothSetsTakeJoinsAndOneMints",
	}, {
		Name: "joins refused by newcomers",
		Rule: "each set that puts count in takes joins (R4)",
		File: "replication/replica.go",
		Old:  `primary := partition.Entry.Takes(c.self)`,
		New:  `primary := c.agent.Document().IsPrimary(partition.Partition, c.self)`,

		Package: pkg, Run: "TestInAChangeBothSetsTakeJoinsAndOneMints",
	}}
}
