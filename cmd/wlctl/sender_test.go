package main

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/wire"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
)

// stopped puts stops into the register and a learned rate into the log of attempts.
func stopped(t *testing.T, o *operator, stops ...schemas.Stop) {
	t.Helper()
	attempt := schemas.Attempt{
		Identity: schemas.Identity{TenantID: "acme-shop", MessageID: "01JD3Z8Q4Y5W6V7T8S9R0QPNMK", AcceptedAt: time.Now()},
		Attempt:  1, ClaimID: "c", SenderID: "1", Class: schemas.OutcomeRetry, LearnedRate: 3.5, Window: "20s",
	}
	value, err := schemas.Attempts.Encode(&attempt)
	outputs := []pipeline.Output{{Topic: wire.Attempts, Partition: 0, Key: []byte("acme-shop"), Value: value}}
	for _, s := range stops {
		encoded, bad := schemas.Stops.Encode(&s)
		if bad != nil {
			err = bad
		}
		outputs = append(outputs, pipeline.Output{Topic: wire.StopsT, Partition: 0, Key: []byte(wire.StopKey(s.Scope, s.ID)), Value: encoded})
	}
	if err == nil {
		_, err = o.process.Cluster.Log().Append(within(t), outputs)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Goal: the list shows each sender and each stopped template, with every stop that stands, why and until when, and the
// rate that was learned. Method: stops of every scope, one that is over and one that was lifted.
func TestSenderListShowsWhatStops(t *testing.T) {
	o := deployed(t)
	must(t, "", "tenant", "put", file(t, "tenants.yaml", acme()), "--apply")
	if out := must(t, "", "sender", "list"); !strings.Contains(out, "open") {
		t.Errorf("nothing stopped:\n%s", out)
	}
	now := time.Now().UTC()
	stopped(t, o,
		schemas.Stop{Scope: "number", ID: "1", Effect: "park", Reason: "spam_limited", ErrorCode: 131048, SetAt: now, Until: now.Add(4 * time.Hour)},
		schemas.Stop{Scope: "account", ID: "2", Effect: "block", Reason: "marketing_off", Category: "marketing", SetAt: now},
		schemas.Stop{Scope: "credential", ID: "1", Effect: "park", Reason: "credential_refused", SetAt: now.Add(-time.Hour), Until: now.Add(-time.Minute)},
		schemas.Stop{Scope: "template", ID: "acme-shop/00ff", Effect: "park", Reason: "template_paused", SetAt: now},
		schemas.Stop{Scope: "template", ID: "acme-shop/00aa", Reason: "operator", SetAt: now},
		schemas.Stop{Scope: "template", ID: "blue-clinic/00ff", Effect: "park", Reason: "template_paused", SetAt: now},
	)
	out := must(t, "", "sender", "list", "--tenant", "acme-shop")
	for _, want := range []string{"number 1", "spam_limited (131048)", now.Add(4 * time.Hour).Format(time.RFC3339), "account 2", "marketing_off, only marketing",
		"template acme-shop/00ff", "resumed by an operator", "blocked", "parked", "3.5"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing:\n%s", want, out)
		}
	}
	for _, not := range []string{"credential", "00aa", "blue-clinic"} {
		if strings.Contains(out, not) {
			t.Errorf("%q is shown:\n%s", not, out)
		}
	}
	var rows []senderRow
	for line := range strings.SplitSeq(strings.TrimSpace(must(t, "", "sender", "list", "--json")), "\n") {
		var r senderRow
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, r)
	}
	if len(rows) != 2 || rows[0].State != "blocked" || rows[0].Learned != 3.5 || rows[0].Rate != 5 || len(rows[0].Stops) != 2 || rows[1].State != "parked" {
		t.Errorf("%+v", rows)
	}
	if code, _, errs := wlctl("", "sender", "list", "--tenant", "nobody"); code != 1 || !strings.Contains(errs, "tenant list") {
		t.Errorf("an unknown tenant: exit %d, %s", code, errs)
	}
}

// Goal: a stop is lifted once told to, audited before, and told of with what caused it; whatever does not stand is an
// error. Method: each scope, without and with --apply, twice.
func TestSenderResumeLiftsAStopAndIsAudited(t *testing.T) {
	o := deployed(t)
	must(t, "", "tenant", "put", file(t, "tenants.yaml", acme()), "--apply")
	cause := schemas.Coordinates{Topic: "requests", Partition: 1, Offset: 42}
	for i, s := range []schemas.Stop{
		{Scope: "number", ID: "1"}, {Scope: "account", ID: "2"}, {Scope: "credential", ID: "1"}, {Scope: "template", ID: "acme-shop/00ff"},
	} {
		s.Effect, s.Reason, s.SetAt, s.Source = "block", "whatever", time.Now().UTC().Truncate(time.Millisecond), cause
		stopped(t, o, s)
		must(t, "", "sender", "resume", s.Scope, s.ID)
		before, _ := records(t, o, wire.StopsT, schemas.Stops)
		must(t, "", "sender", "resume", s.Scope, s.ID, "--apply")
		stops, keys := records(t, o, wire.StopsT, schemas.Stops)
		if len(stops) != len(before)+1 || stops[len(before)].Effect != "" || stops[len(before)].SetAt.Before(s.SetAt) || keys[len(before)] != wire.StopKey(s.Scope, s.ID) {
			t.Errorf("%s: %+v", s.Scope, stops)
		}
		audit, _ := records(t, o, wire.AuditT, schemas.AuditRecords)
		if last := audit[len(audit)-1]; len(audit) != i+2 || last.Action != "sender_resumed" || last.TenantID != "acme-shop" || last.Detail != s.Scope+"/"+s.ID {
			t.Errorf("%s: audit %+v", s.Scope, audit)
		}
		events, _ := records(t, o, wire.EventsT, schemas.Events)
		want := schemas.StopEvent(schemas.KindStopped, "", "acme-shop", &s)
		if last := events[len(events)-1]; len(events) != i+1 || last.Kind != schemas.KindResumed || last.Detail != want.Detail || !strings.HasSuffix(last.Detail, "requests/1/42") || last.Identity != want.Identity {
			t.Errorf("%s: events %+v", s.Scope, events)
		}
		if code, _, errs := wlctl("", "sender", "resume", s.Scope, s.ID, "--apply"); code != 1 || !strings.Contains(errs, "no stop stands") {
			t.Errorf("%s again: exit %d, %s", s.Scope, code, errs)
		}
	}
	if code, _, _ := wlctl("", "sender", "resume", "tenant", "acme-shop", "--apply"); code != 2 {
		t.Errorf("a scope that is not a sender's: exit %d", code)
	}
	if err := o.process.Cluster.DeleteTopics(context.WithoutCancel(within(t)), wire.AuditT); err != nil {
		t.Fatal(err)
	}
	stopped(t, o, schemas.Stop{Scope: "number", ID: "1", Effect: "block", SetAt: time.Now()})
	if code, _, _ := wlctl("", "sender", "resume", "number", "1", "--apply"); code != 1 {
		t.Errorf("without audit: exit %d", code)
	}
	if stops, _ := o.stops(within(t)); len(stops) != 1 {
		t.Errorf("without audit %d stops stand", len(stops))
	}
}
