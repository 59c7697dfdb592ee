package listen

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/schemas"
)

var (
	received = time.Date(2026, 11, 20, 9, 30, 0, 0, time.UTC)
	accepted = received.Add(-time.Minute)
	stamp    = received.Add(-10 * time.Second) // Meta's time in the callbacks below
)

const (
	sender = "106540352242922" // acme's, phone number id
	waba   = "900"             // acme's
	wamid  = "wamid.HBgLMTY0NjcwNDM1OTUVAgARGBI5QTNDQTVCM0Q0Q0Q2RTY3RTcA"
)

// object and list write JSON as Go literals.
type (
	object = map[string]any
	list   = []any
)

func register() map[string]schemas.Tenant {
	return map[string]schemas.Tenant{
		"acme":   {TenantID: "acme", Outcomes: true, Senders: []schemas.Sender{{PhoneNumberID: sender, WABA: waba, Region: "eu"}}},
		"globex": {TenantID: "globex", Senders: []schemas.Sender{{PhoneNumberID: "200", WABA: "901", Region: "us"}}},
	}
}

// deps looks into register, and its refs are HMACs as the real ones are.
func deps() Deps {
	tenants := register()
	owner := func(match func(schemas.Sender) bool) (string, bool) {
		for id, tenant := range tenants {
			if match(tenant.Senders[0]) {
				return id, true
			}
		}
		return "", false
	}
	return Deps{
		Ref:    func(tenant, kind, value string) ([]byte, error) { return refOf(tenant, kind, value), nil },
		Tenant: func(id string) (schemas.Tenant, bool) { t, ok := tenants[id]; return t, ok },
		SenderTenant: func(id string) (string, bool) {
			return owner(func(s schemas.Sender) bool { return s.PhoneNumberID == id })
		},
		AccountTenant: func(id string) (string, bool) { return owner(func(s schemas.Sender) bool { return s.WABA == id }) },
		Stopped:       func(string, string) (schemas.Stop, bool) { return schemas.Stop{}, false },
		ReceivedAt:    received,
		PolicyVersion: "2026-11-01",
	}
}

func refOf(tenant, kind, value string) []byte {
	mac := hmac.New(sha256.New, []byte("test key of "+tenant))
	mac.Write([]byte(kind + "\x00" + value))
	return mac.Sum(nil)[:16]
}

func callbackData() schemas.CallbackData {
	return schemas.CallbackData{
		Identity: schemas.Identity{TenantID: "acme", MessageID: "01JD3Z8Q4Y5W6V7T8S9R0QPNMK", AcceptedAt: accepted},
		Attempt:  2, Category: schemas.Marketing, Country: "DE", ContentType: "template", Window: "72h",
	}
}

// statusOf is a status of the message of callbackData, with parts changed; a nil value takes a part away.
func statusOf(state string, changes object) object {
	s := object{
		"id": wamid, "status": state, "timestamp": "1795166990", "recipient_id": "4915112345678",
		"biz_opaque_callback_data": callbackData().String(),
	}
	for k, v := range changes {
		if s[k] = v; v == nil {
			delete(s, k)
		}
	}
	return s
}

// body is a callback of one change.
func body(field string, value object) []byte {
	return encode(object{
		"object": "whatsapp_business_account",
		"entry":  list{object{"id": waba, "time": stamp.Unix(), "changes": list{object{"field": field, "value": value}}}},
	})
}

// messages is a callback of field messages of acme's number, with lists as given.
func messages(lists object) []byte {
	value := object{
		"messaging_product": "whatsapp",
		"metadata":          object{"display_phone_number": "+49 30 901820", "phone_number_id": sender},
	}
	for k, v := range lists {
		value[k] = v
	}
	return body("messages", value)
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func reduce(t testing.TB, body []byte, d Deps) Reduction {
	t.Helper()
	r, err := Reduce(body, d)
	if err != nil {
		t.Fatalf("reduce: %v", err)
	}
	return r
}

// encoded is every record of a reduction as it goes on the wire.
func encoded(t testing.TB, r Reduction) []byte {
	t.Helper()
	var all []byte
	var err error
	each := func(b []byte, e error) {
		if e != nil {
			err = e
		}
		all = append(all, b...)
	}
	for i := range r.Statuses {
		each(schemas.Statuses.Encode(&r.Statuses[i]))
	}
	for i := range r.Events {
		each(schemas.Events.Encode(&r.Events[i]))
	}
	for i := range r.Stops {
		each(schemas.Stops.Encode(&r.Stops[i]))
	}
	for i := range r.Suppressions {
		each(schemas.Suppressions.Encode(&r.Suppressions[i]))
	}
	for i := range r.Outcomes {
		each(schemas.Outcomes.Encode(&r.Outcomes[i]))
	}
	if err != nil {
		t.Fatalf("encode a record of the reduction: %v", err)
	}
	return all
}
