// Package causal decides what a write replaces and what two replicas know together:
// dots, contexts, siblings and their join. It is pure.
//
// The scheme is that of dotted version vectors (Preguiça, Baquero, Almeida, Fonte,
// Gonçalves, "Brief announcement: efficient causality tracking in distributed
// storage systems with dotted version vectors", PODC 2012). Every write has a dot
// of its own; a context is a version vector that says which dots are known. A
// sibling that a context covers, and that its holder does not hold, was replaced.
//
//	replica A          {a1:milk}           context {a:1}
//	put, saw a1   ──▶  {a2:milk,bread}     context {a:2}
//	put, saw a1   ──▶  {a2:milk,bread  a3:milk,honey}  context {a:3}
//	put, saw a2 a3 ─▶  {a4:milk,bread,honey}           context {a:4}
//
// An object on disk and on the wire; n| is a uvarint length before its bytes, and
// every number that is not drawn with a size is a uvarint:
//
//	┌─────┬────────┬────────────┬─────────┬─────┬──────────┬──────────────┐
//	│ v=1 │ policy │ generation │ context │ ops │ siblings │ checked to   │
//	│ 1 B │  1 B   │            │         │     │          │ the last byte│
//	└─────┴────────┴────────────┴─────────┴─────┴──────────┴──────────────┘
//	context   ┌───────────┬───────┬─ count times ──────┐
//	          │ stamp 8 B │ count │ actor 8 B │ counter │
//	          └───────────┴───────┴────────────────────┘
//	ops       ┌───────┬─ count times ──────────────────────────────┐
//	          │ count │ stamp 8 B │ actor 8 B │ counter │ op 16 B  │
//	          └───────┴────────────────────────────────────────────┘
//	siblings  ┌───────┬─ count times ────────────────────────────────────────────────────┐
//	          │ count │ flags 1 B │ actor 8 B │ counter │ op 16 B │ stamp 8 B │ expiry   │
//	          │       │ n|content type │ pairs, each n|name n|value │ size │ value bytes │
//	          └───────┴──────────────────────────────────────────────────────────────────┘
//
// Flags: bit 0 tombstone, bit 1 stripped (no value bytes follow). The encoding is
// canonical: one object has one.
package causal
