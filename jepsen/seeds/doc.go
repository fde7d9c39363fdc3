// Package seeds runs a test over the seeds that once failed it and over as many
// fresh ones as its budget holds, or as HENGE_SEEDS asks for.
//
//	HENGE_SEEDS=1000   that many fresh seeds, however long they take
//	HENGE_FROM=5000    the fresh seeds begin there; without it at 1
//	HENGE_SEED=17      that seed alone, with whatever the test can tell of it
//
// The seeds that failed are kept beside the test, in testdata/seeds/NAME, one a line,
// with what they showed behind a #. A run that meets a new one adds it.
package seeds
