package mutants

// exchangeRows break the hash trees, what is shipped where they differ, and the dirty
// ledger.
func exchangeRows() []Mutant {
	const (
		trees = "TestTreesAreAsTheObjectsAtAnyMoment"
		pkg   = "./replication/exchange"
		both  = "TestOneExchangeMakesBothSidesEqual"
	)
	return []Mutant{{
		Name: "tree keeps what was replaced",
		Rule: "a leaf is the sum of what its segment holds now",
		File: "storage/tree.go",
		Old:  `t.add(i, t.leafOf(k, now).minus(t.leafOf(k, old)))`,
		New:  `t.add(i, t.leafOf(k, now))`,

		Package: "./storage", Run: trees,
	}, {
		Name: "tree forgets what changed while it was built",
		Rule: "a leaf is the scan and what changed since its snapshot",
		File: "storage/treebuild.go",
		Old:  `t.add(segment, scanned[i].minus(copied[i]))`,
		New:  `t.add(segment, scanned[i].minus(t.leaf(segment)))`,

		Package: "./storage", Run: trees,
	}, {
		Name: "tree outlives its partition",
		Rule: "a partition that is won again is another holding, and its tree is built anew",
		File: "storage/tree.go",
		Old:  `case !held:`,
		New:  `case !held && (old == nil || old.tree == nil):`,

		Package: "./storage", Run: "TestATreeIsNotKnownBeforeItIsBuilt",
	}, {
		Name: "exchange only takes",
		Rule: "what differs is shipped both ways",
		File: "replication/exchange/merge.go",
		Old:  `m.push = append(m.push, a.key)`,
		New:  `m.push = append(m.push[:0:0], m.push...)`,

		Package: pkg, Run: both,
	}, {
		Name: "exchange compares keys only",
		Rule: "replicas are equal when they know the same of each key",
		File: "replication/exchange/merge.go",
		Old:  `case order > 0 || a.digest != b.digest:`,
		New:  `case order > 0:`,

		Package: pkg, Run: both,
	}, {
		Name: "exchange does not send the join back",
		Rule: "of two concurrent states each side gets the other's",
		File: "replication/exchange/merge.go",
		Old:  `if whole != nil {`,
		New:  `if whole != nil && whole == o {`,

		Package: pkg, Run: both,
	}, {
		Name: "exchange by an old document answered",
		Rule: "who lost the partition refuses (R3)",
		File: "replication/exchange/serve.go",
		Old:  `!slices.Contains(e.Serving, x.self) || e.Changed > document`,
		New:  `!slices.Contains(e.Serving, x.self) && e.Changed > document+1<<40`,

		Package: pkg, Run: "TestWhoServesAPartitionNoMoreRefuses",
	}, {
		Name: "tree that is being built is equal",
		Rule: "an unfinished tree says unknown, never equal",
		File: "replication/exchange/serve.go",
		Old:  `return encodeRoot(verdictUnknown, nil), nil`,
		New:  `return encodeRoot(verdictEqual, nil), nil`,

		Package: pkg, Run: "TestATreeThatIsBeingBuiltSaysNothing",
	}, {
		Name: "exchange says equal without a sync",
		Rule: "saying is syncing (R2)",
		File: "replication/exchange/serve.go",
		Old:  `return encodeRoot(verdictEqual, nil), x.o.Store.Barrier(ctx)`,
		New:  `return encodeRoot(verdictEqual, nil), nil`,

		Package: pkg, Run: "TestEqualIsSaidAfterASync",
	}, {
		Name: "ledger forgets what failed",
		Rule: "an entry stays until its replica holds what it missed",
		File: "replication/exchange/schedule.go",
		Old:  `x.ledger.giveBack(p, e, x.o.Clock.Now())`,
		New:  `_ = e`,

		Package: pkg, Run: "TestALedgerEntryIsTriedAgainAndLessOften",
	}, {
		Name: "tree leaves out what a force renewed",
		Rule: "hashes are of what stored objects mean, which a bucket of the losing side changes",
		File: "storage/tree.go",
		Old:  `case old != nil && old.tree != nil && !renewed:`,
		New:  `case old != nil && old.tree != nil:`,

		Package: "./storage", Run: "TestATreeIsBuiltAnewWhenStoredObjectsMeanSomethingElse",
	}, {
		Name: "exchange not soon with who is back",
		Rule: "what a node missed while it was away comes soon",
		File: "replication/exchange/schedule.go",
		Old:  `t.back = append(t.back, id)`,
		New:  `continue`,

		Package: pkg, Run: "TestANodeThatIsBackIsComparedSoon",
	}, {
		Name: "ledger without the slow",
		Rule: "a live primary that was too slow is entered in the dirty ledger",
		File: "replication/put.go",
		Old:  `c.exchange.Dirty(w.key.stored(), a.node)`,
		New:  `_ = a.node`,

		Package: "./replication", Run: "TestWhatASlowPrimaryMissedIsShippedFirst",
	}, {
		Name: "ledger without refused hints",
		Rule: "a primary that nobody took the hint for is entered in the dirty ledger",
		File: "replication/put.go",
		Old:  `c.exchange.Dirty(w.key.stored(), target)`,
		New:  `_ = target`,

		Package: "./replication", Run: "TestWhatNobodyTookAHintForIsShippedOnceThePrimaryIsBack",
	}}
}
