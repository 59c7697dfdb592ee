package clickhouse

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/schemas"
)

// order is the monotone rule, written down a second time: of the final kinds told of a send, the first here counts.
var order = []schemas.Kind{schemas.KindPlayed, schemas.KindRead, schemas.KindDelivered, schemas.KindFailed, schemas.KindSent,
	schemas.KindSuppressed, schemas.KindExpired, schemas.KindUnknown, schemas.KindRejected}

// modelState is the state of one send by its events, whatever their order; repeats names requests that were repeats.
func modelState(events []schemas.Event, repeats map[string]bool) string {
	told := map[schemas.Kind]bool{}
	var open schemas.Event
	repeat := true
	for _, e := range events {
		told[e.Kind] = true
		repeat = repeat && (e.Kind != schemas.KindAccepted || repeats[e.Detail])
		switch e.Kind {
		case schemas.KindAccepted, schemas.KindRouted, schemas.KindParked, schemas.KindClaimed:
			if c := e.At.Compare(open.At); open.Kind == "" || c > 0 || c == 0 && rank(e.Kind) > rank(open.Kind) {
				open = e
			}
		}
	}
	for _, k := range order {
		if told[k] && !(k == schemas.KindRejected && told[schemas.KindAccepted]) {
			return string(k)
		}
	}
	if repeat {
		return "repeated"
	}
	return string(open.Kind)
}

func rank(k schemas.Kind) int {
	return slices.Index([]schemas.Kind{schemas.KindAccepted, schemas.KindRouted, schemas.KindParked, schemas.KindClaimed}, k)
}

// randomSends makes events of n sends, each a random set of what can be told of one; some have a repeat beside them.
func randomSends(r *rand.Rand, n int) (events []schemas.Event, repeats map[string]bool) {
	kinds := append([]schemas.Kind{schemas.KindRouted, schemas.KindParked, schemas.KindClaimed, schemas.KindRedacted}, order...)
	repeats = map[string]bool{}
	for i := range n {
		first := tell(i, schemas.KindAccepted, 0)
		events = append(events, first)
		for _, k := range kinds {
			if ends := slices.Contains(order, k); r.IntN(3) == 0 && (i%2 == 0 || !ends) { // every other send stays open
				e := tell(i, k, time.Duration(r.IntN(5))*time.Second)
				if k == schemas.KindParked {
					e.Detail = e.At.Format("2006-01-02T15:04:05.000Z")
				}
				events = append(events, e)
			}
		}
		if r.IntN(4) == 0 {
			again := tell(i, schemas.KindAccepted, 0)
			if r.IntN(3) > 0 { // else in the same millisecond
				again.AcceptedAt, again.At = again.AcceptedAt.Add(time.Minute), again.At.Add(time.Minute)
			}
			again.Detail = fmt.Sprintf("requests/1/%d", i)
			told := tell(i, schemas.KindRepeated, time.Minute+time.Second)
			told.Detail = again.Detail
			events = append(events, again, told)
			repeats[again.Detail] = true
		}
	}
	return events, repeats
}

type send struct {
	message  string
	accepted int64
}

// Goal: messages holds one row a send with the state that follows from its events, however these came: in any order, in
// any batches, repeated with later times, with refreshes between. Method: random sets of events of 200 sends, shuffled,
// doubled and cut at random (seeded), against the rule written down in Go; then the roll-up against the messages, and
// the conservation law against the same model.
func TestMessagesFollowFromTheSetOfEvents(t *testing.T) {
	for seed := range uint64(2) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			db := open(t)
			r := rand.New(rand.NewPCG(seed, 7))
			events, repeats := randomSends(r, 200)
			insertShuffled(t, db, r, events)
			if err := db.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			sends := map[send][]schemas.Event{}
			for _, e := range events {
				s := send{e.MessageID, e.AcceptedAt.UnixMicro()}
				sends[s] = append(sends[s], e)
			}
			want, counts := map[string]string{}, map[string]uint64{}
			for s, told := range sends {
				state := modelState(told, repeats)
				want[fmt.Sprint(s)] = state
				counts[state]++
			}
			compareStates(t, db, want)
			compareCounts(t, db, counts, len(sends), len(repeats), 200+len(repeats))
		})
	}
}

func insertShuffled(t *testing.T, db *DB, r *rand.Rand, events []schemas.Event) {
	t.Helper()
	all := slices.Clone(events)
	for _, e := range events {
		if r.IntN(3) == 0 {
			e.At = e.At.Add(time.Hour) // a repeat, told later
			all = append(all, e)
		}
	}
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for i := 0; i < len(all); {
		end := min(i+1+r.IntN(400), len(all))
		write(t, db, span(int64(i), int64(end)), all[i:end]...)
		if i = end; r.IntN(2) == 0 {
			if err := db.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func compareStates(t *testing.T, db *DB, want map[string]string) {
	t.Helper()
	rows, err := db.Query(t.Context(), "SELECT message_id, toUnixTimestamp64Micro(accepted_at), state, final FROM messages FINAL")
	if err != nil {
		t.Fatal(err)
	}
	open := []string{"accepted", "routed", "parked", "claimed", "repeated"}
	for _, row := range rows.Values {
		key := "{" + row[0] + " " + row[1] + "}"
		if row[2] != want[key] {
			t.Errorf("%s: got %s, want %s", key, row[2], want[key])
		}
		if final := row[3] == "true"; final == slices.Contains(open, row[2]) {
			t.Errorf("%s: %s is final: %v", key, row[2], final)
		}
		delete(want, key)
	}
	if len(want) > 0 {
		t.Errorf("%d sends have no row: %v", len(want), want)
	}
}

func compareCounts(t *testing.T, db *DB, counts map[string]uint64, sends, repeats, requests int) {
	t.Helper()
	expect(t, db, fmt.Sprint(sends), "SELECT sum(messages) FROM funnel_hourly")
	expect(t, db, fmt.Sprint(counts["failed"]), "SELECT sum(failed) FROM funnel_hourly")
	expect(t, db, fmt.Sprint(repeats), "SELECT sum(repeated) FROM funnel_hourly")
	c, err := db.Conservation(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !c.Balanced() || c.Accepted != uint64(requests) || c.Repeated != uint64(repeats) || c.Rejected != 0 {
		t.Errorf("conservation: %+v of %d accepted and %d repeated", c, requests, repeats)
	}
	for state, n := range counts {
		if slices.Contains([]string{"accepted", "routed", "parked", "claimed"}, state) {
			c.Open -= n
		} else if state != "repeated" && c.Final[state] != n {
			t.Errorf("%s: got %d, want %d", state, c.Final[state], n)
		}
	}
	if c.Open != 0 {
		t.Errorf("open: %d too many", int64(c.Open))
	}
	if extra := slices.Sorted(maps.Keys(c.Final)); len(extra) > len(counts) {
		t.Errorf("final states %v, of %v", extra, counts)
	}
}

// Goal: refreshing is idempotent and safe beside itself. Method: the same database refreshed by four clients at once and
// again one by one changes no count, and an hour whose message moved on is replaced, not added to.
func TestRefreshIsIdempotent(t *testing.T) {
	db := open(t)
	var events []schemas.Event
	for n := range 50 {
		events = append(events, tell(n, schemas.KindAccepted, 0), tell(n, schemas.KindClaimed, time.Second))
	}
	write(t, db, span(0, 100), events...)
	refreshTogether(t, db, 4)
	expect(t, db, "50", "SELECT sum(open) FROM funnel_hourly")
	for i := range events {
		kind := schemas.KindSent
		if i%2 == 1 {
			kind = schemas.KindDelivered
		}
		events[i] = tell(i/2, kind, 2*time.Second)
	}
	write(t, db, span(100, 200), events...)
	refreshTogether(t, db, 4)
	for range 2 {
		expect(t, db, "50", "SELECT sum(messages) FROM funnel_hourly")
		expect(t, db, "0", "SELECT sum(open) FROM funnel_hourly")
		expect(t, db, "50", "SELECT sum(delivered) FROM funnel_hourly WHERE sender_id = '106540352242922'")
		expect(t, db, "50", "SELECT count() FROM messages FINAL")
		if err := db.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

func refreshTogether(t *testing.T, db *DB, n int) {
	t.Helper()
	errs := make(chan error)
	for range n {
		go func() { errs <- db.Refresh(t.Context()) }()
	}
	for range n {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
}
