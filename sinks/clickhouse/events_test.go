package clickhouse

import (
	"encoding/hex"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/schemas"
)

// full is an event with every field set, each to a value of its own.
func full() schemas.Event {
	yes := true
	ref := func(b byte) []byte {
		r := make([]byte, 16)
		for i := range r {
			r[i] = b + byte(i)
		}
		return r
	}
	return schemas.Event{
		Identity: schemas.Identity{TenantID: "acme", MessageID: id(1), AcceptedAt: noon.Add(123456 * time.Microsecond)},
		Kind:     schemas.KindSent, Attempt: 3, Detail: "delivered.72h/7/42", At: noon.Add(1234567 * time.Microsecond),
		Stage: "deliver", Reason: "because", SenderID: "106540352242922", Region: "eu", Processor: "meta",
		TransferBasis: "scc", Country: "DE", Category: "utility", ContentType: "template", SizeClass: "4k",
		TemplateRef: ref(1), RecipientRef: ref(65), ProviderRef: ref(128), ErrorCode: 131049, LatencyUS: 98765,
		Window: "72h", DueAt: noon.Add(72 * time.Hour), PricingCategory: "service", Billable: &yes,
		Labels: map[string]string{"campaign": "autumn", "team": "a-1"},
		Copy:   &schemas.Copy{Topic: "delivered.72h", Partition: 7, Offset: 42, SeedID: ref(200)}, PolicyVersion: "2026-11",
	}
}

// Goal: what is inserted is what an analyst reads, field by field. Method: an event with every field set; the fields of
// the Go type are counted, so that a new one without a column fails here.
func TestEveryFieldOfAnEventArrives(t *testing.T) {
	db := open(t)
	e := full()
	for i := range reflect.ValueOf(e).NumField() {
		if reflect.ValueOf(e).Field(i).IsZero() {
			t.Fatalf("the event of this test lacks %s", reflect.TypeOf(e).Field(i).Name)
		}
	}
	if n := reflect.TypeOf(e).NumField(); n != 27 {
		t.Fatalf("Event has %d fields: give the new one a column and a line here", n)
	}
	write(t, db, span(0, 1), e)
	micro := func(t time.Time) string { return t.Format("2006-01-02T15:04:05.000000Z") }
	hexed := func(b []byte) string { return hex.EncodeToString(b) }
	for column, want := range map[string]string{
		"tenant_id": e.TenantID, "message_id": e.MessageID, "toString(kind)": "sent", "attempt": "3", "detail": e.Detail,
		"accepted_at": micro(e.AcceptedAt), "at": micro(e.At), "stage": e.Stage, "reason": e.Reason,
		"sender_id": e.SenderID, "region": e.Region, "processor": e.Processor, "transfer_basis": e.TransferBasis,
		"country": e.Country, "category": e.Category, "content_type": e.ContentType, "size_class": e.SizeClass,
		"lower(hex(template_ref))": hexed(e.TemplateRef), "lower(hex(recipient_ref))": hexed(e.RecipientRef),
		"lower(hex(provider_ref))": hexed(e.ProviderRef), "error_code": "131049", "latency_us": "98765", "window": "72h",
		"due_at": micro(e.DueAt), "pricing_category": "service", "billable": "true",
		"labels['campaign']": "autumn", "labels['team']": "a-1", "copy_topic": "delivered.72h", "copy_partition": "7",
		"copy_offset": "42", "lower(hex(copy_seed_id))": hexed(e.Copy.SeedID), "policy_version": "2026-11",
		"toString(retain_until)": e.At.Add(400 * 24 * time.Hour).Format(time.DateTime),
	} {
		expect(t, db, want, "SELECT "+column+" FROM events FINAL")
	}
}

// Goal: an event with nothing optional, and one that tells of no message, can be inserted. Method: the zero values.
func TestAnEventWithNothingOptionalArrives(t *testing.T) {
	db := open(t)
	write(t, db, span(0, 2),
		schemas.Event{Identity: schemas.Identity{TenantID: "acme", MessageID: id(1), AcceptedAt: noon}, Kind: schemas.KindAccepted, At: noon},
		schemas.Event{Identity: schemas.Identity{TenantID: "acme", MessageID: "unknown"}, Kind: schemas.KindStopped, At: noon})
	expect(t, db, "2", "SELECT count() FROM events FINAL WHERE due_at IS NULL AND billable IS NULL AND empty(labels) AND recipient_ref = toFixedString('', 16)")
	expect(t, db, "1970-01-01T00:00:00.000000Z", "SELECT accepted_at FROM events FINAL WHERE kind = 'stopped'")
}

// Goal: a batch that is inserted twice, as after an answer that was lost, counts once, even before any merge. Method:
// the same span and rows twice; then other rows under the same span, as of a topic made anew, which must not be lost.
func TestABatchInsertedTwiceCountsOnce(t *testing.T) {
	db := open(t)
	batch := []schemas.Event{tell(1, schemas.KindAccepted, 0), tell(2, schemas.KindAccepted, 0)}
	write(t, db, span(0, 2), batch...)
	write(t, db, span(0, 2), batch...)
	expect(t, db, "2", "SELECT count() FROM events")
	write(t, db, span(0, 2), tell(3, schemas.KindAccepted, 0), tell(4, schemas.KindAccepted, 0))
	expect(t, db, "4", "SELECT count() FROM events")
}

// Goal: after a restart the same events come in batches with other borders, and each still counts once. Method: 100
// events in batches of 7, then in batches of 13 under other spans.
func TestAReplayWithOtherBatchBordersCollapses(t *testing.T) {
	db := open(t)
	var all []schemas.Event
	for n := range 20 {
		for _, k := range []schemas.Kind{schemas.KindAccepted, schemas.KindRouted, schemas.KindClaimed, schemas.KindSent, schemas.KindDelivered} {
			all = append(all, tell(n, k, time.Second))
		}
	}
	for _, size := range []int{7, 13} {
		for i := 0; i < len(all); i += size {
			end := min(i+size, len(all))
			write(t, db, span(int64(i), int64(end)), all[i:end]...)
		}
	}
	expect(t, db, "100", "SELECT count() FROM events FINAL")
}

// Goal: of repeats of an event with different times the earliest counts, in whatever order they come and whether or not
// they were merged. Method: all orders of three times, read with FINAL and again after a forced merge.
func TestTheEarliestOfRepeatsWins(t *testing.T) {
	db := open(t)
	for n, order := range [][]time.Duration{{1, 2, 3}, {1, 3, 2}, {2, 1, 3}, {2, 3, 1}, {3, 1, 2}, {3, 2, 1}} {
		for i, after := range order {
			offset := int64(3*n + i)
			write(t, db, span(offset, offset+1), tell(n, schemas.KindSent, after*time.Minute))
		}
	}
	for range 2 {
		expect(t, db, "6", "SELECT count() FROM events FINAL WHERE at = accepted_at + INTERVAL 1 MINUTE")
		expect(t, db, "6", "SELECT count() FROM events FINAL")
		if err := db.exec(t.Context(), "merge", nil, "OPTIMIZE TABLE events FINAL"); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, db, "6", "SELECT count() FROM events")
}

// Goal: a repeat across a month's end collapses, as the partition is that of accepted_at and not of at. Method: one event
// told a second before and a second after midnight of the 1st.
func TestRepeatsAcrossAMonthsEndCollapse(t *testing.T) {
	db := open(t)
	e := tell(1, schemas.KindSent, 0)
	first := time.Date(noon.Year(), noon.Month(), 1, 0, 0, 0, 0, time.UTC)
	e.AcceptedAt = first.Add(-time.Minute)
	for i, at := range []time.Time{first.Add(-time.Second), first.Add(time.Second)} {
		e.At = at
		write(t, db, span(int64(i), int64(i+1)), e)
	}
	expect(t, db, "1", "SELECT count() FROM events FINAL")
	expect(t, db, "1", "SELECT dateDiff('second', accepted_at, at) = 59 FROM events FINAL")
}

// Goal: receipts, audit records and suppressions arrive whole, and each once. Method: one of each, written twice under
// different spans.
func TestEvidenceArrivesOnce(t *testing.T) {
	db := open(t)
	receipt := schemas.Receipt{
		State: "expired", Lane: "delivered.72h", Partition: 2, Bucket: noon, FirstOffset: 10, LastOffset: 19, Count: 8,
		Deadline: noon.Add(time.Minute), ObservedAt: noon.Add(2 * time.Minute), PolicyVersion: "2026-11",
		Seeds: []schemas.SeedRef{{Topic: "keys.72h", SeedID: []byte("0123456789abcdef"), AppendedAt: noon}, {Topic: "keys.24h", SeedID: []byte("fedcba9876543210"), AppendedAt: noon}},
	}
	record := schemas.AuditRecord{AuditID: id(1), Action: "content_shown", Actor: "op-1", TenantID: "acme", MessageID: id(2), At: noon, ReadTo: 5, ReadHash: make([]byte, 32)}
	objection := schemas.Suppression{Scope: "recipient", TenantID: "acme", Ref: []byte("0123456789abcdef"), Category: "marketing", State: "stop", EffectiveAt: noon, Source: "keyword"}
	for i := range int64(2) {
		for _, err := range []error{
			Receipts(db).Write(t.Context(), span(i, i+1), []schemas.Receipt{receipt}),
			AuditRecords(db).Write(t.Context(), span(i, i+1), []schemas.AuditRecord{record}),
			Suppressions(db).Write(t.Context(), span(i, i+1), []schemas.Suppression{objection}),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	expect(t, db, "1", "SELECT count() FROM receipts FINAL WHERE count = 8 AND state = 'expired' AND last_offset = 19")
	expect(t, db, "keys.72h,keys.24h", "SELECT arrayStringConcat(seeds.topic, ',') FROM receipts FINAL")
	expect(t, db, "fedcba9876543210", "SELECT toString(seeds.seed_id[2]) FROM receipts FINAL")
	expect(t, db, "1", "SELECT count() FROM audit FINAL WHERE action = 'content_shown' AND read_to = 5")
	expect(t, db, "1", "SELECT count() FROM suppression_history FINAL WHERE category = 'marketing' AND source = 'keyword'")
}

// Goal: the columns of the targets are those of the tables, name and type. Method: compare with system.columns; a
// mismatch would otherwise show only on a server, where HTTP inserts take the types stated here.
func TestTargetsMatchTheTables(t *testing.T) {
	db := open(t)
	check(t, db, eventsTable())
	check(t, db, receiptsTable())
	check(t, db, auditTable())
	check(t, db, suppressionsTable())
	check(t, db, policiesTable())
	check(t, db, progressTable())
}

func check[T any](t *testing.T, db *DB, table table[T]) {
	t.Helper()
	rows, err := db.Query(t.Context(), `SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = ?
AND default_kind = '' ORDER BY position`, table.name)
	if err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, r := range rows.Values {
		want = append(want, r[0]+" "+r[1])
	}
	for _, c := range table.columns {
		got = append(got, c.name+" "+c.kind)
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s:\n got %q\nwant %q", table.name, got, want)
	}
}
