package clickhouse

import (
	"slices"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
)

// Goal: after a deletion nothing tells of the person, in events, messages, repeats or the roll-up, and nothing brings it
// back: no replay, no callback that comes late, no repair; another person's rows, another tenant's of the same ref, and
// what the person is sent later stay. Method: three people of two tenants over two hours, one alone in theirs; delete one,
// insert all again as record does, and look.
func TestADeletionHoldsAgainstReplayAndRepair(t *testing.T) {
	db := open(t)
	gone, kept := tell(1, schemas.KindAccepted, 0).RecipientRef, tell(2, schemas.KindAccepted, 0).RecipientRef
	through := noon.Add(2 * time.Hour)
	var theirs, others []schemas.Event
	add := func(into *[]schemas.Event, tenant string, n int, at time.Time, ref []byte) {
		for _, kind := range []schemas.Kind{schemas.KindAccepted, schemas.KindRouted, schemas.KindSent, schemas.KindDelivered} {
			e := tell(n, kind, 0)
			e.TenantID, e.AcceptedAt, e.At, e.RecipientRef = tenant, at, at, ref
			if kind == schemas.KindDelivered {
				e.RecipientRef = nil // callbacks bear none
			}
			*into = append(*into, e)
		}
	}
	add(&theirs, "acme", 1, noon, gone)
	add(&theirs, "acme", 2, noon.Add(90*time.Minute), gone) // alone in its hour
	add(&theirs, "acme", 3, through, gone)                  // the last that counts
	add(&others, "acme", 4, through.Add(time.Microsecond), gone)
	add(&others, "acme", 5, noon, kept)
	add(&others, "blue", 6, noon, gone)
	repeated := tell(1, schemas.KindRepeated, 0)
	repeated.AcceptedAt, repeated.Detail = noon, "requests/0/99"
	theirs = append(theirs, repeated)
	late := theirs[3]
	late.Kind = schemas.KindRead

	land := lander(t, db)
	all := slices.Concat(theirs, others)
	land(all...)
	expect(t, db, "6", "SELECT count() FROM messages FINAL")
	subject := Subject{TenantID: "acme", Refs: [][]byte{gone}, Through: through}
	if n, err := db.SubjectSends(t.Context(), subject); err != nil || n != 3 {
		t.Fatalf("%d sends planned (%v), want 3", n, err)
	}
	if err := db.bury(t.Context(), subject); err != nil {
		t.Fatal(err)
	}
	rows := "SELECT count() FROM events WHERE message_id = '" + id(1) + "'"
	before := ask(t, db, rows)
	if err := db.Recompute(t.Context(), noon.Truncate(time.Hour)); err != nil {
		t.Fatal(err)
	}
	expect(t, db, before, rows) // a repair beside the deletion copies nothing of what is being deleted
	if err := db.DeleteSubject(t.Context(), subject, 0); err != nil {
		t.Fatal(err)
	}
	look := func(when string) {
		t.Helper()
		for sql, want := range map[string]string{
			"SELECT count() FROM events FINAL":   "12",
			"SELECT count() FROM messages FINAL": "3",
			"SELECT count() FROM repeats FINAL":  "0",
			"SELECT count() FROM events WHERE tenant_id = 'acme' AND message_id IN ('" + id(1) + "', '" + id(2) + "', '" + id(3) + "')":                                  "0",
			"SELECT sum(messages) FROM delivery_hourly AS h FINAL WHERE (h.hour, h.refreshed_at) IN (SELECT hour, max(refreshed_at) FROM delivery_hourly GROUP BY hour)": "3",
		} {
			if got := ask(t, db, sql); got != want {
				t.Errorf("%s: %s: got %s, want %s", when, sql, got, want)
			}
		}
	}
	look("deleted")
	land(all...)
	look("replayed")
	land(late)
	land(theirs...)
	look("after a late callback, and with nothing but theirs in a batch")
	if missing := compared(t, db, append(all, late)); len(missing) > 0 {
		t.Errorf("a repair would bring %d events back", len(missing))
	}
	if err := db.DeleteSubject(t.Context(), subject, 0); err != nil {
		t.Errorf("again: %v", err)
	}
	look("deleted again")
	var later []schemas.Event
	add(&later, "acme", 7, through.Add(time.Minute), gone)
	land(later...)
	expect(t, db, "16", "SELECT count() FROM events FINAL")
	expect(t, db, "4", "SELECT count() FROM messages FINAL")
}

// Goal: what was accepted before a deletion and is recorded after it leaves nothing, its callbacks included, which bear no
// ref. Method: a person deleted of whom nothing is recorded yet; then their events, and a callback in a batch of its own and
// one in the same batch, beside somebody else's.
func TestWhatIsRecordedAfterItsDeletionLeavesNothing(t *testing.T) {
	db := open(t)
	gone := []byte("ref-of-the-gone!")
	subject := Subject{TenantID: "acme", Refs: [][]byte{gone}, Through: noon.Add(time.Hour)}
	if err := db.DeleteSubject(t.Context(), subject, 0); err != nil {
		t.Fatal(err)
	}
	land := lander(t, db)
	theirs := func(kind schemas.Kind) schemas.Event {
		e := tell(1, kind, time.Second)
		e.RecipientRef = gone
		return e
	}
	callback := func(kind schemas.Kind) schemas.Event {
		e := theirs(kind)
		e.RecipientRef = nil
		return e
	}
	land(theirs(schemas.KindAccepted), theirs(schemas.KindSent), callback(schemas.KindDelivered), tell(2, schemas.KindAccepted, 0))
	land(callback(schemas.KindRead))
	expect(t, db, id(2), "SELECT arrayStringConcat(groupArray(message_id), ',') FROM events")
	expect(t, db, id(2), "SELECT arrayStringConcat(groupArray(message_id), ',') FROM messages FINAL")
}

// lander returns what lands events as record does, each time under a token of their own, and refreshes.
func lander(t *testing.T, db *DB) func(...schemas.Event) {
	landed := int64(0)
	return func(events ...schemas.Event) {
		t.Helper()
		var values []Value
		for i := range events {
			b, err := schemas.Events.Encode(&events[i])
			if err != nil {
				t.Fatal(err)
			}
			values = append(values, Value{Bytes: b, AppendedAt: noon.UnixMilli()})
		}
		s := pipeline.Span{Topic: "events", First: landed, Next: landed + int64(len(events))}
		landed = s.Next
		if err := GatherEvents(db, 0, 1).Write(t.Context(), s, values); err != nil {
			t.Fatal(err)
		}
		if err := db.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
