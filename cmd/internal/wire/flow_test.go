package wire

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/pipeline/seal"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/stages/redact"
)

const (
	textCanary  = "CANARY-text-Tuesday-at-nine"
	phoneCanary = "4915112345678"
	idFormat    = "01JD3Z8Q4Y5W6V7T8S9R0QPN%02d"
)

// good is a request that passes, with canaries wherever a producer can put words.
func good(n int, tenant string) schemas.MessageRequest {
	return schemas.MessageRequest{
		MessageID: fmt.Sprintf(idFormat, n), TenantID: tenant, Recipient: schemas.Recipient{Phone: "+" + phoneCanary},
		Category: schemas.Utility, CreatedAt: time.Now(), Labels: map[string]string{"team": "north"},
		Content: schemas.Template{Name: "canary_text_tuesday_at_nine", Language: "en", Components: []schemas.TemplateComponent{{
			Type: "body", Parameters: []schemas.TemplateParameter{{Type: "text", Text: textCanary}},
		}}},
	}
}

// bad are requests that do not pass, by the reason that is told.
func bad(t testing.TB) map[string][]byte {
	changed := func(n int, change func(*schemas.MessageRequest)) []byte {
		r := good(n, "acme-shop")
		change(&r)
		return encode(t, schemas.MessageRequests, r)
	}
	return map[string][]byte{
		"unknown_encoding":   []byte(textCanary + phoneCanary),
		"unknown_tenant":     changed(50, func(r *schemas.MessageRequest) { r.TenantID = "nobody" }),
		"invalid_message_id": changed(51, func(r *schemas.MessageRequest) { r.MessageID = phoneCanary }),
		"invalid_label":      changed(52, func(r *schemas.MessageRequest) { r.Labels["team"] = phoneCanary }),
		"unknown_sender":     changed(53, func(r *schemas.MessageRequest) { r.SenderID = phoneCanary }),
	}
}

// Goal: from validate on, content exists only sealed, each hop is trimmed behind its commit, rejected input is sealed
// and told to who asked, and redact strips in time. Method: three binaries on the in-process broker, a stand-in for
// deliver, canaries in every field, a byte-wise look at every record of every topic.
func TestFlowKeepsContentSealedTrimsBehindItAndStripsItInTime(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	d.tenant("acme-shop")
	d.tenant("blue-clinic")
	const passing = 6
	for n := range passing {
		topic, tenant := Requests, "blue-clinic"
		if n%2 == 0 {
			topic, tenant = RequestsOf("acme-shop"), "acme-shop"
		}
		d.put(topic, []byte(phoneCanary), encode(t, schemas.MessageRequests, good(n, tenant)))
	}
	rejected := bad(t)
	for _, value := range rejected {
		d.put(Requests, nil, value)
	}
	d.put(RequestsOf("acme-shop"), nil, encode(t, schemas.MessageRequests, good(60, "blue-clinic"))) // by A's credential as B
	d.start(binary[ValidateConfig](d, "validate", Validate).Run)
	d.start(binary[RouteConfig](d, "route", Route, "WL_KEYS_URL", "WL_REFS_URL", "WL_DELIVERY_WINDOW", "WL_DIAGNOSTIC_WINDOW").Run)
	d.start(binary[RedactConfig](d, "redact", Redact, "WL_KEYS_URL", "WL_REFS_URL", "WL_DELIVERY_WINDOW", "WL_DIAGNOSTIC_WINDOW").Run)

	eventually(t, "all are routed", func() bool { return len(d.read(RoutedT)) == passing })
	routed := decodeAll(d, RoutedT, schemas.Routeds)
	d.opens(routed)
	d.deliver(routed)
	eventually(t, "all are rejected that should be", func() bool { return len(d.read(RejectedT)) == len(rejected)+1 })
	d.rejectedSealed(rejected)
	d.toldOfRejections()

	eventually(t, "all are stripped", func() bool { return len(d.read(RedactedT)) == passing })
	for _, e := range decodeAll(d, EventsT, schemas.Events) {
		if e.Kind == schemas.KindRedacted && e.At.Before(e.DueAt) {
			t.Errorf("stripped %v early", e.DueAt.Sub(e.At))
		}
	}
	eventually(t, "receipts for all", func() bool { return d.receipted() == passing })
	for _, topic := range []string{Requests, RequestsOf("acme-shop"), ValidatedT, DeliveredLane(testWindows[0])} {
		eventually(t, topic+" is trimmed", func() bool { return len(d.read(topic)) == 0 })
	}
	d.conserved(passing, len(rejected)+1)
	for _, canary := range []string{textCanary, phoneCanary, "canary_text_tuesday_at_nine"} {
		d.noCanary(canary)
	}
}

func (d *deployment) opener() *seal.Opener {
	keeper, err := seal.OpenKeeper(d.env["WL_KEYS_URL"], "")
	if err != nil {
		d.t.Fatal(err)
	}
	return newOpener(d.cluster, keeper, testWindows)
}

// opens checks that who has the key reads what was asked to be sent: sealed, not lost.
func (d *deployment) opens(routed []schemas.Routed) {
	d.t.Helper()
	for _, m := range routed {
		plain, err := d.opener().Open(within(d.t), m.Payload, m.TenantID, m.MessageID, seal.Transit)
		if err != nil || !bytes.Contains(plain, []byte(textCanary)) || !bytes.Contains(plain, []byte(phoneCanary)) {
			d.t.Errorf("%s: opens to %d bytes, %v", m.MessageID, len(plain), err)
		}
		if m.Verdict != nil || m.Sender != "sender-of-"+m.TenantID {
			d.t.Errorf("%s goes by %q", m.MessageID, m.Sender)
		}
	}
}

// deliver stands in for the binary: every message is sent at once, and its diagnostic copy written.
func (d *deployment) deliver(routed []schemas.Routed) {
	d.t.Helper()
	for _, m := range routed {
		d.put(DeliveredLane(testWindows[0]), []byte(m.MessageID), encode(d.t, schemas.Delivereds, d.copyOf(m, testWindows[0])))
	}
}

// copyOf is the diagnostic copy of a message sent now, sealed under a window.
func (d *deployment) copyOf(m schemas.Routed, window time.Duration) schemas.Delivered {
	d.t.Helper()
	keeper, err := seal.OpenKeeper(d.env["WL_KEYS_URL"], "")
	if err != nil {
		d.t.Fatal(err)
	}
	payload := encode(d.t, schemas.Payloads, schemas.Payload{Recipient: schemas.Recipient{Phone: "+" + phoneCanary}, Content: schemas.Text{Body: textCanary}})
	sealer := newSealer(d.cluster.Log(), keeper, testWindows, nil)
	sealed, seed, err := sealer.Seal(within(d.t), window, m.TenantID, m.MessageID, seal.Diagnostic, payload)
	if err != nil {
		d.t.Fatal(err)
	}
	now := time.Now()
	return schemas.Delivered{
		Identity: m.Identity, Source: m.Source, Route: m.Route, Clear: m.Clear, Outcome: schemas.OutcomeSent, Attempt: 1,
		OutcomeAt: now, DueAt: now.Add(window), Seeds: []schemas.SeedRef{seed}, Content: &sealed,
	}
}

// rejectedSealed checks that the dead letters hold what came, whole, and only for who has the key.
func (d *deployment) rejectedSealed(came map[string][]byte) {
	d.t.Helper()
	for _, letter := range decodeAll(d, RejectedT, schemas.Rejecteds) {
		plain, err := d.opener().Open(within(d.t), letter.Original, letter.TenantID, letter.MessageID, seal.RejectedInput)
		if err != nil {
			d.t.Errorf("%s: %v", letter.Reason, err)
			continue
		}
		if letter.Reason == "tenant_mismatch" {
			continue
		}
		if want, ok := came[letter.Reason]; !ok || !bytes.Equal(plain, want) {
			d.t.Errorf("%s: not what came, or no reason that was asked for", letter.Reason)
		}
	}
}

// toldOfRejections checks that a tenant that asked hears of its rejections, by reason, and of nobody else's.
func (d *deployment) toldOfRejections() {
	d.t.Helper()
	told := map[string]int{}
	for _, o := range decodeAll(d, OutcomesOf("acme-shop"), schemas.Outcomes) {
		if told[o.Reason]++; o.State != schemas.KindRejected || o.TenantID != "acme-shop" {
			d.t.Errorf("told of %s of %s", o.State, o.TenantID)
		}
	}
	for _, reason := range []string{"invalid_label", "unknown_sender"} {
		if told[reason] != 1 {
			d.t.Errorf("told %d times of %s", told[reason], reason)
		}
	}
	if told["unknown_encoding"]+told["unknown_tenant"]+told["invalid_message_id"] > 0 { // a rejection without both ids is nobody's
		d.t.Errorf("told of what is not its own: %v", told)
	}
}

// receipted counts the copies that receipts tell of: the last receipt of each bucket counts.
func (d *deployment) receipted() (n int) {
	last := map[string]schemas.Receipt{}
	for _, r := range decodeAll(d, ReceiptsT, schemas.Receipts) {
		if r.State == redact.Expired && len(r.Seeds) > 0 && last[redact.ReceiptKey(&r)].Count < r.Count {
			last[redact.ReceiptKey(&r)] = r
		}
	}
	for _, r := range last {
		n += int(r.Count)
	}
	return n
}

// conserved checks published = accepted + rejected by the events, each told once, by coordinates.
func (d *deployment) conserved(accepted, rejected int) {
	d.t.Helper()
	kinds := map[schemas.Kind]map[string]bool{}
	for _, e := range decodeAll(d, EventsT, schemas.Events) {
		if kinds[e.Kind] == nil {
			kinds[e.Kind] = map[string]bool{}
		}
		kinds[e.Kind][e.Detail] = true
		if e.Kind == schemas.KindRejected && !strings.HasPrefix(e.Detail, "requests") {
			d.t.Errorf("a rejection of %s", e.Detail)
		}
	}
	if len(kinds[schemas.KindAccepted]) != accepted || len(kinds[schemas.KindRejected]) != rejected {
		d.t.Errorf("accepted %d, rejected %d, want %d and %d", len(kinds[schemas.KindAccepted]), len(kinds[schemas.KindRejected]), accepted, rejected)
	}
}

// Goal: a panic in a stage is a rejection that says nothing of the record, and stops nothing. Method: a register that
// panics with a canary, then a record that does not reach it.
func TestPanicInAStageLeaksNothingAndStopsNothing(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	d.tenant("acme-shop")
	p := d.process("validate")
	keeper, err := seal.OpenKeeper(d.env["WL_KEYS_URL"], "")
	if err != nil {
		t.Fatal(err)
	}
	v := &validator{process: p, cfg: &ValidateConfig{DefaultWindows: DefaultWindows{Delivery: "60s", Diagnostic: "3s"}}, log: p.Cluster.Log(),
		regs: newRegisters(p), keeper: keeper, requests: schemas.MessageRequests}
	v.refs = seal.NewRefs(nil, func(string) ([]byte, bool) { panic(textCanary) })
	d.put(Requests, nil, encode(t, schemas.MessageRequests, good(1, "acme-shop")))
	d.put(Requests, nil, []byte(textCanary))
	d.start(func(ctx context.Context) error { return v.run(ctx) })
	eventually(t, "both are rejected", func() bool { return len(d.read(RejectedT)) == 2 })
	reasons := map[string]bool{}
	for _, letter := range decodeAll(d, RejectedT, schemas.Rejecteds) {
		reasons[letter.Reason] = true
	}
	if !reasons["panic"] || !reasons["unknown_encoding"] {
		t.Errorf("rejected as %v", reasons)
	}
	d.noCanary(textCanary)
	d.noCanary(phoneCanary)
}
