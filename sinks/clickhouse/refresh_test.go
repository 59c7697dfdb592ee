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
	s := func(n int, events uint64, changed bool) second { return second{at(n), events, 0, changed} }
	var got [][3]int
	for _, s := range slicesOf([]second{
		s(0, 4_000, true), s(1, 6_000, true), s(2, 1, true), // full, then one that goes on
		s(100, 2, true), s(101, 3, false), s(102, 4, true), // over a gap, not over what did not change
		s(103, 25_000, true), s(104, 10_000, true), s(105, 1, true),
	}) {
		got = append(got, [3]int{int(s.from.Sub(noon).Seconds()), int(s.to.Sub(noon).Seconds()), int(s.events)})
	}
	want := [][3]int{{0, 2, 10_000}, {2, 101, 3}, {102, 103, 4}, {103, 104, 25_000}, {104, 105, 10_000}, {105, 106, 1}}
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
	r := newRefresher(db)
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
		if _, err := r.pass(t.Context()); err != nil {
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
