package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caarlos0/env/v11"

	"github.com/whatsapplink/cloud/cmd/internal/wire"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/sinks/clickhouse"
	engine "github.com/whatsapplink/cloud/sinks/clickhouse/embedded"
)

// recorded sets an environment with topics and tables, and returns an operator of it and a client of its ClickHouse.
func recorded(t *testing.T) (*operator, *clickhouse.DB) {
	t.Helper()
	o := small(t)
	t.Setenv("WL_CLICKHOUSE_URL", engine.ForTest(t))
	must(t, "", "setup", "--apply")
	db, err := clickhouse.Open(clickhouse.Config{URL: os.Getenv("WL_CLICKHOUSE_URL")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return o, db
}

// publish appends events to their topic.
func publish(t *testing.T, o *operator, events ...schemas.Event) {
	t.Helper()
	var outputs []pipeline.Output
	for i := range events {
		value, err := schemas.Events.Encode(&events[i])
		if err != nil {
			t.Fatal(err)
		}
		outputs = append(outputs, pipeline.Output{Topic: wire.EventsT, Partition: pipeline.AnyPartition, Key: []byte(events[i].MessageID), Value: value})
	}
	if _, err := o.process.Cluster.Log().Append(within(t), outputs); err != nil {
		t.Fatal(err)
	}
}

// land runs record until it has committed what stands in events and the derived tables follow.
func land(t *testing.T) {
	t.Helper()
	build := built[wire.RecordConfig]("record", wire.Record, without(env.ToMap(os.Environ()), "WL_REFS_URL"), io.Discard)
	s, problems := build()
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	ctx, stop := context.WithCancel(within(t))
	done := make(chan error, 1)
	go func() { done <- runServices(ctx, []service{s}) }()
	for {
		code, _, errs := wlctl("", "reconcile")
		if code == 0 && strings.Contains(errs, "(0 not recorded yet") && strings.Contains(errs, " 0 hours still moving") {
			break
		}
		select {
		case err := <-done:
			t.Fatalf("record ended: %v", err)
		case <-ctx.Done():
			t.Fatalf("not recorded in time: exit %d %s", code, errs)
		case <-time.After(50 * time.Millisecond):
		}
	}
	stop()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// sendsOf makes the events of n sends to one recipient, accepted a second apart from a time on. Those of callbacks bear no
// ref, as those of listen.
func sendsOf(tenant, prefix string, n int, from time.Time, ref []byte) (all []schemas.Event) {
	for i := range n {
		id := schemas.Identity{TenantID: tenant, MessageID: fmt.Sprintf("%s%02d", prefix, i), AcceptedAt: from.Add(time.Duration(i) * time.Second)}
		for step, kind := range []schemas.Kind{schemas.KindAccepted, schemas.KindRouted, schemas.KindClaimed, schemas.KindSent, schemas.KindDelivered} {
			e := schemas.Event{Identity: id, Kind: kind, At: id.AcceptedAt.Add(time.Duration(step) * time.Second), Stage: "deliver", Country: "DE",
				Category: "utility", ContentType: "text", RecipientRef: ref, Window: "20s", Labels: map[string]string{}, PolicyVersion: "2026-11"}
			switch kind {
			case schemas.KindAccepted:
				e.Detail = fmt.Sprintf("requests/0/%d", i)
			case schemas.KindClaimed, schemas.KindSent:
				e.Attempt, e.SenderID = 1, "106540352242922"
			case schemas.KindDelivered:
				e.Attempt, e.Stage, e.RecipientRef = 1, "listen", nil
			}
			all = append(all, e)
		}
	}
	return all
}

// dump is a table as it is read, without when rows were written.
func dump(t *testing.T, db *clickhouse.DB, table string) (lines []string) {
	t.Helper()
	rows, err := db.Query(within(t), "SELECT * EXCEPT (inserted_at) FROM "+table+" FINAL ORDER BY ALL")
	if table != "events" {
		rows, err = db.Query(within(t), "SELECT * EXCEPT (refreshed_at) FROM "+table+" FINAL ORDER BY ALL")
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows.Values {
		lines = append(lines, strings.Join(r, "|"))
	}
	return lines
}

// Goal: reconcile names exactly the events that ClickHouse lacks, plans before it repairs, and its repair changes nothing
// else, derived tables included. Method: record lands a topic with repeats and a record that is not ours; rows deleted by
// hand; the verb without flags, with --repair, with --apply, and again.
func TestReconcileFindsAndRepairsWhatWasDeletedByHand(t *testing.T) {
	o, db := recorded(t)
	noon := time.Now().UTC().Truncate(time.Hour).Add(-5 * time.Hour)
	events := sendsOf("acme", "01JD3Z8Q4Y5W6V7T8S9R0QPN", 40, noon, []byte("sixteen bytes ok"))
	strange := events[0]
	strange.Country = "Germany"
	publish(t, o, events...)
	publish(t, o, strange, events[3], events[77])
	if code, _, errs := wlctl("", "reconcile"); code != 1 || !strings.Contains(errs, "nothing was compared") {
		t.Errorf("before record ran: exit %d %s", code, errs)
	}
	land(t)
	before := [][]string{dump(t, db, "events"), dump(t, db, "messages"), dump(t, db, "delivery_hourly")}
	if len(before[0]) != len(events) || len(before[1]) != 40 {
		t.Fatalf("%d events and %d messages recorded", len(before[0]), len(before[1]))
	}
	gone := []schemas.Event{events[4], events[8], events[150]}
	for _, e := range gone {
		_, err := db.Query(within(t), "ALTER TABLE events DELETE WHERE message_id = ? AND kind = ? SETTINGS mutations_sync = 2", e.MessageID, string(e.Kind))
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, flags := range [][]string{{}, {"--repair"}, {"--repair", "--apply"}} {
		code, out, errs := wlctl("", append([]string{"reconcile", "--json"}, flags...)...)
		if want := map[int]int{0: 1, 1: 1, 2: 0}[len(flags)]; code != want {
			t.Errorf("%v: exit %d, want %d\n%s", flags, code, want, errs)
		}
		var got, want []string
		for line := range strings.Lines(out) {
			var d difference
			if err := json.Unmarshal([]byte(line), &d); err != nil {
				t.Fatal(err)
			}
			if d.What == "missing" {
				got = append(got, d.MessageID+d.Kind)
			} else if d.What != "total" {
				t.Errorf("%v: %s", flags, line)
			}
		}
		for _, e := range gone {
			want = append(want, e.MessageID+string(e.Kind))
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%v: missing %v, want %v", flags, got, want)
		}
		if n := len(dump(t, db, "events")); len(flags) < 2 && n != len(events)-len(gone) {
			t.Errorf("%v changed the table: %d events", flags, n)
		}
	}
	after := [][]string{dump(t, db, "events"), dump(t, db, "messages"), dump(t, db, "delivery_hourly")}
	for i, table := range []string{"events", "messages", "delivery_hourly"} {
		if !slices.Equal(before[i], after[i]) {
			t.Errorf("%s is not what it was: %d rows, %d before", table, len(after[i]), len(before[i]))
		}
	}
	must(t, "", "reconcile")
	if code, _, _ := wlctl("", "reconcile", "--apply"); code != 2 {
		t.Errorf("--apply alone: exit %d, want 2", code)
	}
	if audited, _ := records(t, o, wire.AuditT, schemas.AuditRecords); !slices.ContainsFunc(audited, func(a schemas.AuditRecord) bool { return a.Action == "events_repaired" }) {
		t.Error("the repair is not audited")
	}
}
