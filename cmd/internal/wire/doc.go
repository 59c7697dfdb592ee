// Package wire plugs each stage between its topics: one file a binary, each with its configuration and one function
// that builds the service without connecting to anything. The mains call it through boot.Main, `wlctl demo` runs all of
// them in one process.
//
// Its one invariant: no decision is made here. Decisions are in stages, order of effects is in pipeline, formats are in
// schemas. Reading down a file reads as the row of that binary in DESIGN.md.
package wire
