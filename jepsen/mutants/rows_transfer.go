package mutants

// transferRows break the proofs of a layout change (R4).
func transferRows() []Mutant {
	const (
		pkg    = "./replication/transfer"
		phases = "TestNoPhaseIsLeftWithoutItsProof"
	)
	return []Mutant{{
		Name: "switch without a copy",
		Rule: "reads move once each newcomer was compared with the old replicas (R4 a)",
		File: "replication/transfer/driver.go",
		Old:  `ready = v.copied(p, e)`,
		New:  `ready = true`,

		Package: pkg, Run: phases,
	}, {
		Name: "copy not compared with each old replica that is up",
		Rule: "one old replica may lack what others acknowledged",
		File: "replication/transfer/driver.go",
		Old:  `i < 0 || !Compared(v.doc, e, id, r.Copied[i].Sources, v.up)`,
		New:  `i < 0`,

		Package: pkg, Run: phases,
	}, {
		Name: "drop before the old replicas hold the switch",
		Rule: "the new set serves alone once the old one knows that reads have moved (R4 c)",
		File: "replication/transfer/driver.go",
		Old:  `ready = v.holds(e.Former, e.Changed)`,
		New:  `ready = true`,

		Package: pkg, Run: phases,
	}, {
		Name: "back before those who served meanwhile know",
		Rule: "reads that have gone back leave nobody serving beside them (R4)",
		File: "replication/transfer/driver.go",
		Old:  `ready = v.holds(e.Next, e.Changed)`,
		New:  `ready = true`,

		Package: pkg, Run: phases,
	}, {
		Name: "steady before the former owner dropped",
		Rule: "a former owner leaves the entry once it has nothing left",
		File: "replication/transfer/driver.go",
		Old:  `slices.Contains(r.Dropped, DropReport{p, e.Changed})`,
		New:  `true`,

		Package: pkg, Run: phases,
	}, {
		Name: "dropped without proof",
		Rule: "a range is deleted once every owner has said that it holds all of it",
		File: "replication/transfer/push.go",
		Old:  `errs[i] = fmt.Errorf("to %s: %w", id, err)`,
		New:  `_ = errs[i]`,

		Package: pkg, Run: "TestAFormerOwnerDropsOnlyWhatEachOwnerHolds",
	}, {
		Name: "copy not compared with what it lacks",
		Rule: "of a digest only what this copy has joined is known",
		File: "replication/transfer/copy.go",
		Old:  `if _, seen := c.seen[r.digest]; seen {`,
		New:  `if true {`,

		Package: pkg, Run: "TestANewcomerCopiesWhatAnyOldReplicaHas",
	}, {
		Name: "piece not checked",
		Rule: "a piece that does not match its checksum is asked for again",
		File: "replication/transfer/message.go",
		Old:  `len(b) < 4 || crc32.Checksum(b[4:], castagnoli) != binary.BigEndian.Uint32(b)`,
		New:  `len(b) < 4`,

		Package: pkg, Run: "TestADamagedPieceIsAskedForAgain",
	}, {
		Name: "report without a sync",
		Rule: "saying is syncing (R2)",
		File: "replication/transfer/report.go",
		Old:  `return r, t.o.Store.Barrier(ctx)`,
		New:  `return r, nil`,

		Package: pkg, Run: "TestReportsAndAnswersAreGivenAfterASync",
	}}
}
