// Package mutants plants bugs in the product and sees that its tests catch them.
//
// A suite that nobody has seen fail is no evidence. For each mechanism that the
// design rests on, the Table has a mutant: the one line that leaves the mechanism
// out or turns it around, and the test that must notice.
//
//	 the tree              a folder of its own            the catcher
//	┌──────────┐  Old─►New  ┌──────────────┐  go test -c  ┌────────────┐
//	│ File     │ ─────────► │ source       │ ───────────► │ binary     │ fails, and
//	│ (stays)  │            │ overlay.json │   -overlay   │ -test.run  │ says Want
//	└──────────┘            └──────────────┘              └────────────┘
//
// The compiler reads the mutated source in the place of the true one, so the product
// carries no hook, no build tag and no switch, and the tree is never touched. The
// catcher runs in a folder of its own with a copy of its package's testdata: what
// it keeps there, such as seeds that failed, is thrown away with it.
//
// # What counts as caught
//
// A row proves something only if all of this holds; otherwise the suite fails.
//
//   - Old stands exactly once in File. When the code moves on, the row moves with it.
//   - The mutant compiles.
//   - The catcher fails, and its output has Want: the failing test's name, or a
//     checker's verdict such as "lost: invalid". A crash or a timeout is no catch.
//   - The control passes: the same tests over the true source.
//
// # How it runs
//
//	go test ./jepsen/mutants                        every row's text, and the Quick rows
//	HENGE_MUTANTS=all go test -v ./jepsen/mutants   every row, and a table of who caught what
//	HENGE_MUTANTS=hint go test -v ./jepsen/mutants  the rows whose names have that word
//
// # A new row
//
// A new mechanism comes with its mutant. Write the smallest change that a tired
// programmer could make, name the cheapest test that should see it, and run the row
// alone. If the mutant survives, it is the test that is missing. Where the damage
// shows only in a whole cluster, or where a bug of this kind has been met in one, let the
// simulation catch it as well: Package ./jepsen/lab, Run TestSwarm, Env with the
// seed that meets it, and the verdict of the checker that must say so. A change of the
// code may move what a seed meets: then another one is found by running the mutant over
// HENGE_SEEDS=100.
package mutants
