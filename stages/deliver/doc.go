// Package deliver decides when to call the Cloud API and what its answer means.
//
// A Partition is a pure state machine: a fold over its log `attempts`, run by pipeline.Keyed. Its one invariant: a call
// is made only under a claim that was read back from the log and won there, so whatever crashes, pauses or repeats, a
// message is sent once. A claim wins only if no other claim of that attempt and no final outcome stands before it.
//
// It imports schemas, pipeline and pure libraries. It has no clock, randomness or network: time and ids come in, effects
// go out as data, and cmd/deliver performs them.
package deliver
