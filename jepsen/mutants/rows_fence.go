package mutants

// fenceRows break what a node does that has lost memory of partitions (R5).
func fenceRows() []Mutant {
	const pkg = "./replication"
	return []Mutant{{
		Name: "fence off",
		Rule: "who has raised less than another has committed has lost memory, and is fenced (R5)",
		File: "replication/epochs.go",
		Old:  `mine.Fenced, fenced = true, true`,
		New:  `mine.Raised = theirs.Raised`,

		Package: pkg, Run: "TestADiskRestoredFromAnOlderCopyIsFencedAndFilledAgain",
	}, {
		Name: "refill without epochs",
		Rule: "a fenced partition is filled as of the epochs of who fills it (R5)",
		File: "replication/fence/work.go",
		Old:  "	if err := w.take(id); err != nil {\n		return err",
		New:  "	if err := error(nil); err != nil {\n		return err",

		Package: pkg, Run: "TestADiskRestoredFromAnOlderCopyIsFencedAndFilledAgain",
	}, {
		Name: "unfenced with nobody to fill from",
		Rule: "at least one other primary fills a fenced partition, or a person is asked (R5)",
		File: "replication/fence/work.go",
		Old:  `if len(errs) == 0 && done == 0 {`,
		New:  `if len(errs) == 0 && done < 0 {`,

		Package: pkg, Run: "TestWithNoOtherReplicaItWaitsAndSaysSo",
	}, {
		Name: "request that finds out not handed on",
		Rule: "no request fails because its coordinator has lost memory, while a quorum of others is up (R5)",
		File: "replication/route.go",
		Old:  `if err != nil && (c.fenced(w.place.partition) || errors.Is(err, storage.ErrFenced)) {`,
		New:  `if err != nil && errors.Is(err, storage.ErrFenced) && false {`,

		Package: pkg, Run: "TestTheRequestThatFindsOutIsHandedOn",
	}, {
		Name: "own copy counted after it was fenced",
		Rule: "only who is not fenced counts as one of R (R5)",
		File: "replication/get.go",
		Old:  `if err == nil && r.ownCounts() && c.fenced(q.place.partition) {`,
		New:  `if false {`,

		Package: pkg, Run: "TestTheRequestThatFindsOutIsHandedOn",
	}, {
		Name: "raised without a survey",
		Rule: "a member finds out that it has lost memory before it raises: afterwards nobody can tell (R5)",
		File: "replication/reap/member.go",
		Old:  `storage.Epochs{Raised: p.Stand.Raised, Committed: p.Stand.Committed}`,
		New:  `storage.Epochs{}`,

		Package: pkg, Run: "TestAHintInAnOlderCopyIsSetAside",
	}, {
		Name: "fenced replica answers",
		Rule: "a fenced partition counts as down: it answers no read (R5)",
		File: "storage/read.go",
		Old:  `err = s.unfenced(before)`,
		New:  `_ = s.unfenced(before)`,

		Package: "./storage", Run: "TestAFencedPartitionIsAsGoodAsNotThere", Quick: true,
	}, {
		Name: "hints left where they were",
		Rule: "of a fenced partition the hints are set aside too (R5)",
		File: "storage/aside.go",
		Old:  `[]section{sectionObject, sectionHint} {`,
		New:  `[]section{sectionObject} {`,

		Package: "./storage", Run: "TestWhatIsSetAsideIsKeptAndItsPlaceIsEmpty", Quick: true,
	}, {
		Name: "old hash tree kept over a fencing",
		Rule: "what was set aside does not count in the hash tree",
		File: "storage/fence.go",
		Old:  `p.tree = newTree(p.tree.secret)`,
		New:  `_ = newTree(p.tree.secret)`,

		Package: "./storage", Run: "TestTheTreeIsExactAfterAFencing", Quick: true,
	}, {
		Name: "salvaged values replace what is there",
		Rule: "what is written back stands beside what the replicas hold",
		File: "replication/salvage.go",
		Old:  `Context: request.Context(nothing),`,
		New:  `Context: request.Context(nothing[:0]),`,

		Package: pkg, Run: "TestWhatOnlyARestoredNodeHadIsWrittenBack",
	}}
}
