// Package pipelinetest holds what tests of the machine and of its adapters share: an in-memory Log with its Sources, a
// Recorder of what reaches a Target, a Crasher that dies at the n-th effect, and the suites TestLog and TestSource that
// every adapter must pass, the in-memory one first.
//
// Its one invariant is that the fake promises no more than pipeline's ports do. It imports only pipeline.
package pipelinetest
