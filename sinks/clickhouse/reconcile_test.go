package clickhouse

import (
	"slices"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/schemas"
)

// Goal: exactly the events that the table lacks are named, whatever part of an identity tells them apart, and restored
// under whatever token they went in before. Method: sends with all their events inserted, some deleted by hand, one event
// never inserted; then the deleted deleted again.
func TestExactlyTheMissingEventsAreFoundAndRestored(t *testing.T) {
	db := open(t)
	all := manyEvents(300)
	stop := schemas.StopEvent(schemas.KindStopped, "deliver", "acme", &schemas.Stop{Scope: "number", ID: "106540352242922", SetAt: noon})
	second := tell(7, schemas.KindClaimed, 3*time.Second) // differs by its attempt only
	second.Attempt = 2
	all = append(all, stop)
	write(t, db, span(0, int64(len(all))), all...)
	all = append(all, second)
	hand := "ALTER TABLE events DELETE WHERE kind = 'sent' AND message_id IN (?, ?) OR kind = 'stopped' SETTINGS mutations_sync = 2"
	for round := range 2 {
		if err := db.exec(t.Context(), "delete by hand", nil, hand, id(3), id(11)); err != nil {
			t.Fatal(err)
		}
		want := []eventKey{eventOf(new(tell(3, schemas.KindSent, 0))), eventOf(new(tell(11, schemas.KindSent, 0))), eventOf(&stop)}
		if round == 0 {
			want = append(want, eventOf(&second))
		}
		missing := compared(t, db, all)
		if got := keys(missing); !slices.Equal(got, sorted(want)) {
			t.Fatalf("round %d: missing %v, want %v", round, got, want)
		}
		if err := db.Restore(t.Context(), missing); err != nil {
			t.Fatal(err)
		}
		if again := compared(t, db, all); len(again) > 0 {
			t.Fatalf("round %d: %d still missing after they were restored", round, len(again))
		}
	}
	expect(t, db, "1202", "SELECT count() FROM events FINAL")
}

// Goal: a derived table that does not say what it is computed from is named, by hour and figure; one that does is not,
// an hour that still moves is not judged, and an hour computed anew is right again. Method: refreshed tables, then a row of
// messages deleted by hand.
func TestTotalsThatDifferAreNamed(t *testing.T) {
	db := open(t)
	all := manyEvents(40)
	write(t, db, span(0, int64(len(all))), all...)
	if _, moving, err := db.Totals(t.Context(), noon); err != nil || moving != 1 {
		t.Fatalf("before any refresh: %d hours move (%v), want 1", moving, err)
	}
	if err := db.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	settle := func() {
		t.Helper()
		if err := db.exec(t.Context(), "settle", nil, "INSERT INTO refreshes (through) SELECT now() + 120"); err != nil {
			t.Fatal(err)
		}
	}
	settle()
	if differ, moving, err := db.Totals(t.Context(), noon); err != nil || len(differ) > 0 || moving > 0 {
		t.Fatalf("as refreshed: %v, %d hours move (%v)", differ, moving, err)
	}
	if err := db.exec(t.Context(), "delete by hand", nil, "ALTER TABLE messages DELETE WHERE message_id = ? SETTINGS mutations_sync = 2", id(5)); err != nil {
		t.Fatal(err)
	}
	differ, _, err := db.Totals(t.Context(), noon.Add(30*time.Minute)) // the hour is whole
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, d := range differ {
		names = append(names, d.String())
	}
	hour := noon.Format("2006-01-02 15:04")
	for _, want := range []string{"messages of " + hour + " in messages: 39, should be 40", "messages of " + hour + " in delivery_hourly: 40, should be 39"} {
		if !slices.Contains(names, want) {
			t.Errorf("not named: %s among %q", want, names)
		}
	}
	if err := db.exec(t.Context(), "forget", nil, "TRUNCATE TABLE refreshes"); err != nil { // it said the future is in
		t.Fatal(err)
	}
	if err := db.Recompute(t.Context(), differ[0].Hour); err != nil {
		t.Fatal(err)
	}
	if err := db.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	settle()
	if differ, _, err := db.Totals(t.Context(), noon); err != nil || len(differ) > 0 {
		t.Errorf("after the hour was computed anew: %v (%v)", differ, err)
	}
}

// manyEvents are the four events of each of n sends.
func manyEvents(n int) (all []schemas.Event) {
	for i := range n {
		for step, kind := range []schemas.Kind{schemas.KindAccepted, schemas.KindRouted, schemas.KindClaimed, schemas.KindSent} {
			all = append(all, tell(i, kind, time.Duration(step)*time.Second))
		}
	}
	return all
}

func compared(t *testing.T, db *DB, all []schemas.Event) []schemas.Event {
	t.Helper()
	c := NewComparison(db)
	for i := range all {
		c.Add(&all[i])
		c.Add(&all[i]) // a repeat
	}
	missing, doubled, err := c.Missing(t.Context())
	if err != nil || len(doubled) > 0 {
		t.Fatalf("%d doubled (%v)", len(doubled), err)
	}
	return missing
}

func keys(events []schemas.Event) (all []eventKey) {
	for i := range events {
		all = append(all, eventOf(&events[i]))
	}
	return sorted(all)
}

func sorted(all []eventKey) []eventKey {
	slices.SortFunc(all, func(a, b eventKey) int {
		return slices.Compare([]string{a.message, a.kind, string(rune('0' + a.attempt))}, []string{b.message, b.kind, string(rune('0' + b.attempt))})
	})
	return all
}
