package mutants

// causalRows break what contexts, operations and the join are for.
func causalRows() []Mutant {
	return []Mutant{{
		Name: "context ignored",
		Rule: "a write replaces exactly what its writer saw, not what its coordinator happens to hold",
		File: "storage/causal/object.go",
		Old:  `!seen.Context.Covers(o.Siblings[i].Dot)`,
		New:  `!o.Context.Covers(o.Siblings[i].Dot)`,

		Package: "./storage/causal", Run: "TestObjectsAgreeWithFullHistories", Quick: true,
	}, {
		Name: "join drops a concurrent sibling",
		Rule: "the join lets go only of what the other side has seen",
		File: "storage/causal/join.go",
		Old:  `if lww || !a.Context.Covers(b.Siblings[j].Dot) {`,
		New:  `if lww {`,

		Package: "./storage/causal", Run: "TestTheJoinIsASemilattice",
	}, {
		Name: "operations left out of the token",
		Rule: "a context carries the operations behind what was read, so that one minted twice is known again",
		File: "storage/causal/token.go",
		Old:  `return Seen{o.Context, joinOps(ops, nil)}`,
		New:  `return Seen{o.Context, joinOps(nil, nil)}`,

		Package: "./storage/causal", Run: "TestAnOperationMintedTwiceIsReplacedByWhoSawOneOfIt",
	}}
}

// storageRows break what the store promises about the disk (R2) and its actors (R1).
func storageRows() []Mutant {
	const pkg = "./storage"
	return []Mutant{{
		Name: "acknowledgement before sync",
		Rule: "nothing is promised before the sync that covers it (R2)",
		File: "storage/commit.go",
		Old:  `case <-c.synced:`,
		New:  `case <-c.applied:`,

		Package: pkg, Run: "TestACrashLosesNothingThatWasPromised",
	}, {
		Name: "barrier left out",
		Rule: "who vouches for what it read, and did not write, waits for a sync of the log first (R2)",
		File: "storage/commit.go",
		Old:  `return c.store.Barrier(ctx)`,
		New:  `return nil`,

		Package: pkg, Run: "TestAWriteThatChangesNothingIsABarrier",
	}, {
		Name: "barrier joined after it began",
		Rule: "a barrier vouches only for what was read before its sync began (R2)",
		File: "storage/barrier.go",
		Old:  `	s.barriers.next = nil`,
		New:  `	_ = s.barriers.next`,

		Package: pkg, Run: "TestABarrierThatBeganBeforeVouchesForNothing",
	}, {
		Name: "failed mark not read after the wait",
		Rule: "Pebble reports a failed commit as done, so who acknowledges one reads the failed mark first",
		File: "storage/commit.go",
		Old: `	if err := c.store.fault.err(); err != nil {
		return err
	}
	return c.syncErr`,
		New: `	return c.syncErr`,

		Package: pkg, Run: "TestAFailedDiskAcknowledgesNothingAndEndsNothing",
	}, {
		Name: "actor kept over a restart",
		Rule: "an actor ends with the process that drew it: its counter lived in memory (R1)",
		File: "storage/actor.go",
		Old:  `causal.Actor(mix(mix(s.options.Rand()) ^ mix(s.salt+s.draws)))`,
		New:  `causal.Actor(mix(uint64(s.nodeID)) + s.draws)`,

		Package: pkg, Run: "TestAnActorIsOnePartitionsAndOneStarts",
	}, {
		Name: "actor kept by who forgot",
		Rule: "an actor ends when its holder lacks what it once knew (R1)",
		File: "storage/tx.go",
		Old:  `return !now.Context.Includes(old.Context)`,
		New:  `return false`,

		Package: pkg, Run: "TestAnActorEndsWhenItsPartitionForgets",
	}, {
		Name: "known dot minted again",
		Rule: "a mint that finds its dot covered already takes a new actor (R1)",
		File: "storage/tx.go",
		Old:  `if saw.Covers(dot) || object != nil && object.Context.Covers(dot) {`,
		New:  `if false {`,

		Package: pkg, Run: "TestAKnownDotIsAnAlarmAndANewActor",
	}, {
		Name: "clock used ahead of its bound",
		Rule: "the hybrid clock's bound is on disk before a stamp below it is given",
		File: "storage/hybrid.go",
		Old: `	if err := s.putNumber(ctx, metaClock, uint64(bound)); err != nil {
		return err
	}
	s.hybrid.Extend(bound)
	return nil`,
		New: `	s.hybrid.Extend(bound)
	return s.putNumber(ctx, metaClock, uint64(bound))`,

		Package: pkg, Run: "TestTheClocksBoundIsOnDiskBeforeItIsUsed",
	}}
}

// agreeRows break single-decree Paxos.
func agreeRows() []Mutant {
	const pkg = "./replication/agree"
	return []Mutant{{
		Name: "promise forgotten",
		Rule: "an acceptor that promised a ballot takes part in no lower one",
		File: "replication/agree/acceptor.go",
		Old:  `	a.Promised = b`,
		New:  `	_ = b`,

		Package: pkg, Run: "TestInstanceUnderFaults", Quick: true,
	}, {
		Name: "vote told before it is saved",
		Rule: "promises and acceptances are synced before they are answered",
		File: "replication/agree/handle.go",
		Old:  `	if save {`,
		New:  `	if save && a.log == nil {`,

		Package: pkg, Run: "TestNothingIsSaidThatIsNotSaved",
	}}
}
