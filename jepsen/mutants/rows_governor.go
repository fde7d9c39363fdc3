package mutants

// governorRows have background work take no heed of requests, or of other work.
func governorRows() []Mutant {
	const pkg = "./replication/governor"
	return []Mutant{{
		Name: "slow requests cut nothing",
		Rule: "background work yields when requests are slower than usual",
		File: "replication/governor/pace.go",
		Old:  `p.factor /= 2`,
		New:  `p.factor /= 1`,

		Package: pkg, Run: "TestSlowRequestsCutTheBudgetAndItRecovers",
	}, {
		Name: "a cut that stays",
		Rule: "the budget recovers by itself",
		File: "replication/governor/pace.go",
		Old:  `p.factor += step * float64(windows)`,
		New:  `p.factor += 0 * float64(windows)`,

		Package: pkg, Run: "TestSlowRequestsCutTheBudgetAndItRecovers",
	}, {
		Name: "background work starved",
		Rule: "each class progresses however slow requests are",
		File: "replication/governor/pace.go",
		Old:  `p.factor = max(min(p.factor, 1), floor)`,
		New:  `p.factor = min(p.factor, 1)`,

		Package: pkg, Run: "TestAtTheFloorEachClassProgresses",
	}, {
		Name: "deliveries without the budget",
		Rule: "the replay of hints is throttled",
		File: "replication/handoff/deliver.go",
		Old:  `if h.o.Budget.Wait(h.life) != nil {`,
		New:  `if h.life.Err() != nil {`,

		Package: "./replication/handoff", Run: "TestEachDeliveryWaitsForTheBudgetAndPays",
	}}
}
