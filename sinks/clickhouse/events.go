package clickhouse

import (
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
)

// Types of columns, as in the migrations.
const (
	lowCardinality = "LowCardinality(String)"
	micros         = "DateTime64(6, 'UTC')"
	ref            = "FixedString(16)"
	kindEnum       = "Enum8('accepted' = 1, 'repeated' = 2, 'rejected' = 3, 'routed' = 4, 'parked' = 5, 'claimed' = 6, " +
		"'sent' = 7, 'delivered' = 8, 'read' = 9, 'played' = 10, 'failed' = 11, 'unknown' = 12, 'expired' = 13, " +
		"'suppressed' = 14, 'redacted' = 15, 'erased' = 16, 'held' = 17, 'granted' = 18, 'released' = 19, 'shown' = 20, " +
		"'suspended' = 21, 'stopped' = 22, 'resumed' = 23)"
)

// Events inserts events, one INSERT a batch, as Admit let them pass. An event that was inserted before, in whatever
// batch, counts once: within the deduplication window by the token, and ever after by the table's key.
func Events(db *DB) pipeline.Target[schemas.Event] { return newTarget(db, eventsTable()) }

type event = schemas.Event

func eventsTable() table[event] {
	return table[event]{name: "events", sum: sumEvents, columns: []column[event]{
		values("tenant_id", lowCardinality, func(e *event) string { return e.TenantID }),
		values("message_id", "String", func(e *event) string { return e.MessageID }),
		values("accepted_at", micros, func(e *event) time.Time { return orEpoch(e.AcceptedAt) }),
		values("kind", kindEnum, func(e *event) string { return string(e.Kind) }),
		values("attempt", "UInt16", func(e *event) uint16 { return uint16(e.Attempt) }),
		values("detail", "String", func(e *event) string { return e.Detail }),
		values("at", micros, func(e *event) time.Time { return e.At }),
		values("stage", lowCardinality, func(e *event) string { return e.Stage }),
		values("reason", lowCardinality, func(e *event) string { return e.Reason }),
		values("sender_id", lowCardinality, func(e *event) string { return e.SenderID }),
		values("region", lowCardinality, func(e *event) string { return e.Region }),
		values("processor", lowCardinality, func(e *event) string { return e.Processor }),
		values("transfer_basis", lowCardinality, func(e *event) string { return e.TransferBasis }),
		values("country", lowCardinality, func(e *event) string { return e.Country }),
		values("category", lowCardinality, func(e *event) string { return e.Category }),
		values("content_type", lowCardinality, func(e *event) string { return e.ContentType }),
		values("size_class", lowCardinality, func(e *event) string { return e.SizeClass }),
		values("template_ref", ref, func(e *event) []byte { return or16(e.TemplateRef) }),
		values("recipient_ref", ref, func(e *event) []byte { return or16(e.RecipientRef) }),
		values("provider_ref", ref, func(e *event) []byte { return or16(e.ProviderRef) }),
		values("error_code", "Int32", func(e *event) int32 { return e.ErrorCode }),
		values("latency_us", "Int64", func(e *event) int64 { return e.LatencyUS }),
		values("window", lowCardinality, func(e *event) string { return e.Window }),
		values("due_at", "Nullable("+micros+")", func(e *event) *time.Time { return orNull(&e.DueAt) }),
		values("pricing_category", lowCardinality, func(e *event) string { return e.PricingCategory }),
		values("billable", "Nullable(Bool)", func(e *event) *bool { return e.Billable }),
		values("labels", "Map(LowCardinality(String), String)", func(e *event) map[string]string { return e.Labels }),
		values("copy_topic", lowCardinality, func(e *event) string { return copyOf(e).Topic }),
		values("copy_partition", "Int32", func(e *event) int32 { return copyOf(e).Partition }),
		values("copy_offset", "Int64", func(e *event) int64 { return copyOf(e).Offset }),
		values("copy_seed_id", ref, func(e *event) []byte { return or16(copyOf(e).SeedID) }),
		values("policy_version", lowCardinality, func(e *event) string { return e.PolicyVersion }),
	}}
}

func sumEvents(rows []event) uint64 {
	h := xxhash.New()
	for i := range rows {
		e := &rows[i]
		sumStrings(h, e.TenantID, e.MessageID, string(e.Kind), e.Detail)
		sumTimes(h, e.AcceptedAt, e.At)
	}
	return h.Sum64()
}

func copyOf(e *event) schemas.Copy {
	if e.Copy == nil {
		return schemas.Copy{}
	}
	return *e.Copy
}

var zero16 [16]byte

// or16 returns b, or 16 zeros for none.
func or16(b []byte) []byte {
	if len(b) == 0 {
		return zero16[:]
	}
	return b
}

// orEpoch keeps "no time" inside what DateTime64 can hold.
func orEpoch(t time.Time) time.Time {
	if t.IsZero() {
		return time.Unix(0, 0).UTC()
	}
	return t
}

func orNull(t *time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return t
}
