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
func askedAt(after time.Duration) Asked {
	now := outcomeAt.Add(after)
	return Asked{
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

func decide(t interface{ Fatalf(string, ...any) }, in Asked) Decision {
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
		change       func(*Asked)
	}{
		{"no verb", ReasonUnknownVerb, func(s *Asked) { s.Control.Verb = "" }},
		{"odd verb", ReasonUnknownVerb, func(s *Asked) { s.Control.Verb = "Show" }},
		{"hold", ReasonNotSupportedYet, func(s *Asked) { s.Control.Verb = "hold" }},
		{"erase", ReasonNotSupportedYet, func(s *Asked) { s.Control.Verb = "erase" }},
		{"control id", ReasonBadControlID, func(s *Asked) { s.Control.ControlID = "4915112345678" }},
		{"nobody", ReasonNoActor, func(s *Asked) { s.Control.Actor = "" }},
		{"an address", ReasonNoActor, func(s *Asked) { s.Control.Actor = "e@example.org" }},
		{"no purpose", ReasonPurposeNotAllowed, func(s *Asked) { s.Control.Purpose = "" }},
		{"legal", ReasonPurposeNotAllowed, func(s *Asked) { s.Control.Purpose = "legal" }},
		{"no incident", ReasonNoIncident, func(s *Asked) { s.Control.IncidentID = "" }},
		{"a phone", ReasonNoIncident, func(s *Asked) { s.Control.IncidentID = "x4915112345678" }},
		{"free text", ReasonNoIncident, func(s *Asked) { s.Control.IncidentID = "he said hello" }},
		{"old control", ReasonStale, func(s *Asked) { s.Control.At = s.Now.Add(-patience - 1) }},
		{"no key", ReasonBadPublicKey, func(s *Asked) { s.Control.PublicKey = nil }},
		{"short key", ReasonBadPublicKey, func(s *Asked) { s.Control.PublicKey = s.Control.PublicKey[:31] }},
		{"zero key", ReasonBadPublicKey, func(s *Asked) { s.Control.PublicKey = make([]byte, 32) }},
		{"low order", ReasonBadPublicKey, func(s *Asked) { s.Control.PublicKey = lowOrder }},
		{"tenant", ReasonUnknownTenant, func(s *Asked) { s.Control.TenantID = "nobody" }},
		{"no copy", ReasonNotFound, func(s *Asked) { s.Delivered = nil }},
		{"copy of another message", ReasonNotFound, func(s *Asked) { s.Control.MessageID = "01JD3Z8Q4Y5W6V7T8S9R0QPNMM" }},
		{"copy of another tenant", ReasonNotFound, func(s *Asked) { s.Control.TenantID = "globex" }},
		{"window", ReasonWindowOver, func(s *Asked) { s.Now = outcomeAt.Add(72 * time.Hour); s.Control.At = s.Now }},
		{"window is no time", ReasonWindowOver, func(s *Asked) { s.Delivered.Window = "always" }},
		{"no window", ReasonWindowOver, func(s *Asked) { s.Delivered.Window = "0s" }},
		{"later lane", ReasonWindowOver, func(s *Asked) { s.Delivered.Window, s.Delivered.DueAt = "1h", s.Now.Add(time.Hour) }},
		{"no content", ReasonNoContent, func(s *Asked) { s.Delivered.Content = nil }},
		{"no letter", ReasonNotFound, func(s *Asked) { rejected(s, ShowRejected); s.Letter = nil }},
		{"letter of another record", ReasonNotFound, func(s *Asked) { rejected(s, ShowRejected); s.Control.MessageID = "requests/1/8" }},
		{"letter of another tenant", ReasonNotFound, func(s *Asked) { rejected(s, Redrive); s.Control.TenantID = "globex" }},
		{"old letter", ReasonWindowOver, func(s *Asked) { rejected(s, Redrive); s.Letter.AppendedAt = s.Now.Add(-LetterWindow) }},
		{"letter without bytes", ReasonNoContent, func(s *Asked) { rejected(s, ShowRejected); s.Letter.Original.Ciphertext = nil }},
		{"letter shown to no key", ReasonBadPublicKey, func(s *Asked) { rejected(s, ShowRejected); s.Control.PublicKey = nil }},
		{"redrive of what a stage wrote", ReasonNotARequest, func(s *Asked) { rejected(s, Redrive); s.Letter.Stage = "route" }},
		{"redrive to another topic", ReasonNotARequest, func(s *Asked) {
			rejected(s, Redrive)
			s.Letter.Source.Topic, s.Control.MessageID = "requestsX", "requestsX/1/7"
		}},
		{"redrive of half", ReasonTruncated, func(s *Asked) { rejected(s, Redrive); s.Letter.SizeBytes++ }},
		{"redrive for no incident", ReasonNoIncident, func(s *Asked) { rejected(s, Redrive); s.Control.IncidentID = "" }},
	}
	reached := map[string]bool{}
	for _, c := range cases {
		in := askedAt(time.Hour)
		c.change(&in)
		d := decide(t, in)
		if d.Allow || d.Reason != c.reason || d.Event != nil {
			t.Errorf("%s: %+v", c.name, d)
		}
		if d.Audit.Action != actions[in.Control.Verb].refused && d.Audit.Action != "content_refused" || d.Audit.Detail != c.reason || d.Audit.AuditID == "" || !d.Audit.At.Equal(in.Now) {
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

// rejected makes a control one about a dead letter of a request of 10 bytes, which is allowed.
func rejected(in *Asked, verb string) {
	in.Control.Verb, in.Control.MessageID, in.Delivered = verb, "requests/1/7", nil
	if verb == Redrive {
		in.Control.PublicKey = nil
	}
	in.Letter = &Letter{AppendedAt: in.Now.Add(-LetterWindow + 1), Rejected: schemas.Rejected{
		Source: schemas.Coordinates{Topic: "requests", Partition: 1, Offset: 7}, Stage: "validate", TenantID: "acme", MessageID: messageID,
		AcceptedAt: outcomeAt, SizeBytes: 10, Original: schemas.Sealed{Ciphertext: make([]byte, 10+tagBytes)},
	}}
}

// TestLettersAreShownAndRedriven: goal: a letter can be had until 24 h after it was written, also where the tenant is not
// known; a redrive tells of no showing. Method: one nanosecond before the end, both verbs, a letter that nobody owns.
func TestLettersAreShownAndRedriven(t *testing.T) {
	in := askedAt(time.Hour)
	rejected(&in, ShowRejected)
	d := decide(t, in)
	if !d.Allow || d.Audit.Action != "rejected_shown" || d.Audit.Detail != "requests/1/7" || d.Audit.MessageID != messageID {
		t.Errorf("show: %+v", d)
	}
	if e := d.Event; e == nil || e.Kind != schemas.KindShown || e.MessageID != messageID || e.Detail != in.Control.ControlID {
		t.Errorf("event %+v", e)
	}
	rejected(&in, Redrive)
	if d := decide(t, in); !d.Allow || d.Event != nil || d.Audit.Action != "rejected_redriven" {
		t.Errorf("redrive: %+v", d)
	}
	in.Control.TenantID, in.Letter.TenantID, in.Letter.MessageID = "unknown", "unknown", "requests/1/7"
	if d := decide(t, in); !d.Allow || d.Audit.TenantID != "" || d.Audit.MessageID != "" || d.Audit.Detail != "requests/1/7" {
		t.Errorf("redrive of nobody's: %+v", d)
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

// TestAMessageOnItsWayIsReadableUntilItsWindowIsOver: goal: from acceptance on a transit copy may be read, and after the
// outcome only as long as the diagnostic copy. Method: a table.
func TestAMessageOnItsWayIsReadableUntilItsWindowIsOver(t *testing.T) {
	for _, c := range []struct {
		name, window string
		outcome      time.Time
		after        time.Duration
		reason       string
	}{
		{"no outcome yet", "72h", time.Time{}, 0, ""},
		{"no outcome yet, window zero", "0s", time.Time{}, 0, ""},
		{"concluded within its window", "72h", outcomeAt, time.Hour, ""},
		{"concluded, window over", "72h", outcomeAt, 72 * time.Hour, ReasonWindowOver},
		{"concluded, window zero", "0s", outcomeAt, 0, ReasonWindowOver},
	} {
		in := askedAt(c.after)
		in.Transit, in.Delivered.OutcomeAt, in.Delivered.Window = true, c.outcome, c.window
		if d := decide(t, in); d.Reason != c.reason {
			t.Errorf("%s: %q, not %q", c.name, d.Reason, c.reason)
		}
	}
}
