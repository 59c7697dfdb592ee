package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/wire"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/seal"
	"github.com/whatsapplink/cloud/schemas"
)

const rejectedBody = "see you on Friday, bring the papers"

// letterWritten writes a dead letter of bytes at an offset of requests/0, as validate does, and returns its source.
func letterWritten(t *testing.T, o *operator, sealer *seal.Sealer, offset int64, reason, tenant string, original []byte, size int64) string {
	t.Helper()
	letter := schemas.Rejected{
		Source: schemas.Coordinates{Topic: wire.Requests, Offset: offset}, Stage: "validate", Reason: reason, TenantID: tenant,
		AcceptedAt: time.Now(), SizeBytes: size,
	}
	letter.MessageID = letter.Source.String()
	var err error
	if letter.Original, _, err = sealer.Seal(within(t), time.Minute, tenant, letter.MessageID, seal.RejectedInput, original); err != nil {
		t.Fatal(err)
	}
	value, err := schemas.Rejecteds.Encode(&letter)
	if err != nil {
		t.Fatal(err)
	}
	_, err = o.process.Cluster.Log().Append(within(t), []pipeline.Output{{
		Topic: wire.RejectedT, Partition: pipeline.AnyPartition, Key: []byte(letter.MessageID), Value: value,
	}})
	if err != nil {
		t.Fatal(err)
	}
	return letter.Source.String()
}

// Goal: what was rejected is listed by reason and tenant without content, shown to who names an incident, and redriven
// byte for byte only with --apply; what cannot be redriven is told and fails the command. Method: letters of three kinds,
// the verbs beside the binary on the in-process broker.
func TestRejectedIsListedShownAndRedriven(t *testing.T) {
	o := deployed(t)
	keys := newKeyURL()
	keeper, err := seal.OpenKeeper(keys, "")
	if err != nil {
		t.Fatal(err)
	}
	sealer := seal.NewSealer(seal.SealerConfig{Log: o.process.Cluster.Log(), Keeper: keeper, ShortestBucket: time.Second})
	request := schemas.MessageRequest{MessageID: shownID, TenantID: "acme-shop", Recipient: schemas.Recipient{Phone: "+4915112345678"}, Category: schemas.Utility, CreatedAt: time.Now(), Content: schemas.Text{Body: rejectedBody}}
	original, err := schemas.MessageRequests.Encode(&request)
	if err != nil {
		t.Fatal(err)
	}
	good := letterWritten(t, o, sealer, 3, "unknown_tenant", "unknown", original, int64(len(original)))
	noise := letterWritten(t, o, sealer, 4, "unknown_encoding", "unknown", []byte(rejectedBody), int64(len(rejectedBody)))
	half := letterWritten(t, o, sealer, 5, "too_large", "unknown", original[:20], int64(len(original)))

	var listed []printed
	for line := range strings.Lines(must(t, "", "rejected", "list", "--json")) {
		var p printed
		if err := json.Unmarshal([]byte(line), &p); err != nil {
			t.Fatal(err)
		}
		listed = append(listed, p)
	}
	if len(listed) != 3 || listed[0].Source != good || listed[0].Refused != "" || listed[2].Source != half || listed[2].Refused != "truncated" {
		t.Errorf("listed %+v", listed)
	}
	if out := must(t, "", "rejected", "list", "--reason", "unknown_encoding"); !strings.Contains(out, noise) || strings.Contains(out, good) {
		t.Errorf("by reason:\n%s", out)
	}
	if out := must(t, "", "rejected", "list", "--tenant", "acme-shop", "--since", "1h"); strings.Contains(out, wire.Requests) {
		t.Errorf("by tenant:\n%s", out)
	}

	withCustody(t, o, keys)
	asks := []string{"--purpose", "support", "--incident", "INC-7", "--actor", "alice"}
	if out := must(t, "", append([]string{"rejected", "show", good}, asks...)...); !strings.Contains(out, rejectedBody) || !strings.Contains(out, "unknown_tenant") {
		t.Errorf("shown:\n%s", out)
	}
	if out := must(t, "", append([]string{"rejected", "show", noise}, asks...)...); !strings.Contains(out, `"original"`) || strings.Contains(out, rejectedBody) {
		t.Errorf("what is no request:\n%s", out)
	}
	if code, out, errs := wlctl("", append([]string{"rejected", "show", "requests/0/99"}, asks...)...); code != 1 || out != "" || !strings.Contains(errs, "no letter") {
		t.Errorf("one that is not there: exit %d, %s%s", code, out, errs)
	}

	redriven := func() (n int) {
		all, _ := records(t, o, wire.Requests, schemas.MessageRequests)
		for _, r := range all {
			if text, ok := r.Content.(schemas.Text); ok && text.Body == rejectedBody && r.MessageID == shownID {
				n++
			}
		}
		return n
	}
	if out := must(t, "", append([]string{"rejected", "redrive", "--reason", "unknown_tenant"}, asks...)...); !strings.Contains(out, "1 of 1 letters") || redriven() != 0 {
		t.Errorf("a plan redrove %d:\n%s", redriven(), out)
	}
	code, out, _ := wlctl("", append([]string{"rejected", "redrive", good, half, "--apply"}, asks...)...)
	if code != 1 || redriven() != 1 || !strings.Contains(out, "leave (truncated) "+half) || strings.Contains(out, rejectedBody) {
		t.Errorf("redriven %d, exit %d:\n%s", redriven(), code, out)
	}
	if code, _, errs := wlctl("", append([]string{"rejected", "redrive", "--apply"}, asks...)...); code != 1 || !strings.Contains(errs, "say which") {
		t.Errorf("without a choice: exit %d, %s", code, errs)
	}
	audit, _ := records(t, o, wire.AuditT, schemas.AuditRecords)
	actions := map[string]int{}
	for _, a := range audit {
		actions[a.Action]++
	}
	if actions["rejected_shown"] != 2 || actions["rejected_redriven"] != 1 || len(audit) != 3 {
		t.Errorf("audit %v", actions)
	}
}
