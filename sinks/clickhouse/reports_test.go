package clickhouse

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/schemas"
)

// story inserts ten messages: all accepted, routed and claimed; 0–5 sent, 0–3 delivered, 0–1 read, 0 redacted; 6 and 7
// failed, 8 expired, 9 open. Beside them one request rejected and one repeated.
func story(t *testing.T, db *DB) {
	t.Helper()
	var events []schemas.Event
	add := func(from, to int, kind schemas.Kind, after time.Duration) {
		for n := from; n < to; n++ {
			e := tell(n, kind, after)
			switch kind {
			case schemas.KindFailed:
				e.Reason, e.ErrorCode = "undeliverable", 131026
			case schemas.KindExpired:
				e.Reason = "past_deadline"
			case schemas.KindSent, schemas.KindRedacted:
				e.DueAt = e.AcceptedAt.Add(time.Hour)
			}
			events = append(events, e)
		}
	}
	add(0, 10, schemas.KindAccepted, 0)
	add(0, 10, schemas.KindRouted, 10*time.Millisecond)
	add(0, 10, schemas.KindClaimed, 30*time.Millisecond)
	add(0, 6, schemas.KindSent, 100*time.Millisecond)
	add(0, 4, schemas.KindDelivered, 2*time.Second)
	add(0, 2, schemas.KindRead, 3*time.Second)
	add(0, 1, schemas.KindRedacted, time.Hour+time.Second)
	add(6, 8, schemas.KindFailed, 100*time.Millisecond)
	add(8, 9, schemas.KindExpired, time.Second)
	rejected := tell(20, schemas.KindRejected, 0)
	rejected.TenantID, rejected.MessageID, rejected.Reason = "unknown", rejected.Detail, "unknown_tenant"
	both := tell(3, schemas.KindRejected, 0) // stands for coordinates that were accepted: accepted counts
	again := tell(0, schemas.KindAccepted, 0)
	again.AcceptedAt, again.At, again.Detail = again.AcceptedAt.Add(time.Minute), again.At.Add(time.Minute), "requests/0/30"
	routed := tell(0, schemas.KindRouted, 0)
	routed.AcceptedAt, routed.At = again.AcceptedAt, again.At.Add(10*time.Millisecond)
	repeated := tell(0, schemas.KindRepeated, time.Minute)
	repeated.Detail = again.Detail
	stopped := tell(0, schemas.KindStopped, 0)
	stopped.MessageID, stopped.AcceptedAt = "unknown", time.Time{}
	write(t, db, span(0, int64(len(events)+6)), append(events, rejected, both, again, routed, repeated, stopped)...)
	if err := db.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// Goal: the reports say what happened. Method: a story of ten messages with known answers.
func TestReportsTellTheStory(t *testing.T) {
	db := open(t)
	story(t, db)
	funnel, err := db.Funnel(t.Context(), "")
	want := Funnel{Accepted: 10, Routed: 10, Claimed: 10, Sent: 6, Delivered: 4, Read: 2, Redacted: 1, Failed: 2, Expired: 1, Rejected: 1, Repeated: 1}
	if err != nil || funnel != want {
		t.Errorf("funnel: %v\n got %+v\nwant %+v", err, funnel, want)
	}
	if other, err := db.Funnel(t.Context(), "other"); err != nil || other != (Funnel{}) {
		t.Errorf("another tenant's funnel: %+v, %v", other, err)
	}
	hops, err := db.Latency(t.Context())
	p50 := map[string]time.Duration{}
	for _, h := range hops {
		p50[h.From+" "+h.To] = h.P50
	}
	if err != nil || len(hops) != 5 || p50["accepted routed"] != 10*time.Millisecond || p50["claimed sent"] != 70*time.Millisecond || p50["due redacted"] != time.Second {
		t.Errorf("latency: %v %+v", err, hops)
	}
	failures, err := db.Failures(t.Context())
	if err != nil || len(failures) != 3 || failures[0] != (Failure{State: "failed", Reason: "undeliverable", ErrorCode: 131026, Messages: 2}) {
		t.Errorf("failures: %v %+v", err, failures)
	}
	c, err := db.Conservation(t.Context())
	if err != nil || !c.Balanced() || c.Accepted != 11 || c.Rejected != 1 || c.Repeated != 1 || c.Open != 1 || c.FinalSends() != 9 {
		t.Errorf("conservation: %v %+v", err, c)
	}
	expect(t, db, "9 1 5 1000", "SELECT concat(toString(messages), ' ', toString(redacted), ' ', toString(overdue), ' ', toString(latest_ms)) FROM retention")
}

// Goal: what no diagnostic copy was made of is never overdue. Method: a message sent under a window of zero yesterday, whose
// record without content waits for the turn of its lane.
func TestAWindowOfZeroIsNeverOverdue(t *testing.T) {
	db := open(t)
	sent := tell(0, schemas.KindSent, time.Second)
	sent.Window, sent.DueAt = "0s", sent.At
	write(t, db, span(0, 2), tell(0, schemas.KindAccepted, 0), sent)
	if err := db.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	expect(t, db, "0s 1 0", "SELECT concat(window, ' ', toString(messages), ' ', toString(overdue)) FROM retention")
}

// Goal: a trace is one message's time line, with the wait before each step. Method: the story's first message.
func TestATraceIsATimeLine(t *testing.T) {
	db := open(t)
	story(t, db)
	steps, err := db.Trace(t.Context(), "acme", id(0))
	if err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, s := range steps {
		kinds = append(kinds, s.Kind)
	}
	if want := "accepted routed claimed sent delivered read repeated redacted accepted routed"; strings.Join(kinds, " ") != want {
		t.Errorf("got %v, want %s", kinds, want)
	}
	if steps[3].Wait != 70*time.Millisecond || steps[3].LatencyUS != 42_000 || steps[3].SenderID != "106540352242922" {
		t.Errorf("sent: %+v", steps[3])
	}
}

// Goal: an answer comes as text that programs can read. Method: one value of each type that tables have.
func TestQueryGivesText(t *testing.T) {
	db := open(t)
	rows, err := db.Query(t.Context(), "SELECT toDateTime64(0.000001, 6, 'UTC') AS t, CAST(NULL AS Nullable(Int32)) AS n, true AS b, toFixedString('ab', 4) AS f, 1.5 AS x, ['a'] AS l, ? AS s", "it's")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(rows.Columns, strings.Fields("t n b f x l s")) || !slices.Equal(rows.Values[0], []string{"1970-01-01T00:00:00.000001Z", "", "true", "ab", "1.5", "[a]", "it's"}) {
		t.Errorf("got %q", rows)
	}
}

// Goal: Follow brings derived tables up to date by itself and ends without an error when it is told to. Method: insert,
// wait for the row, cancel.
func TestFollowKeepsDerivedTablesFresh(t *testing.T) {
	db := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- db.Follow(ctx, 10*time.Millisecond, slog.New(slog.NewTextHandler(io.Discard, nil))) }()
	write(t, db, span(0, 1), tell(1, schemas.KindAccepted, 0))
	for deadline := time.Now().Add(time.Minute); ask(t, db, "SELECT sum(messages) FROM funnel_hourly") != "1"; {
		if time.Now().After(deadline) {
			t.Fatal("the message did not reach the roll-up")
		}
		time.Sleep(10 * time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Follow: %v", err)
	}
}
