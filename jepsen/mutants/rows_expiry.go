package mutants

// expiryRows break the rules for when a value is hidden.
func expiryRows() []Mutant {
	const pkg = "./replication"
	return []Mutant{{
		Name: "expired value shown",
		Rule: "a value is hidden at its time, to reads, listings, conditions and merges",
		File: "storage/causal/show.go",
		Old:  `if !s.Tombstone && (s.Expiry == 0 || s.Expiry > now) {`,
		New:  `if !s.Tombstone {`,

		Package: pkg, Run: "TestAnExpiredValueCountsForNothing",
	}, {
		Name: "clock runs back",
		Rule: "what was hidden stays hidden: a node's hybrid clock never runs back",
		File: "storage/clock/hybrid.go",
		Old:  "h.last = max(h.last, wall)\n\treturn",
		New:  "h.last = wall\n\treturn",

		Package: pkg, Run: "TestAnExpiredValueStaysHiddenWhenTheClockIsSetBack",
	}, {
		Name: "retry prolongs a value",
		Rule: "of one operation that was minted twice, the value expires when the first said",
		File: "storage/causal/show.go",
		Old:  `shown[i].Expiry = earliest(shown[i].Expiry, s.Expiry)`,
		New:  `shown[i].Expiry = max(shown[i].Expiry, s.Expiry)`,

		Package: pkg, Run: "TestARetryDoesNotMoveTheExpiry",
	}, {
		Name: "expiry left out of the digest",
		Rule: "replicas that know different expiries must find out",
		File: "storage/causal/digest.go",
		Old:  `head.Stripped = true`,
		New:  `head.Stripped, head.Expiry = true, 0`,

		Package: pkg, Run: "TestTheExpiryIsInTheDigest",
	}, {
		Name: "expiry computed anew by who coordinates",
		Rule: "neither a hop nor a run anew moves the expiry that the first node computed",
		File: "replication/forward.go",
		Old:  `w.expiry = k.Expiry`,
		New:  `_ = k.Expiry`,

		Package: pkg, Run: "TestAValueIsHiddenWhenItExpires",
	}}
}
