package clickhouse

import (
	"slices"
	"testing"
	"time"
)

// Goal: what is refreshed is every second that changed, whole, in statements of a bounded size. Method: seconds with gaps, small
// and large ones.
func TestSlicesOfSeconds(t *testing.T) {
	at := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Second) }
	got := slicesOf([]second{
		{at: at(0), events: 4_000}, {at: at(1), events: 6_000}, {at: at(2), events: 1},
		{at: at(4), events: 25_000}, {at: at(5), events: 10_000}, {at: at(6), events: 1},
	})
	want := []slice{{at(0), at(2), 10_000}, {at(2), at(3), 1}, {at(4), at(5), 25_000}, {at(5), at(6), 10_000}, {at(6), at(7), 1}}
	if !slices.Equal(got, want) {
		t.Errorf("slices %v\nwant %v", got, want)
	}
	if got := slicesOf(nil); got != nil {
		t.Errorf("slices %v of nothing", got)
	}
}

// Goal: what becomes visible late is refreshed, and what a refresh has seen is not computed again. Method: one refresher;
// events inserted as of now, then one as of half a minute ago, then none.
func TestARefreshSeesWhatBecomesVisibleLate(t *testing.T) {
	db := open(t)
	r := &refresher{DB: db}
	insert := func(message string, secondsAgo int) {
		t.Helper()
		err := db.exec(t.Context(), "insert", nil, `INSERT INTO events (tenant_id, message_id, accepted_at, kind, at, inserted_at)
SELECT 'acme', ?, toDateTime64('2026-11-20 12:00:00', 6, 'UTC') AS a, 'accepted', a, now() - ?`, message, secondsAgo)
		if err != nil {
			t.Fatal(err)
		}
	}
	refresh := func() {
		t.Helper()
		if err := r.refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	computed := func(message string) string {
		t.Helper()
		rows, err := db.Query(t.Context(), "SELECT count(), max(refreshed_at) FROM messages WHERE message_id = ?", message)
		if err != nil {
			t.Fatal(err)
		}
		return rows.Values[0][0] + " " + rows.Values[0][1]
	}
	insert("early", 40)
	refresh()
	first := computed("early")
	insert("late", 30)
	refresh()
	expect(t, db, "early,late", "SELECT arrayStringConcat(arraySort(groupArray(message_id)), ',') FROM messages FINAL")
	expect(t, db, "2", "SELECT sum(messages) FROM funnel_hourly")
	late := computed("late")
	refresh()
	if now := computed("early"); now != first || now[:2] != "1 " {
		t.Errorf("an event seen before was computed again: %s, then %s", first, now)
	}
	if now := computed("late"); now != late {
		t.Errorf("an event seen before was computed again: %s, then %s", late, now)
	}
}
