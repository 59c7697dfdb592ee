package clickhouse

import (
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/cespare/xxhash/v2"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
)

// Receipts inserts redact's evidence; the latest observation of a lane, partition, bucket and state counts.
func Receipts(db *DB) pipeline.Target[schemas.Receipt] { return newTarget(db, receiptsTable()) }

// AuditRecords inserts the audit log, each record once.
func AuditRecords(db *DB) pipeline.Target[schemas.AuditRecord] { return newTarget(db, auditTable()) }

// Suppressions inserts objections and their ends, each once.
func Suppressions(db *DB) pipeline.Target[schemas.Suppression] {
	return newTarget(db, suppressionsTable())
}

func receiptsTable() table[schemas.Receipt] {
	type r = schemas.Receipt
	return table[r]{name: "receipts", sum: sumReceipts, columns: []column[r]{
		values("lane", lowCardinality, func(r *r) string { return r.Lane }),
		values("partition", "Int32", func(r *r) int32 { return r.Partition }),
		values("bucket", micros, func(r *r) time.Time { return orEpoch(r.Bucket) }),
		values("state", "Enum8('expired' = 1, 'erased' = 2)", func(r *r) string { return r.State }),
		values("first_offset", "Int64", func(r *r) int64 { return r.FirstOffset }),
		values("last_offset", "Int64", func(r *r) int64 { return r.LastOffset }),
		values("count", "Int64", func(r *r) int64 { return r.Count }),
		values("deadline", micros, func(r *r) time.Time { return orEpoch(r.Deadline) }),
		values("observed_at", micros, func(r *r) time.Time { return orEpoch(r.ObservedAt) }),
		arrays("seeds.topic", "Array("+lowCardinality+")", func(s *schemas.SeedRef) string { return s.Topic }),
		arrays("seeds.seed_id", "Array("+ref+")", func(s *schemas.SeedRef) string { return string(or16(s.SeedID)) }),
		arrays("seeds.appended_at", "Array("+micros+")", func(s *schemas.SeedRef) time.Time { return orEpoch(s.AppendedAt) }),
		values("policy_version", lowCardinality, func(r *r) string { return r.PolicyVersion }),
	}}
}

// arrays makes a column with one array a receipt, of one field of its seeds.
func arrays[V any](name, kind string, value func(*schemas.SeedRef) V) column[schemas.Receipt] {
	return column[schemas.Receipt]{name: name, kind: kind, append: func(into driver.BatchColumn, rows []schemas.Receipt) error {
		for i := range rows {
			all := make([]V, len(rows[i].Seeds))
			for j := range rows[i].Seeds {
				all[j] = value(&rows[i].Seeds[j])
			}
			if err := into.AppendRow(all); err != nil {
				return err
			}
		}
		return nil
	}}
}

func sumReceipts(rows []schemas.Receipt) uint64 {
	h := xxhash.New()
	for i := range rows {
		r := &rows[i]
		sumStrings(h, r.Lane, r.State)
		sumTimes(h, r.Bucket, r.ObservedAt, r.Deadline)
	}
	return h.Sum64()
}

func auditTable() table[schemas.AuditRecord] {
	type a = schemas.AuditRecord
	return table[a]{name: "audit", sum: sumAudit, columns: []column[a]{
		values("audit_id", "String", func(a *a) string { return a.AuditID }),
		values("action", lowCardinality, func(a *a) string { return a.Action }),
		values("actor", lowCardinality, func(a *a) string { return a.Actor }),
		values("tenant_id", lowCardinality, func(a *a) string { return a.TenantID }),
		values("message_id", "String", func(a *a) string { return a.MessageID }),
		values("control_id", "String", func(a *a) string { return a.ControlID }),
		values("purpose", lowCardinality, func(a *a) string { return a.Purpose }),
		values("incident_id", lowCardinality, func(a *a) string { return a.IncidentID }),
		values("detail", lowCardinality, func(a *a) string { return a.Detail }),
		values("at", micros, func(a *a) time.Time { return orEpoch(a.At) }),
		values("read_to", "Int64", func(a *a) int64 { return a.ReadTo }),
		values("read_hash", "FixedString(32)", func(a *a) []byte { return or32(a.ReadHash) }),
		values("policy_version", lowCardinality, func(a *a) string { return a.PolicyVersion }),
	}}
}

func sumAudit(rows []schemas.AuditRecord) uint64 {
	h := xxhash.New()
	for i := range rows {
		sumStrings(h, rows[i].AuditID, rows[i].Action)
		sumTimes(h, rows[i].At)
	}
	return h.Sum64()
}

func suppressionsTable() table[schemas.Suppression] {
	type s = schemas.Suppression
	return table[s]{name: "suppression_history", sum: sumSuppressions, columns: []column[s]{
		values("tenant_id", lowCardinality, func(s *s) string { return s.TenantID }),
		values("scope", lowCardinality, func(s *s) string { return s.Scope }),
		values("recipient_ref", ref, func(s *s) []byte { return or16(s.Ref) }),
		values("category", lowCardinality, func(s *s) string { return s.Category }),
		values("state", "Enum8('stop' = 1, 'resume' = 2)", func(s *s) string { return s.State }),
		values("effective_at", micros, func(s *s) time.Time { return orEpoch(s.EffectiveAt) }),
		values("source", lowCardinality, func(s *s) string { return s.Source }),
	}}
}

func sumSuppressions(rows []schemas.Suppression) uint64 {
	h := xxhash.New()
	for i := range rows {
		s := &rows[i]
		sumStrings(h, s.TenantID, s.Scope, string(s.Ref), s.Category, s.State, s.Source)
		sumTimes(h, s.EffectiveAt)
	}
	return h.Sum64()
}

func or32(b []byte) []byte {
	if len(b) == 0 {
		return make([]byte, 32)
	}
	return b
}
