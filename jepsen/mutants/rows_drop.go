package mutants

// dropRows break the rules for a bucket's end, and for clocks that are off.
func dropRows() []Mutant {
	const pkg = "./replication"
	return []Mutant{{
		Name: "dropped bucket stays readable",
		Rule: "a read counts no object of an older generation than its bucket's",
		File: "replication/get.go",
		Old:  `object.Generation < q.floor()`,
		New:  `false`,

		Package: pkg, Run: "TestADroppedBucketIsGoneForAll",
	}, {
		Name: "put into a dropped bucket taken",
		Rule: "a write of a generation that the document does not list is refused",
		File: "replication/replica.go",
		Old:  `case ok && listed.Generation == generation:`,
		New:  `case true || ok && listed.Generation == generation:`,

		Package: pkg, Run: "TestAPutIntoADroppedBucketIsRefused",
	}, {
		Name: "sweep keeps what was dropped",
		Rule: "what is stored of a dropped bucket is removed behind",
		File: "replication/sweep/sweep.go",
		Old:  "\t\t\ttx.Discard()\n",
		New:  "",

		Package: "./replication/sweep", Run: "TestWhatIsDroppedIsRemovedAndNothingElse",
	}, {
		Name: "sweep forgets that it was cut short",
		Rule: "a drop counts as swept for when a sweep has come to its end",
		File: "replication/sweep/sweep.go",
		Old:  `if err := s.sweepHints(doc); err != nil {`,
		New:  "_ = s.o.Store.SaveMeta(s.life, metaSwept, binary.BigEndian.AppendUint64(nil, doc.Dropped))\n\tif err := s.sweepHints(doc); err != nil {",

		Package: "./replication/sweep", Run: "TestASweepThatWasCutShortIsDoneByTheNextStart",
	}, {
		Name: "clock that is off mints",
		Rule: "a node whose clock a majority contradicts mints nothing",
		File: "replication/mint.go",
		Old:  `if err := c.inTime(); err != nil {`,
		New:  `if err := c.inTime(); false {`,

		Package: pkg, Run: "TestANodeWhoseClockIsOffMintsNothing",
	}}
}
