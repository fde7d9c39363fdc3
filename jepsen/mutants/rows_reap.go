package mutants

// reapRows break the steps of a round of reaping (R5).
func reapRows() []Mutant {
	const (
		pkg    = "./replication"
		reap   = "./replication/reap"
		member = "replication/reap/member.go"
		round  = "replication/reap/round.go"
		proof  = "TestARoundEndsWithTheFirstNo"
	)
	return []Mutant{{
		Name: "reap: survey left out",
		Rule: "only what all replicas hold alike is a candidate (R5, 1)",
		File: member,
		Old:  "if !c.is(o.Digest(doc.Secret, c.Bucket, string(c.Key))) {\n\t\t\t\tgot.Differ",
		New:  "if o == nil && !c.is(o.Digest(doc.Secret, c.Bucket, string(c.Key))) {\n\t\t\t\tgot.Differ",

		Package: reap, Run: proof,
	}, {
		Name: "reap: survey of a majority",
		Rule: "all replicas are asked, not a majority of them (R5, 1)",
		File: round,
		Old:  `parts = b.step(kindSurvey, parts, b.members, `,
		New:  `parts = b.step(kindSurvey, parts, func(p ring.Partition) []ring.NodeID { all := b.members(p); return all[:len(all)/2+1] }, `,

		Package: reap, Run: proof,
	}, {
		Name: "reap: raise not persisted",
		Rule: "a raised epoch outlives the process (R5, 2)",
		File: "storage/epoch.go",
		Old:  `records[epochName(p)] = e.append(nil)`,
		New:  `_ = e.append(nil)`,

		Package: "./storage", Run: "TestEpochsOutliveTheStart",
	}, {
		Name: "reap: raise not waited for",
		Rule: "a raise is said once everything admitted before it has been applied (R5, 2)",
		File: "storage/epoch.go",
		Old:  "if err := s.locks.pass(s.fault); err != nil {\n\t\treturn err\n\t}\n\ts.layoutMu.Lock()",
		New:  "s.layoutMu.Lock()",

		Package: "./storage", Run: "TestARaiseWaitsForWhatWasAdmitted",
	}, {
		Name: "reap: hint ignored",
		Rule: "who raises says that it holds no hint of the partition (R5, 2)",
		File: member,
		Old:  `err != nil || hint {`,
		New:  `err != nil || hint && false {`,

		Package: reap, Run: proof,
	}, {
		Name: "reap: leftover ignored",
		Rule: "who raises says that it holds no leftover of the partition (R5, 2)",
		File: member,
		Old:  `err != nil || object {`,
		New:  `err != nil || object && false {`,

		Package: reap, Run: proof,
	}, {
		Name: "reap: later document ignored",
		Rule: "who raises says that it has accepted no later document (R5, 2)",
		File: member,
		Old:  `case undecided || r.o.Cluster.Document().Version != doc.Version:`,
		New:  `case false && undecided:`,

		Package: reap, Run: proof,
	}, {
		Name: "reap: missing answer is a yes",
		Rule: "a missing answer ends the round (R5)",
		File: round,
		Old:  "for _, p := range sent {\n\t\t\t\t\tfailed[p.Partition] = true",
		New:  "for _, p := range sent {\n\t\t\t\t\tfailed[p.Partition] = false",

		Package: reap, Run: proof,
	}, {
		Name: "reap: commit left out",
		Rule: "everybody commits before anybody removes (R5, 3)",
		File: round,
		Old:  `b.survey, b.raise, b.commit, b.reap}`,
		New:  `b.survey, b.raise, b.reap}`,

		Package: reap, Run: "TestARoundRemovesOnceAllHaveCommitted",
	}, {
		Name: "reap: replicas alone raise",
		Rule: "every member raises: any may hold a hint (R5, 2)",
		File: round,
		Old:  `parts = b.step(kindRaise, parts, b.members, `,
		New:  `parts = b.step(kindRaise, parts, b.replicas, `,

		Package: reap, Run: proof,
	}, {
		Name: "reap: replicas alone commit",
		Rule: "every member commits: any may come back with an older disk (R5, 3)",
		File: round,
		Old:  `b.step(kindCommit, parts, b.members, nil)`,
		New:  `b.step(kindCommit, parts, b.replicas, nil)`,

		Package: reap, Run: "TestARoundRemovesOnceAllHaveCommitted",
	}, {
		Name: "reap: commit after a restart",
		Rule: "who was started anew since it raised does not commit (R5, 3)",
		File: member,
		Old:  `if r.answered[p.Partition] != p.Epoch {`,
		New:  `if false {`,

		Package: reap, Run: proof,
	}, {
		Name: "reap: commit of who raised higher",
		Rule: "who has raised higher does not commit (R5, 3)",
		File: member,
		Old:  `if e.Raised != epoch[p] || e.Fenced {`,
		New:  `if e.Fenced {`,

		Package: reap, Run: proof,
	}, {
		Name: "reap: digest not compared at the end",
		Rule: "what has changed since the survey is not removed (R5, 4)",
		File: member,
		Old:  `case !c.is(o.Digest(doc.Secret, c.Bucket, string(c.Key))):`,
		New:  `case false:`,

		Package: reap, Run: "TestWhatHasChangedSinceTheSurveyStays",
	}, {
		Name: "reap: what was read before is written",
		Rule: "the write function refuses what was read below its epoch (R5)",
		File: "storage/epoch.go",
		Old:  "\tif old {\n",
		New:  "\tif false && old {\n",

		Package: "./storage", Run: "TestWhatWasReadBeforeARoundIsRefused",
	}, {
		Name: "reap: old hint is written",
		Rule: "the write function refuses a hint that was read below its epoch (R5)",
		File: "storage/epoch.go",
		Old:  `old = old || t.hint.Object.Epoch.Less(raised)`,
		New:  `_ = old`,

		Package: "./storage", Run: "TestWhatWasReadBeforeARoundIsRefused",
	}, {
		Name: "reap: epoch of after the read",
		Rule: "an object carries the epoch that held before it was read (R5)",
		File: "storage/read.go",
		Old:  "\tat := s.raisedEpochs().of(k.Position())\n\traw, pos, err := s.read(ctx, sectionObject, k)\n",
		New:  "\traw, pos, err := s.read(ctx, sectionObject, k)\n\tat := s.raisedEpochs().of(k.Position())\n",

		Package: "./storage", Run: "TestAReadIsOfTheEpochBeforeIt",
	}, {
		Name: "reap: highest epoch of two",
		Rule: "what is built from several objects carries the lowest epoch (R5)",
		File: "storage/causal/epoch.go",
		Old:  `if f.Less(e) {`,
		New:  `if e.Less(f) {`,

		Package: "./storage/causal", Run: "TestWhatIsBuiltOfSeveralCarriesTheLowestEpoch",
	}, {
		Name: "reap: awaited epochs ignored",
		Rule: "a store that has no epochs takes them before its first write (R5)",
		File: "storage/epoch.go",
		Old:  "\tcase e.Awaited:\n\t\treturn ErrNoEpochs\n",
		New:  "",

		Package: "./storage", Run: "TestAStoreWithoutEpochsAwaitsThemWhereSomethingWasReaped",
	}, {
		Name: "reap: epochs taken before membership",
		Rule: "a store takes epochs once its node is a member: rounds go on without it until then (R5)",
		File: "replication/reap/reap.go",
		Old:  `if _, member := doc.Member(r.o.Self); !member {`,
		New:  `if _, member := doc.Member(r.o.Self); false && !member {`,

		Package: pkg, Run: "TestANewStoreTakesTheEpochsFirst",
	}, {
		Name: "reap: epochs taken from any message",
		Rule: "a store takes epochs from who is at its document or a later one (R5)",
		File: "replication/epochs.go",
		Old:  `mine.Awaited || !mine.Raised.Less(theirs.Raised) {`,
		New:  `!mine.Awaited && !mine.Raised.Less(theirs.Raised) {`,

		Package: pkg, Run: "TestANewStoreTakesTheEpochsFirst",
	}, {
		Name: "reap: no member's epochs kept when rounds begin",
		Rule: "only a member of the document before reaping began has the zero epochs (R5)",
		File: "storage/epoch.go",
		Old:  "\tif !member {\n",
		New:  "\tif false && !member {\n",

		Package: "./storage", Run: "TestAStoreThatBecomesAMemberLaterAwaitsEpochs",
	}, {
		Name: "reap: others' epochs not named",
		Rule: "every message names its sender's epochs (R5)",
		File: "replication/epochs.go",
		Old:  `if e.Raised != (causal.Epoch{}) {`,
		New:  `if false {`,

		Package: pkg, Run: "TestAPutThatMeetsARoundIsSentAgain",
	}, {
		Name: "reap: put refused for its epoch given up",
		Rule: "who is refused for an epoch reads again and sends again (R5)",
		File: "replication/epochs.go",
		Old:  `return ok && remote.Code == codeEpoch`,
		New:  `return ok && remote.Code == codeEpoch && false`,

		Package: pkg, Run: "TestAPutThatMeetsARoundIsSentAgain",
	}, {
		Name: "reap: delete refused for its epoch given up",
		Rule: "a delete whose own read was before a round reads again (R5)",
		File: "replication/mint.go",
		Old:  `if errors.Is(err, storage.ErrEpoch) {`,
		New:  `if false {`,

		Package: pkg, Run: "TestADeleteThatMeetsARoundReadsAgain",
	}, {
		Name: "reap: twins forgotten",
		Rule: "the dot that says that its twin is not shown stays in the context",
		File: "storage/causal/epoch.go",
		Old:  `if o == nil || slices.ContainsFunc(o.Siblings, o.doubled) {`,
		New:  `if o == nil {`,

		Package: "./storage/causal", Run: "TestATwinsDotIsNotForgotten",
	}, {
		Name: "reap: expiring value removed alive",
		Rule: "what expires is reaped once it has expired, not before",
		File: "replication/reap/look.go",
		Old:  `!o.Siblings[i].Tombstone && expiry.After(since)`,
		New:  `o.Siblings[i].Tombstone && expiry.After(since)`,

		Package: pkg, Run: "TestWhatHasExpiredIsReaped",
	}, {
		Name: "reap: mortal taken for wide",
		Rule: "what is deleted is removed, not narrowed",
		File: "replication/reap/look.go",
		Old:  `if !o.Mortal() {`,
		New:  `if o == nil || len(o.Siblings) > 0 {`,

		Package: pkg, Run: "TestWhatIsDeletedIsReapedAndContextsAreNarrowed",
	}, {
		Name: "read repair left out",
		Rule: "a replica that a read found behind is brought up to date",
		File: "replication/repair.go",
		Old:  `if has != whole {`,
		New:  `if false && has != whole {`,

		Package: pkg, Run: "TestReadRepairJoinsWhatReplicasHold",
	}, {
		Name: "new store a newcomer beside its former self",
		Rule: "a new store takes the place of what its node was",
		File: "replication/takein.go",
		Old:  "old, lost := namesake(d, p)\n\t\tswitch {",
		New:  "old, lost := c.formerSelf(d, p)\n\t\tswitch {",

		Package: pkg, Run: "TestANewStoreIsNoNewcomerBesideWhatItsNodeWas",
	}}
}
