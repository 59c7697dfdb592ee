package clickhouse

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
)

// encoded are events as the values of their records.
func encoded(t testing.TB, events ...schemas.Event) []Value {
	t.Helper()
	values := make([]Value, len(events))
	for i := range events {
		v, err := schemas.Events.Encode(&events[i])
		if err != nil {
			t.Fatal(err)
		}
		values[i] = Value{v, events[i].At.UnixMilli()}
	}
	return values
}

// Goal: what many partitions write while an insert waits goes into one, and each hears once it is acknowledged; the
// answer that is lost after the commit does not double it. Method: twelve writers at once, one of them full so that
// nobody waits longer, and a proxy that loses the first answer.
func TestManyPartitionsShareAnInsert(t *testing.T) {
	db, inserts := faulty(t, func(w http.ResponseWriter, r *http.Request, n int64, forward http.Handler) {
		if n > 1 {
			forward.ServeHTTP(w, r)
			return
		}
		forward.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	})
	const partitions, full = 12, 3
	g := GatherEvents(db, time.Hour, full)
	var writers sync.WaitGroup
	write := func(p int, events ...schemas.Event) {
		writers.Go(func() {
			s := pipeline.Span{Topic: "events", Partition: p, Next: int64(len(events))}
			if err := g.Write(t.Context(), s, encoded(t, events...)); err != nil {
				t.Error(err)
			}
		})
	}
	for p := range partitions - 1 {
		write(p, tell(p, schemas.KindAccepted, 0))
	}
	for joined := 0; joined < partitions-1; { // wait until all have joined
		g.mu.Lock()
		if g.open != nil {
			joined = g.open.writers
		}
		g.mu.Unlock()
	}
	write(partitions-1, tell(20, schemas.KindAccepted, 0), tell(21, schemas.KindAccepted, 0), tell(22, schemas.KindAccepted, 0))
	writers.Wait()
	expect(t, db, "14", "SELECT count() FROM events")
	expect(t, db, "12", "SELECT count() FROM freshness WHERE object = 'events'")
	expect(t, db, tell(22, schemas.KindAccepted, 0).At.Format("2006-01-02T15:04:05.000000Z"), "SELECT complete_to FROM freshness WHERE partition = 11")
	if len(inserts.tokens) != 2 || len(slices.Compact(inserts.tokens)) != 1 {
		t.Errorf("the tokens of the tries: %q, want 2 alike", inserts.tokens)
	}
}

// Goal: a gathering is bounded in rows, and a chunk's end loses none. Method: one writer with as many rows as fit, then
// one more row by another while the first waits; both are inserted, in two inserts.
func TestAGatheringIsBounded(t *testing.T) {
	db, inserts := faulty(t, func(w http.ResponseWriter, r *http.Request, _ int64, forward http.Handler) { forward.ServeHTTP(w, r) })
	g := GatherEvents(db, time.Millisecond, 2*gatheredRows)
	var events []schemas.Event
	for n := range gatheredRows {
		events = append(events, tell(n, schemas.KindAccepted, 0))
	}
	first := g.join(t.Context(), part{span(0, gatheredRows), encoded(t, events...)})
	if err := g.Write(t.Context(), span(gatheredRows, gatheredRows+1), encoded(t, tell(gatheredRows, schemas.KindAccepted, 0))); err != nil {
		t.Fatal(err)
	}
	if <-first.done; first.err != nil {
		t.Fatal(first.err)
	}
	expect(t, db, "50001", "SELECT uniqExact(message_id) FROM events")
	if len(inserts.tokens) != 2 {
		t.Errorf("%d inserts, want 2", len(inserts.tokens))
	}
}

// Goal: a writer whose partition is taken away returns at once, and what the others of its gathering wrote still lands;
// a gathering that all have left is given up. Method: two writers, one of whose contexts ends; then one alone.
func TestAWriterMayLeaveItsGathering(t *testing.T) {
	db := open(t)
	g := GatherEvents(db, time.Hour, 2)
	leaving, leave := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() { left <- g.Write(leaving, span(0, 1), encoded(t, tell(1, schemas.KindAccepted, 0))) }()
	for opened := false; !opened; {
		g.mu.Lock()
		opened = g.open != nil
		g.mu.Unlock()
	}
	stays := g.join(t.Context(), part{span(1, 2), encoded(t, tell(2, schemas.KindAccepted, 0))})
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	stays.hurry()
	if <-stays.done; stays.err != nil {
		t.Error(stays.err)
	}
	expect(t, db, "1", "SELECT count() FROM events WHERE message_id = ?", id(2))

	alone := g.join(t.Context(), part{span(2, 3), encoded(t, tell(3, schemas.KindAccepted, 0))})
	g.leave(alone)
	if <-alone.done; !errors.Is(alone.err, context.Canceled) {
		t.Errorf("given up: got %v", alone.err)
	}
	expect(t, db, "0", "SELECT count() FROM events WHERE message_id = ?", id(3))
}
