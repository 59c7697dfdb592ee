package redact

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
)

var outcomeAt = time.Date(2026, 11, 20, 9, 30, 0, 0, time.UTC)

// copyAt is a copy whose fields are all filled, at an offset of a lane, due a time after the outcome.
func copyAt(offset int64, due time.Duration) Due {
	sealed := func(planted string) *schemas.Sealed {
		return &schemas.Sealed{Version: 1, Family: "72h", SeedID: []byte("seed-of-the-copy"), Nonce: []byte("nonce-12-byt"), Ciphertext: []byte(planted)}
	}
	return Due{
		Position: pipeline.Position{Topic: "delivered.72h", Partition: 4, Offset: offset},
		Now:      outcomeAt.Add(due),
		Delivered: schemas.Delivered{
			Identity: schemas.Identity{TenantID: "acme", MessageID: "01JD3Z8Q4Y5W6V7T8S9R0QPNMK", AcceptedAt: outcomeAt.Add(-time.Minute)},
			Source:   schemas.Coordinates{Topic: "requests", Partition: 1, Offset: 7},
			Route:    schemas.Route{Sender: "106540352242922", WABA: "900", Region: "eu", Processor: "meta", TransferBasis: "same_region"},
			Clear: schemas.Clear{
				Category: schemas.Utility, ContentType: "template", SizeClass: "256", Country: "DE", TemplateRef: bytes.Repeat([]byte{7}, 16),
				RecipientRefs: [][]byte{bytes.Repeat([]byte{8}, 16)}, Window: "72h", Labels: map[string]string{"team": "a"}, PolicyVersion: "2026-10-01",
			},
			Outcome: schemas.OutcomeFailed, Reason: "undeliverable", ErrorCode: 131026, Attempt: 2, ProviderRef: bytes.Repeat([]byte{9}, 16),
			OutcomeAt: outcomeAt, DueAt: outcomeAt.Add(due),
			Seeds:   []schemas.SeedRef{{Topic: "keys.24h", SeedID: []byte("seed-of-transit-"), AppendedAt: outcomeAt}},
			Content: sealed("planted-content"), Diagnostics: sealed("planted-diagnostics"),
		},
	}
}

func strip(t interface{ Fatalf(string, ...any) }, d Due) Stripped {
	out, err := Stage{PolicyVersion: "2026-11-01"}.Step(d)
	if err != nil || len(out) != 1 {
		t.Fatalf("one copy in gave %d out and error %v", len(out), err)
	}
	return out[0]
}

// TestEverythingButContentAndDiagnosticsStays: goal: analysis loses nothing that may stay. Method: every field that
// Delivered and Redacted share by name is compared by reflection, and the event's by hand.
func TestEverythingButContentAndDiagnosticsStays(t *testing.T) {
	d := copyAt(12, 72*time.Hour)
	s := strip(t, d)
	in, out := reflect.ValueOf(d.Delivered), reflect.ValueOf(s.Redacted)
	for i := range out.NumField() {
		name := out.Type().Field(i).Name
		if name == "Copy" {
			continue
		}
		if out.Field(i).IsZero() || !reflect.DeepEqual(out.Field(i).Interface(), in.FieldByName(name).Interface()) {
			t.Errorf("field %s changed", name)
		}
	}
	wantCopy := schemas.Copy{Topic: "delivered.72h", Partition: 4, Offset: 12, SeedID: []byte("seed-of-the-copy")}
	if !reflect.DeepEqual(s.Redacted.Copy, wantCopy) || !reflect.DeepEqual(*s.Event.Copy, wantCopy) {
		t.Errorf("copy %+v, event's %+v", s.Redacted.Copy, *s.Event.Copy)
	}
	if e := s.Event; e.Kind != schemas.KindRedacted || e.Detail != "delivered.72h/4/12" || e.Identity != d.Identity ||
		e.Attempt != 2 || !e.At.Equal(d.Now) || !e.DueAt.Equal(d.DueAt) || e.PolicyVersion != "2026-11-01" {
		t.Errorf("event %+v", e)
	}
	if !reflect.DeepEqual(s.Seeds, d.Seeds) {
		t.Errorf("seeds %+v", s.Seeds)
	}
}

// TestCopyWithoutContentIsRedactedToo: goal: window zero gets its record, event and receipt. Method: a copy without
// sealed parts.
func TestOneMoreSeedIsNoEndOfTheMessage(t *testing.T) {
	// Goal: a copy that only names a seed is counted in its receipt and tells nobody that the message is redacted. Method: the
	// same copy with and without that reason.
	d := copyAt(12, 72*time.Hour)
	d.Reason, d.Content = schemas.ReasonResealed, nil
	if s := strip(t, d); s.Event != nil || !reflect.DeepEqual(s.Seeds, d.Seeds) || s.Redacted.MessageID != d.MessageID {
		t.Errorf("%+v", s)
	}
}

func TestCopyWithoutContentIsRedactedToo(t *testing.T) {
	d := copyAt(12, 0)
	d.Content, d.Diagnostics, d.Window = nil, nil, "0s"
	if s := strip(t, d); s.Redacted.Copy.SeedID != nil || s.Redacted.MessageID != d.MessageID {
		t.Errorf("redacted %+v", s.Redacted)
	}
}

// TestEarlyCopyWaits: goal: the window promised to the tenant is never cut short, and the record is not to blame.
// Method: one millisecond before the due time, and at it.
func TestEarlyCopyWaits(t *testing.T) {
	d := copyAt(12, time.Hour)
	d.Now = d.DueAt.Add(-time.Millisecond)
	_, err := Stage{}.Step(d)
	if _, rejected := pipeline.AsRejection(err); err == nil || rejected {
		t.Errorf("an early copy gave %v", err)
	}
	d.Now = d.DueAt
	strip(t, d)
}

// TestRedactedCannotHoldAnythingSealed: goal: the promise holds by type. Method: walk all types reachable from Redacted
// and Event.
func TestRedactedCannotHoldAnythingSealed(t *testing.T) {
	banned := map[reflect.Type]bool{
		reflect.TypeFor[schemas.Sealed](): true, reflect.TypeFor[schemas.Payload](): true, reflect.TypeFor[schemas.Diagnostics](): true,
	}
	var walk func(typ reflect.Type, path string)
	walk = func(typ reflect.Type, path string) {
		if banned[typ] {
			t.Errorf("%s is %s", path, typ)
		}
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			walk(typ.Elem(), path)
		case reflect.Interface:
			t.Errorf("%s is an interface: it could hold anything", path)
		case reflect.Struct:
			if typ == reflect.TypeFor[time.Time]() {
				return
			}
			for f := range typ.Fields() {
				walk(f.Type, path+"."+f.Name)
			}
		}
	}
	walk(reflect.TypeFor[schemas.Redacted](), "Redacted")
	walk(reflect.TypeFor[schemas.Event](), "Event")
}

// TestNothingSealedSurvives: goal: no byte of a sealed part goes on, in no spelling. Method: plant random ciphertexts,
// search the encoded record and event for them as bytes, hex and base64.
func TestNothingSealedSurvives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		planted := rapid.SliceOfN(rapid.Byte(), 8, 64)
		d := copyAt(rapid.Int64Range(0, 1<<40).Draw(t, "offset"), time.Hour)
		content, diagnostics := planted.Draw(t, "content"), planted.Draw(t, "diagnostics")
		d.Content.Ciphertext, d.Content.Nonce = content, content
		d.Diagnostics.Ciphertext, d.Diagnostics.SeedID = diagnostics, diagnostics
		s := strip(t, d)
		if again := strip(t, d); !reflect.DeepEqual(s, again) {
			t.Fatalf("the same copy was stripped in two ways")
		}
		record, err := schemas.Redacteds.Encode(&s.Redacted)
		if err != nil {
			t.Fatalf("encode the record: %v", err)
		}
		event, err := schemas.Events.Encode(s.Event)
		if err != nil {
			t.Fatalf("encode the event: %v", err)
		}
		for _, p := range [][]byte{content, diagnostics} {
			for _, spelled := range [][]byte{p, []byte(hex.EncodeToString(p)), []byte(base64.StdEncoding.EncodeToString(p))} {
				if bytes.Contains(record, spelled) || bytes.Contains(event, spelled) {
					t.Fatalf("a sealed part survived")
				}
			}
		}
	})
}

func BenchmarkStep(b *testing.B) {
	s, d := Stage{}, copyAt(1, time.Hour)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Step(d); err != nil {
			b.Fatal(err)
		}
	}
}
