package mutants

// ringRows are bugs in how partitions are assigned.
func ringRows() []Mutant {
	const pkg = "./ring"
	return []Mutant{{
		Name: "balance left out",
		Rule: "each member holds its share by weight",
		File: "ring/assign.go",
		Old:  `	a.balance()`,
		New:  `	_ = a.balance`,

		Package: pkg, Run: "TestAssignMovesOnlyWhatItMust",
	}, {
		Name: "zones not kept by a move",
		Rule: "the replicas of a partition are in distinct zones where there are enough",
		File: "ring/assign.go",
		Old:  `a.zonesWith(p, place, i) >= a.zonesWith(p, place, a.sets[p][place])`,
		New:  `true`,

		Package: pkg, Run: "TestAssignLaws",
	}}
}
