package mutants

// ringRows are bugs in how partitions are assigned.
func ringRows() []Mutant {
	const pkg = "./ring"
	return []Mutant{{
		Name: "balance left out",
		Rule: "each member holds its share by weight",
		File: "ring/assign.go",
		Old:  `if !a.balance() {`,
		New:  `if false && !a.balance() {`,

		Package: pkg, Run: "TestAssignMovesOnlyWhatItMust",
	}, {
		Name: "zones not kept by a move",
		Rule: "the replicas of a partition are in distinct zones where there are enough",
		File: "ring/assign_chain.go",
		Old:  `return gains || (!loses && !must)`,
		New:  `return true`,

		Package: pkg, Run: "TestAssignLaws",
	}, {
		Name: "who is rounded up stays so",
		Rule: "of all layouts it is one with the fewest replicas moved",
		File: "ring/assign_chain.go",
		Old:  `if a.low[from] {`,
		New:  `if false {`,

		Package: pkg, Run: "TestAssignOfHardCases",
	}, {
		Name: "a chain's price forgotten",
		Rule: "of all layouts it is one with the fewest replicas moved",
		File: "ring/assign_chain.go",
		Old:  `			a.level[i] -= a.dist[to] - a.dist[i]`,
		New:  `			a.level[i] -= 0`,

		Package: pkg, Run: "TestAssignOfHardCases",
	}, {
		Name: "a second replica of a partition costs no more than the first",
		Rule: "of those it is one that moves a second replica of a partition as seldom as can be",
		File: "ring/assign_chain.go",
		Old:  `(moveCost + a.moved[g.partition] + min(news, 0))`,
		New:  `moveCost`,

		Package: pkg, Run: "TestAssignOfHardCases",
	}}
}
