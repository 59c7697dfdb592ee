// Package route decides by which sender and region a message goes, and on what basis it crosses borders.
//
// Its one invariant: every validated record yields exactly one routed record. Route never sees content and ends nothing;
// what it would suppress, expire or refuse goes on with a verdict, which deliver makes final.
//
// It imports schemas and a hash, no adapter, no clock and no randomness.
package route
