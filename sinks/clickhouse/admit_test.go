package clickhouse

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
)

// canaries are what must never reach ClickHouse.
var canaries = []string{
	"Your code is 123456, do not share it", "+4915112345678", "4915112345678", "wamid.HBgMNDkxNTExMjM0NTY3OBUCABEYEjA",
	"https://cdn.example/a.jpg?x=1", "Grüße", "jo@example.com", "{\"body\":\"hi\"}", "a\nb", strings.Repeat("x", 400),
}

// Goal: no field of an event can carry content, a phone number or a wamid into ClickHouse, whichever stage makes a
// mistake. Method: by reflection, every canary in every text field, in a label's key and value, and in the copy's topic;
// bytes of other lengths in every ref. A new text field is covered without a line here.
func TestAnEventCannotHoldContent(t *testing.T) {
	for _, canary := range canaries {
		for i := range reflect.TypeFor[schemas.Event]().NumField() {
			e := full()
			f := reflect.ValueOf(&e).Elem().Field(i)
			switch f.Interface().(type) {
			case string, schemas.Kind:
				f.SetString(canary)
			case []byte:
				f.SetBytes([]byte(canary))
			case map[string]string:
				f.Set(reflect.ValueOf(map[string]string{"campaign": canary}))
			default:
				continue
			}
			if name := reflect.TypeOf(e).Field(i).Name; name == "SenderID" && digits(canary) == len(canary) {
				continue // a phone number id is a number of Meta's: only the registers can tell it from a phone number
			}
			refuse(t, fmt.Sprintf("%s = %q", reflect.TypeOf(e).Field(i).Name, canary), e)
		}
		e := full()
		e.TenantID = canary
		refuse(t, "TenantID", e)
		e = full()
		e.MessageID = canary
		refuse(t, "MessageID", e)
		e = full()
		e.Labels = map[string]string{canary: "a"}
		refuse(t, "a label's key", e)
		e = full()
		e.Copy.Topic = canary
		refuse(t, "Copy.Topic", e)
		e = full()
		e.Copy.SeedID = []byte(canary)
		refuse(t, "Copy.SeedID", e)
	}
}

func refuse(t *testing.T, what string, e schemas.Event) {
	t.Helper()
	_, err := Admit(&e)
	r, rejected := pipeline.AsRejection(err)
	if !rejected {
		t.Errorf("%s was admitted", what)
	}
	for _, c := range canaries {
		if strings.Contains(r.Error(), c) {
			t.Errorf("the rejection quotes %q", c)
		}
	}
}

// Goal: what our stages write passes unchanged. Method: the shapes that contract.md gives, field by field; the full
// event; and times and numbers at and over their limits.
func TestEventsOfOurStagesAreAdmitted(t *testing.T) {
	for name, change := range map[string]func(*schemas.Event){
		"full": func(*schemas.Event) {}, "uuid": func(e *schemas.Event) { e.MessageID = "0192F0C1-2b3c-7d4e-8f90-a1b2c3d4e5f6" },
		"undecodable": func(e *schemas.Event) { e.TenantID, e.MessageID = "unknown", "requests.acme/11/12345678" },
		"coordinates": func(e *schemas.Event) { e.Detail = "requests.acme-1/0/9223372036854775807" },
		"due":         func(e *schemas.Event) { e.Detail = "2026-11-26T12:00:00.000Z" },
		"claim":       func(e *schemas.Event) { e.Detail = "9f86d081884c7d659a2feaa0c55ad015" },
		"stop":        func(e *schemas.Event) { e.MessageID, e.Detail = "unknown", "number/106540352242922/attempts/3/77" },
		"recipient":   func(e *schemas.Event) { e.Detail = "recipient/acme/9f86d081884c7d659a2feaa0c55ad015/status/3/77" },
		"no message":  func(e *schemas.Event) { e.MessageID, e.AcceptedAt = "unknown", time.Time{} },
		"policy":      func(e *schemas.Event) { e.PolicyVersion = "2026-11-26.1" },
		"bare": func(e *schemas.Event) {
			*e = schemas.Event{Identity: schemas.Identity{TenantID: "acme", MessageID: id(1), AcceptedAt: noon}, Kind: schemas.KindAccepted, At: noon}
		},
	} {
		e := full()
		change(&e)
		want := e
		out, err := Admit(&e)
		if err != nil || len(out) != 1 || !reflect.DeepEqual(*out[0], want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, change := range map[string]func(*schemas.Event){
		"kind": func(e *schemas.Event) { e.Kind = "typing" }, "attempt": func(e *schemas.Event) { e.Attempt = 65536 },
		"negative": func(e *schemas.Event) { e.Attempt = -1 }, "no time": func(e *schemas.Event) { e.At = time.Time{} },
		"far": func(e *schemas.Event) { e.DueAt = latest }, "past": func(e *schemas.Event) { e.AcceptedAt = earliest.Add(-1) },
		"country": func(e *schemas.Event) { e.Country = "de" }, "no tenant": func(e *schemas.Event) { e.TenantID = "" },
		"phone in a label":  func(e *schemas.Event) { e.Labels = map[string]string{"a": "49-151-1234567"} },
		"digits as detail":  func(e *schemas.Event) { e.Detail = "4915112345678" },
		"digits as message": func(e *schemas.Event) { e.MessageID = "4915112345678" },
		"9 labels": func(e *schemas.Event) {
			e.Labels = map[string]string{"a": "", "b": "", "c": "", "d": "", "e": "", "f": "", "g": "", "h": "", "i": ""}
		},
	} {
		e := full()
		change(&e)
		refuse(t, name, e)
	}
}

// Goal: no receipt, audit record, objection or setting of a tenant with what must not be in ClickHouse is admitted, and
// those our stages write are. Method: one good record each, then each of its strings replaced by canaries.
func TestEvidenceThatCouldHoldContentIsRefused(t *testing.T) {
	receipt := schemas.Receipt{State: "expired", Lane: "delivered.72h", Bucket: noon, Deadline: noon, ObservedAt: noon, PolicyVersion: "2026-11",
		Seeds: []schemas.SeedRef{{Topic: "keys.72h", SeedID: make([]byte, 16), AppendedAt: noon}}}
	audit := schemas.AuditRecord{AuditID: id(1), Action: "content_shown", Actor: "u1234567@example.com", TenantID: "acme", MessageID: id(2), ControlID: id(3),
		Purpose: "debug", IncidentID: "INC-20261126", Detail: "not_found", At: noon, ReadHash: make([]byte, 32), PolicyVersion: "2026-11"}
	objection := schemas.Suppression{Scope: "recipient", TenantID: "acme", Ref: make([]byte, 16), Category: "marketing", State: "stop", EffectiveAt: noon, Source: "keyword"}
	tenant := schemas.Tenant{TenantID: "acme", Status: "active", Region: "eu", DeliveryWindow: "24h", DiagnosticWindow: "72h", SettleAfter: "1h",
		OnUnknown: "report", PolicyVersion: "2026-11"}
	evidence(t, receipt, func(r *schemas.Receipt) error { _, err := AdmitReceipt(r); return err })
	evidence(t, audit, func(a *schemas.AuditRecord) error { _, err := AdmitAudit(a); return err })
	evidence(t, objection, func(s *schemas.Suppression) error { _, err := AdmitSuppression(s); return err })
	evidence(t, tenant, func(v *schemas.Tenant) error { _, err := TenantPolicies(v, noon); return err })
}

func evidence[T any](t *testing.T, good T, admit func(*T) error) {
	t.Helper()
	if err := admit(&good); err != nil {
		t.Errorf("%T: %v", good, err)
	}
	for i := range reflect.TypeOf(good).NumField() {
		for _, canary := range []string{"Hello Ann, your code is 1234", "+4915112345678", "wamid.HBgMNDkxNTExMjM0NTY3OA=="} {
			bad := good
			f := reflect.ValueOf(&bad).Elem().Field(i)
			switch {
			case f.Kind() == reflect.String:
				f.SetString(canary)
			case f.Type() == reflect.TypeFor[[]byte]() && reflect.TypeOf(good).Field(i).Name != "RefsKey":
				f.SetBytes([]byte(canary))
			default:
				continue
			}
			if admit(&bad) == nil {
				t.Errorf("%T.%s = %q is admitted", good, reflect.TypeOf(good).Field(i).Name, canary)
			}
		}
	}
}

// Goal: a tenant's record becomes one row a setting, from its own time on, or its append where it has none.
func TestATenantsPolicyIsKept(t *testing.T) {
	db := open(t)
	tenant := schemas.Tenant{TenantID: "acme", Status: "active", Region: "eu", DeliveryWindow: "24h", DiagnosticWindow: "72h", PolicyVersion: "2026-11",
		RetentionOverride: &schemas.Retention{Window: "168h"}}
	for range 2 { // a record read twice
		rows, err := TenantPolicies(&tenant, noon)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range rows {
			if err := Policies(db).Write(t.Context(), span(int64(i), int64(i+1)), []Policy{*r}); err != nil {
				t.Fatal(err)
			}
		}
	}
	expect(t, db, "8", "SELECT count() FROM policy_history FINAL WHERE object = 'tenant' AND object_id = 'acme' AND effective_at = ?", noon)
	expect(t, db, "168h", "SELECT value FROM policy_history FINAL WHERE setting = 'retention_override'")
}
