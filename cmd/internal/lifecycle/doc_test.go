// Package lifecycle_test is a model of content's life: the wiring of validate, route, deliver, redact and custody, as their
// binaries run it, under random operations, faults and steps of the clock, held against the invariants of the privacy policy.
//
// Kafka and the network to Meta are replaced at compile time (go test -overlay, testdata): pipeline/kafka by a broker in
// memory that deletes by age as Kafka does, the dialler by a pipe. Everything else is the product's own code, in one
// testing/synctest bubble, so that hours of its life take milliseconds. The same overlay plants bugs, each of which must
// be found. Holds and early erasure are not in the model yet: a later operation beside the others in script_test.go.
package lifecycle_test
