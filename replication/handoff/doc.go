// Package handoff delivers hints: copies that this node keeps because their
// replicas were away when they were written (DeCandia et al., "Dynamo", 2007,
// section 4.6).
//
// A hint stands for an acknowledged copy. It is never dropped for age, its
// delivery is tried for ever, and it ends in one of two ways only, decided under
// the key's lock:
//
//   - every target holds what the hint holds now, and said so after a sync (R2); or
//   - there are more than Options.Pressure hints, and every other primary holds it,
//     at least as many as the largest W that the hint was counted for.
//
// The second way gives up the copy that would have spared the absent node a
// repair, so it waits until hint space is short. Who holds a hint's content is
// noted in it; a join into the hint gives it a new mark and clears the notes, so
// that an answer about older content ends nothing.
//
// Targets are resolved at delivery: where one is no replica any more, every present
// primary is a target. A holder that has become a replica joins its hint into the
// object first, and the hint becomes a marker.
//
// A hint without an object is a marker of a primary: it stands for what the holder
// itself stores under the key. Marker and object are written together, so the
// object read after the marker holds at least what the marker was made for.
//
//	hint (mark m) ──▶ read object ──▶ join at each primary ──▶ synced? note it
//	      ▲                                                        │
//	      └────────── still mark m? all targets noted? end it ◀────┘
package handoff
