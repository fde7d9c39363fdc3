// Package history records what clients asked of a cluster and what they were told,
// in one format that every checker reads.
//
// A history is a list of operations by single-threaded processes. Each begins with
// an invoke and ends in one of three ways: ok, it happened; fail, it did not happen
// and never will; info, nobody knows, and it may still happen. Knowing nothing is
// kept apart from knowing that nothing happened, because the second is a promise
// that can be broken. This is Jepsen's model.
//
// Values are unique, so that a value found anywhere names the write that made it,
// and deletes carry a unique id in the same place: who saw whom is then known
// without search.
//
// # What a write saw
//
// Whether a lost value was lost or replaced depends on what its replacement had
// seen. An operation says so in one of two ways:
//
//	Saw     the values covered by the context, or by the ETag of a precondition,
//	        that the client sent. The client knows them: it had read them.
//	Covers  for a write without either, the dots of the context in its receipt.
//	        Such a write replaces what its coordinator holds, which the client
//	        cannot know, so the cluster's word is taken for it. Dot and Dots name
//	        the dots of values, so that the two can be brought together.
//
// Saw is the client's own knowledge and always believed. Covers is the word of the
// system under test, so a workload keeps some keys free of such writes: on those a
// context that claims too much is found out.
//
// # On disk
//
// JSON lines, one operation a line, in the order of recording; invoke and
// completion are two lines with one process:
//
//	{"index":0,"process":3,"type":"invoke","f":"put","bucket":"b","key":"k1","value":"3-7","saw":["1-2"],"node":"n2","session":"s3","t":1200345}
//	{"index":1,"process":3,"type":"ok","f":"put","bucket":"b","key":"k1","value":"3-7","saw":["1-2"],"dot":"9f00c1d25aa01b77-4","node":"n2","session":"s3","t":2203345}
//
// t is nanoseconds since the run began. A reader refuses fields it does not know,
// indexes out of order and completions without an invoke: a history that is not
// understood proves nothing.
package history
