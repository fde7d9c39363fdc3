package mutants

// healRows break the rebuilding of what a disk has damaged, and the patience with a full
// one.
func healRows() []Mutant {
	const (
		pkg   = "./replication/heal"
		disks = "./storage"
	)
	return []Mutant{{
		Name: "damage rebuilt from nobody",
		Rule: "with no other primary up nothing is deleted, and it is reported",
		File: "replication/heal/gather.go",
		Old:  `		return nil, errNobody`,
		New:  `		return others, nil`,

		Package: pkg, Run: "TestWithNobodyUpNothingIsDeleted",
	}, {
		Name: "damage rebuilt from the first who answers",
		Rule: "a span is joined with what every other primary that is up holds",
		File: "replication/heal/gather.go",
		Old:  `		answered++`,
		New: `		if answered++; answered > 1 {
			continue
		}`,

		Package: pkg, Run: "TestEveryOtherNodeThatIsUpIsAsked",
	}, {
		Name: "damage rebuilt without who is silent",
		Rule: "who is up and does not answer is waited for",
		File: "replication/heal/gather.go",
		Old:  `			return nil, fmt.Errorf("node %s: %w", name(doc, id), err)`,
		New:  `			continue`,

		Package: pkg, Run: "TestWhoIsUpAndDoesNotAnswerIsWaitedFor",
	}, {
		Name: "copies told without a sync",
		Rule: "saying is syncing (R2)",
		File: "replication/heal/serve.go",
		Old:  `return raw, h.o.Store.Barrier(ctx)`,
		New:  `return raw, nil`,

		Package: pkg, Run: "TestWhoHasANewerEntryDoesNotAnswer",
	}, {
		Name: "copies told by an old document",
		Rule: "who holds a partition by a newer entry refuses (R3)",
		File: "replication/heal/serve.go",
		Old:  `!slices.Contains(e.Serving, h.self) || e.Changed > document`,
		New:  `!slices.Contains(e.Serving, h.self)`,

		Package: pkg, Run: "TestWhoHasANewerEntryDoesNotAnswer",
	}, {
		Name: "rebuild forgets the memtable",
		Rule: "what can be read of a damaged span stays, wherever it lies",
		File: "storage/rebuild.go",
		Old:  `	if err := r.flush(); err != nil {`,
		New:  `	if err := error(nil); err != nil {`,

		Package: disks, Run: "TestARebuildKeepsWhatOnlyThisStoreHas",
	}, {
		Name: "rebuild keeps the actor",
		Rule: "a possession ends when its range is found unreadable (R1)",
		File: "storage/rebuild.go",
		Old:  `		s.endHoldings(first, last)`,
		New:  `		_ = last`,

		Package: disks, Run: "TestARebuildEndsTheActorAndTheTree",
	}, {
		Name: "rebuild keeps the hash tree",
		Rule: "nobody knows what the leaves of a rebuilt span counted",
		File: "storage/rebuild.go",
		Old:  `		s.renewTrees(first, last)`,
		New:  `		_ = first`,

		Package: disks, Run: "TestARebuildEndsTheActorAndTheTree",
	}, {
		Name: "full disk fails the store",
		Rule: "a disk without room is waited for, and recovers without a restart",
		File: "storage/disk.go",
		Old:  `if !errors.Is(err, syscall.ENOSPC) || d.reported() || d.over() {`,
		New:  `if !errors.Is(err, syscall.EIO) || d.reported() || d.over() {`,

		Package: disks, Run: "TestAFullDiskIsWaitedFor",
	}}
}
