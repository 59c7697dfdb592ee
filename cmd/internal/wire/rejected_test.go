package wire

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/pipeline/seal"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/sinks/cloudapi/simulator"
	"github.com/whatsapplink/cloud/stages/custody"
)

// without are the variables that only a binary with a key reads.
var without = []string{"WL_KEYS_URL", "WL_REFS_URL", "WL_DELIVERY_WINDOW", "WL_DIAGNOSTIC_WINDOW", "WL_CLOUD_API_URL", "WL_CREDENTIALS_DIR"}

// Goal: bytes that do not decode go nowhere in clear: a binary without a key tells where they stand, one with a key seals
// them. Method: a canary on each stage's input; the letters, and a byte-wise look at every topic that was not their source.
func TestUndecodableRecordsOfOursLeaveNothingInClear(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	d.door(simulator.Config{})
	noise := []byte(textCanary + phoneCanary)
	sources := map[string]bool{}
	for _, topic := range []string{ValidatedT, RoutedT, DeliveredLane(testWindows[0]), ControlsT} {
		sources[d.put(topic, []byte("k"), noise).String()] = true
	}
	d.start(binary[RouteConfig](d, "route", Route, without...).Run)
	d.start(binary[RedactConfig](d, "redact", Redact, without...).Run)
	d.start(binary[DeliverConfig](d, "deliver", Deliver, "WL_DELIVERY_WINDOW", "WL_DIAGNOSTIC_WINDOW").Run)
	d.start(binary[CustodyConfig](d, "custody", Custody, without[1:]...).Run)
	var letters []schemas.Rejected
	eventually(t, "four letters", func() bool {
		letters = decodeAll(d, RejectedT, schemas.Rejecteds)
		return len(letters) == 4
	})
	for _, letter := range letters {
		if !sources[letter.Source.String()] || letter.SizeBytes != int64(len(noise)) || letter.Reason != "unknown_encoding" {
			t.Errorf("letter of %s: %d bytes, %s", letter.Source, letter.SizeBytes, letter.Reason)
		}
		switch letter.Stage {
		case "route", "redact":
			if s := letter.Original; s.Version != 0 || len(s.Ciphertext)+len(s.SeedID) > 0 {
				t.Errorf("%s, which has no key, kept %d bytes", letter.Stage, len(s.Ciphertext))
			}
		default:
			plain, err := d.opener().Open(within(t), letter.Original, letter.TenantID, letter.MessageID, seal.RejectedInput)
			if err != nil || !bytes.Equal(plain, noise) || letter.Original.Family != "60s" {
				t.Errorf("%s sealed under %s: %v", letter.Stage, letter.Original.Family, err)
			}
		}
	}
	for _, topic := range []string{RejectedT, EventsT, AuditT, AnswersT} {
		for _, r := range d.read(topic) {
			if s := leaks(append(r.Key, r.Value...), textCanary); s != "" {
				t.Errorf("%s in %s", s, r.Position)
			}
		}
	}
}

// Goal: a letter is shown to its asker alone, and redriven byte for byte to where it came from without being shown; each
// under one audit record; what is refused leaves nothing. Method: validate and custody on the in-process broker.
func TestCustodyShowsAndRedrivesRejectedInput(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	d.tenant("acme-shop")
	original := bad(t)["unknown_tenant"]
	source := d.put(Requests, []byte("k"), original)
	large := d.put(Requests, []byte("k"), append([]byte(textCanary), make([]byte, maxOriginal)...))
	stop := d.start(binary[ValidateConfig](d, "validate", Validate).Run)
	eventually(t, "two letters", func() bool { return len(d.read(RejectedT)) == 2 })
	if err := stop(); err != nil { // so that what is redriven stays where it is put
		t.Fatal(err)
	}
	d.start(binary[CustodyConfig](d, "custody", Custody, without[1:]...).Run)
	asker, err := seal.NewAsker()
	if err != nil {
		t.Fatal(err)
	}
	about := func(verb, tenant, source string) schemas.Control {
		return d.ask(asker, func(c *schemas.Control) { c.Verb, c.TenantID, c.MessageID = verb, tenant, source })
	}
	shown := about(custody.ShowRejected, "unknown", source.String())
	answer := d.answerTo(shown)
	if answer.Status != "shown" {
		t.Fatalf("refused: %s", answer.Reason)
	}
	plain, err := asker.Open(shown.ControlID, answer.Encapsulated, answer.Ciphertext)
	if err != nil || !bytes.Equal(plain[0], original) {
		t.Errorf("the asker reads something else: %v", err)
	}
	end := func() (next int64) {
		_, next, err := d.cluster.Bounds(within(t), source.Topic, source.Partition)
		if err != nil {
			t.Fatal(err)
		}
		return next
	}
	before := end()
	if a := d.answerTo(about(custody.Redrive, "unknown", large.String())); a.Reason != custody.ReasonTruncated || end() != before {
		t.Errorf("half a record: %s, %s", a.Status, a.Reason)
	}
	if a := d.answerTo(about(custody.Redrive, "acme-shop", source.String())); a.Reason != custody.ReasonNotFound || end() != before {
		t.Errorf("another tenant's: %s, %s", a.Status, a.Reason)
	}
	if a := d.answerTo(about(custody.Redrive, "unknown", source.String())); a.Status != "redriven" || len(a.Ciphertext) > 0 {
		t.Errorf("redrive: %s, %s", a.Status, a.Reason)
	}
	again := 0
	for _, r := range d.read(source.Topic) {
		if r.Partition == source.Partition && r.Offset >= before && bytes.Equal(r.Value, original) {
			again++
		}
	}
	if again != 1 {
		t.Errorf("the original stands %d times after its redrive", again)
	}
	var actions []string
	for _, a := range decodeAll(d, AuditT, schemas.AuditRecords) {
		actions = append(actions, a.Action+" "+a.Detail)
	}
	want := []string{"rejected_shown " + source.String(), "rejected_refused truncated", "rejected_refused not_found", "rejected_redriven " + source.String()}
	if !slices.Equal(actions, want) {
		t.Errorf("audit %q, want %q", actions, want)
	}
	d.noCanary(textCanary)
}

// Goal: a copy is found wherever the producer's clock has put its id. Method: ids that bear now, the far past and the far
// future, each among copies of others.
func TestACopyIsFoundWhateverTimeItsIDBears(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	c := d.custodianOf()
	for n := range 20 {
		d.delivered(n, "acme-shop", time.Now())
	}
	for name, id := range map[string]string{
		"past": "00000000000000000000000001", "future": "7ZZZZZZZZZ0000000000000001", "uuid": "0195F7A0-0000-7000-8000-000000000001",
	} {
		copied := d.copyOf(schemas.Routed{Validated: schemas.Validated{
			Identity: schemas.Identity{TenantID: "acme-shop", MessageID: id, AcceptedAt: time.Now()}, Clear: schemas.Clear{Category: schemas.Utility, Window: "60s"},
		}}, testWindows[1])
		d.put(DeliveredLane(testWindows[1]), []byte(id), encode(t, schemas.Delivereds, copied))
		found, err := c.find(within(t), "acme-shop", id)
		if err != nil || found == nil || found.MessageID != id {
			t.Errorf("%s: %v, %v", name, found != nil, err)
		}
	}
}
