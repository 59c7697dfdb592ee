package custody

import (
	"bytes"
	"crypto/ecdh"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"pgregory.net/rapid"

	"github.com/whatsapplink/cloud/schemas"
)

var outcomeAt = time.Date(2026, 11, 20, 9, 30, 0, 0, time.UTC)

const messageID = "01JD3Z8Q4Y5W6V7T8S9R0QPNMK"

func publicKey() []byte {
	key, err := ecdh.X25519().NewPrivateKey(bytes.Repeat([]byte{9}, 32))
	if err != nil {
		panic(err)
	}
	return key.PublicKey().Bytes()
}

// askedAt is a control that is allowed, at a time after the outcome.
func askedAt(after time.Duration) Show {
	now := outcomeAt.Add(after)
	return Show{
		Now: now,
		Control: schemas.Control{
			ControlID: ulid.MustNew(ulid.Timestamp(now), bytes.NewReader(make([]byte, 10))).String(), TenantID: "acme", Verb: "show",
			MessageID: messageID, Actor: "e.muster", Purpose: "debug", IncidentID: "INC-4711", PublicKey: publicKey(), At: now,
		},
		Delivered: &schemas.Delivered{
			Identity: schemas.Identity{TenantID: "acme", MessageID: messageID, AcceptedAt: outcomeAt.Add(-time.Minute)},
			Route:    schemas.Route{Sender: "106540352242922", Region: "eu", Processor: "meta", TransferBasis: "same_region"},
			Clear: schemas.Clear{
				Category: schemas.Utility, ContentType: "text", SizeClass: "64", Country: "DE", Window: "72h",
				RecipientRefs: [][]byte{bytes.Repeat([]byte{8}, 16)}, Labels: map[string]string{},
			},
			Attempt: 2, OutcomeAt: outcomeAt, DueAt: outcomeAt.Add(72 * time.Hour), Content: &schemas.Sealed{},
		},
	}
}

func decide(t interface{ Fatalf(string, ...any) }, in Show) Decision {
	s := Stage{
		Tenant:        func(id string) (schemas.Tenant, bool) { return schemas.Tenant{}, id == "acme" || id == "globex" },
		PolicyVersion: "2026-11-01",
	}
	out, err := s.Step(in)
	if err != nil || len(out) != 1 {
		t.Fatalf("one control in gave %d decisions and error %v", len(out), err)
	}
	return out[0]
}

// TestShowIsAllowedAuditedAndTold: goal: a control in order is allowed, with its one audit record and event. Method: the
// decision compared whole.
func TestShowIsAllowedAuditedAndTold(t *testing.T) {
	in := askedAt(time.Hour)
	d := decide(t, in)
	auditID := d.Audit.AuditID
	want := Decision{
		Allow: true,
		Audit: schemas.AuditRecord{
			AuditID: auditID, Action: "content_shown", Actor: "e.muster", TenantID: "acme", MessageID: messageID,
			ControlID: in.Control.ControlID, Purpose: "debug", IncidentID: "INC-4711", At: in.Now, PolicyVersion: "2026-11-01",
		},
		Event: &schemas.Event{
			Identity: in.Delivered.Identity, Kind: schemas.KindShown, Attempt: 2, Detail: in.Control.ControlID, At: in.Now, Stage: "custody",
			Reason: "debug", SenderID: "106540352242922", Region: "eu", Processor: "meta", TransferBasis: "same_region", Country: "DE",
			Category: "utility", ContentType: "text", SizeClass: "64", RecipientRef: bytes.Repeat([]byte{8}, 16), Window: "72h",
			DueAt: in.Delivered.DueAt, Labels: map[string]string{}, PolicyVersion: "2026-11-01",
		},
	}
	if !reflect.DeepEqual(d, want) {
		t.Errorf("got  %+v\nwant %+v", d, want)
	}
	id, err := ulid.ParseStrict(auditID)
	if err != nil || id.Time() != ulid.Timestamp(in.Now) || auditID == in.Control.ControlID {
		t.Errorf("audit id %q: %v", auditID, err)
	}
	in.Control.Purpose = "support"
	if d := decide(t, in); !d.Allow {
		t.Errorf("support was refused: %s", d.Reason)
	}
}

// TestEachReasonRefuses: goal: every reason of the closed list is reached, and a refusal has an audit record, no event,
// and names only what has the form of an id. Method: one thing wrong at a time, and a walk over the list.
func TestEachReasonRefuses(t *testing.T) {
	lowOrder := make([]byte, 32)
	lowOrder[0] = 1
	cases := []struct {
		name, reason string
		change       func(*Show)
	}{
		{"no verb", ReasonUnknownVerb, func(s *Show) { s.Control.Verb = "" }},
		{"odd verb", ReasonUnknownVerb, func(s *Show) { s.Control.Verb = "Show" }},
		{"hold", ReasonNotSupportedYet, func(s *Show) { s.Control.Verb = "hold" }},
		{"erase", ReasonNotSupportedYet, func(s *Show) { s.Control.Verb = "erase" }},
		{"control id", ReasonBadControlID, func(s *Show) { s.Control.ControlID = "4915112345678" }},
		{"nobody", ReasonNoActor, func(s *Show) { s.Control.Actor = "" }},
		{"an address", ReasonNoActor, func(s *Show) { s.Control.Actor = "e@example.org" }},
		{"no purpose", ReasonPurposeNotAllowed, func(s *Show) { s.Control.Purpose = "" }},
		{"legal", ReasonPurposeNotAllowed, func(s *Show) { s.Control.Purpose = "legal" }},
		{"no incident", ReasonNoIncident, func(s *Show) { s.Control.IncidentID = "" }},
		{"a phone", ReasonNoIncident, func(s *Show) { s.Control.IncidentID = "x4915112345678" }},
		{"free text", ReasonNoIncident, func(s *Show) { s.Control.IncidentID = "he said hello" }},
		{"old control", ReasonStale, func(s *Show) { s.Control.At = s.Now.Add(-patience - 1) }},
		{"no key", ReasonBadPublicKey, func(s *Show) { s.Control.PublicKey = nil }},
		{"short key", ReasonBadPublicKey, func(s *Show) { s.Control.PublicKey = s.Control.PublicKey[:31] }},
		{"zero key", ReasonBadPublicKey, func(s *Show) { s.Control.PublicKey = make([]byte, 32) }},
		{"low order", ReasonBadPublicKey, func(s *Show) { s.Control.PublicKey = lowOrder }},
		{"tenant", ReasonUnknownTenant, func(s *Show) { s.Control.TenantID = "nobody" }},
		{"no copy", ReasonNotFound, func(s *Show) { s.Delivered = nil }},
		{"copy of another message", ReasonNotFound, func(s *Show) { s.Control.MessageID = "01JD3Z8Q4Y5W6V7T8S9R0QPNMM" }},
		{"copy of another tenant", ReasonNotFound, func(s *Show) { s.Control.TenantID = "globex" }},
		{"window", ReasonWindowOver, func(s *Show) { s.Now = outcomeAt.Add(72 * time.Hour); s.Control.At = s.Now }},
		{"window is no time", ReasonWindowOver, func(s *Show) { s.Delivered.Window = "always" }},
		{"no window", ReasonWindowOver, func(s *Show) { s.Delivered.Window = "0s" }},
		{"later lane", ReasonWindowOver, func(s *Show) { s.Delivered.Window, s.Delivered.DueAt = "1h", s.Now.Add(time.Hour) }},
		{"no content", ReasonNoContent, func(s *Show) { s.Delivered.Content = nil }},
	}
	reached := map[string]bool{}
	for _, c := range cases {
		in := askedAt(time.Hour)
		c.change(&in)
		d := decide(t, in)
		if d.Allow || d.Reason != c.reason || d.Event != nil {
			t.Errorf("%s: %+v", c.name, d)
		}
		if d.Audit.Action != "content_refused" || d.Audit.Detail != c.reason || d.Audit.AuditID == "" || !d.Audit.At.Equal(in.Now) {
			t.Errorf("%s: audit %+v", c.name, d.Audit)
		}
		reached[c.reason] = true
	}
	for _, reason := range Reasons {
		if !reached[reason] {
			t.Errorf("reason %s has no case", reason)
		}
	}
}

// TestWindowIsReadToItsLastInstant: goal: reading ends at outcome + window, neither earlier nor later. Method: one
// nanosecond before, and at it.
func TestWindowIsReadToItsLastInstant(t *testing.T) {
	if d := decide(t, askedAt(72*time.Hour-1)); !d.Allow {
		t.Errorf("refused within the window: %s", d.Reason)
	}
	if d := decide(t, askedAt(72*time.Hour)); d.Reason != ReasonWindowOver {
		t.Errorf("after the window: %+v", d)
	}
}

// TestNothingTypedEntersTheRecords: goal: whatever an asker types, the audit record and event can be written and hold
// ids only; deciding again changes nothing; only a control in order is allowed. Method: random controls with planted text
// in any field, searched for in the encoded records.
func TestNothingTypedEntersTheRecords(t *testing.T) {
	const plantedText, plantedPhone = "Qwertz Canary", "4917600112233"
	allowed := 0
	rapid.Check(t, func(t *rapid.T) {
		fields := []string{"control id", "tenant", "verb", "message id", "actor", "purpose", "incident", "scope", "key"}
		spoiled := rapid.SliceOfN(rapid.SampledFrom(fields), 0, 3).Draw(t, "spoiled")
		typed := func(name, good string) string {
			if !slices.Contains(spoiled, name) {
				return good
			}
			return rapid.SampledFrom([]string{"", plantedText, plantedPhone, "+" + plantedPhone, "a" + plantedPhone}).Draw(t, name)
		}
		in := askedAt(time.Duration(rapid.IntRange(0, 80).Draw(t, "hours")) * time.Hour)
		c := &in.Control
		c.ControlID, c.TenantID, c.Verb = typed("control id", c.ControlID), typed("tenant", "acme"), typed("verb", "show")
		c.MessageID, c.Actor, c.Purpose = typed("message id", messageID), typed("actor", "root"), typed("purpose", "debug")
		c.IncidentID, c.Scope = typed("incident", "INC-1"), typed("scope", "")
		c.PublicKey = []byte(typed("key", string(c.PublicKey)))
		d := decide(t, in)
		if !reflect.DeepEqual(d, decide(t, in)) {
			t.Fatalf("the same control was decided in two ways")
		}
		later := in
		later.Now = later.Now.Add(time.Minute)
		if decide(t, later).Audit.AuditID != d.Audit.AuditID {
			t.Fatalf("a repeat would audit a second row")
		}
		if d.Allow != (d.Event != nil) || d.Allow != (d.Reason == "") || d.Allow != (d.Audit.Action == "content_shown") {
			t.Fatalf("decision %+v contradicts itself", d)
		}
		out, err := schemas.AuditRecords.Encode(&d.Audit)
		if err != nil {
			t.Fatalf("encode the audit record: %v", err)
		}
		if d.Allow {
			allowed++
			event, err := schemas.Events.Encode(d.Event)
			if err != nil {
				t.Fatalf("encode the event: %v", err)
			}
			out = append(out, event...)
		}
		for _, s := range []string{"Qwertz", "Canary", plantedPhone} {
			if bytes.Contains(out, []byte(s)) {
				t.Fatalf("%q left", s)
			}
		}
	})
	if allowed == 0 {
		t.Error("no control was allowed: the test saw refusals only")
	}
}
