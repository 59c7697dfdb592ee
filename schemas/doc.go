// Package schemas is what is on the wire: the Avro schemas of every record (*.avsc, versions added, never edited),
// their Go types, and Codec[T] between the two.
//
// The .avsc files are the contract; a Go type mirrors the newest version of its schema. Field names are bound by `avro`
// tags: `avro:"name"`, or `avro:"name,null"` where the schema says union of null and the type and Go's zero value stands
// for null. An embedded struct without a tag contributes its fields to the record around it.
//
// Its one invariant: whatever bytes come in, Decode gives a record or a reason of a closed list, at a cost bounded by
// MaxValue, and nothing of the bytes shows in an error. A value is checked against its writer's schema first, then
// decoded by goavro, then resolved to the reader's schema by a plan made once per writer.
//
// Only this package imports goavro. It imports franz-go's registry client besides, and nothing else of ours.
package schemas
