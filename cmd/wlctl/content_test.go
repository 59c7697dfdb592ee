package main

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/boot"
	"github.com/whatsapplink/cloud/cmd/internal/wire"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/seal"
	"github.com/whatsapplink/cloud/schemas"
)

const shownID = "01JD3Z8Q4Y5W6V7T8S9R0QPNMK"

// copyWritten writes the diagnostic copy of a message sent at a time, under the window of 60 s.
func copyWritten(t *testing.T, o *operator, keys, id string, sentAt time.Time) {
	t.Helper()
	keeper, err := seal.OpenKeeper(keys, "")
	if err != nil {
		t.Fatal(err)
	}
	payload := schemas.Payload{Recipient: schemas.Recipient{Phone: "+4915112345678"}, Content: schemas.Text{Body: "see you on Tuesday"}}
	plain, err := schemas.Payloads.Encode(&payload)
	if err != nil {
		t.Fatal(err)
	}
	sealer := seal.NewSealer(seal.SealerConfig{Log: o.process.Cluster.Log(), Keeper: keeper, ShortestBucket: time.Second})
	sealed, seed, err := sealer.Seal(within(t), time.Minute, "acme-shop", id, seal.Diagnostic, plain)
	if err != nil {
		t.Fatal(err)
	}
	value, err := schemas.Delivereds.Encode(&schemas.Delivered{
		Identity: schemas.Identity{TenantID: "acme-shop", MessageID: id, AcceptedAt: sentAt}, Outcome: schemas.OutcomeSent,
		Clear: schemas.Clear{Category: schemas.Utility, Window: "60s"}, OutcomeAt: sentAt, DueAt: sentAt.Add(time.Minute),
		Seeds: []schemas.SeedRef{seed}, Content: &sealed,
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = o.process.Cluster.Log().Append(within(t), []pipeline.Output{{
		Topic: wire.DeliveredLane(time.Minute), Partition: pipeline.AnyPartition, Key: []byte(id), Value: value,
	}})
	if err != nil {
		t.Fatal(err)
	}
}

// withCustody runs the binary until the test ends.
func withCustody(t *testing.T, o *operator, keys string) {
	t.Helper()
	_, service, problems := boot.Build[wire.CustodyConfig]("custody", wire.Custody, map[string]string{
		"WL_KAFKA_BROKERS": strings.Join(o.cfg.Brokers, ","), "WL_KEYS_URL": keys,
	}, io.Discard)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- service.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// Goal: the verb prints content within the window, and a refusal by its reason after it; without custody it says so and
// ends. Method: the verb before, and beside, the binary on the in-process broker.
func TestContentShowPrintsOrSaysWhyNot(t *testing.T) {
	o := deployed(t)
	must(t, "", "tenant", "put", file(t, "tenants.yaml", acme()), "--apply")
	keys := newKeyURL()
	copyWritten(t, o, keys, shownID, time.Now())
	over := strings.Replace(shownID, "NMK", "NMA", 1)
	copyWritten(t, o, keys, over, time.Now().Add(-2*time.Minute))
	show := func(id, wait string) (int, string, string) {
		return wlctl("", "content", "show", id, "--tenant", "acme-shop", "--purpose", "debug", "--incident", "INC-1", "--actor", "alice", "--wait", wait)
	}
	if code, out, errs := show(shownID, "100ms"); code != 1 || out != "" || !strings.Contains(errs, "custody did not answer") {
		t.Errorf("without custody: exit %d, %s%s", code, out, errs)
	}
	withCustody(t, o, keys)
	if code, out, errs := show(shownID, "20s"); code != 0 || !strings.Contains(out, "see you on Tuesday") || !strings.Contains(out, "+4915112345678") {
		t.Errorf("within the window: exit %d, %s%s", code, out, errs)
	}
	if code, out, errs := show(over, "20s"); code != 1 || out != "" || !strings.Contains(errs, "window_over") {
		t.Errorf("after the window: exit %d, %s%s", code, out, errs)
	}
	audit, _ := records(t, o, wire.AuditT, schemas.AuditRecords)
	shown := 0
	for _, a := range audit {
		if a.Action == "content_shown" {
			if shown++; a.Actor != "alice" || a.IncidentID != "INC-1" {
				t.Errorf("audit: %+v", a)
			}
		}
	}
	if shown == 0 {
		t.Error("content was shown without an audit record")
	}
}
