// Package clickhouse lands metadata in ClickHouse and asks it questions.
//
// Its invariant: an event counts once in effect, however often it is inserted, and none that could hold content, a phone
// number or a wamid is inserted at all (Admit). Events are inserted as they come; messages and delivery_hourly are
// computed from events FINAL and replaced whole. It is the only importer of clickhouse-go; of ours it imports schemas
// and pipeline. Errors carry an exception code or a class, never ClickHouse's text, which quotes values.
package clickhouse
