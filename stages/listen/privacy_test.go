package listen

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/whatsapplink/cloud/pipeline"
)

const (
	plantedText  = "Qwertz Canary-Yolk"
	plantedPhone = "4917600112233"
	plantedUser  = "DE.99887766554433221100"
)

// planted is a value of the callback that must not leave, as text or number.
var planted = rapid.SampledFrom([]any{plantedText, plantedPhone, "+" + plantedPhone, 4917600112233, plantedUser, "wamid." + plantedPhone})

// filled is an object with a planted value under each of the names, and perhaps what a test sets over it.
func filled(t *rapid.T, over object, names ...string) object {
	o := object{}
	for _, name := range names {
		o[name] = planted.Draw(t, name)
	}
	for k, v := range over {
		o[k] = v
	}
	return o
}

// forged is callback data with a planted value in one of its parts, or none.
func forged(t *rapid.T) string {
	parts := strings.Split(callbackData().String(), "|")
	if i := rapid.IntRange(0, 3*len(parts)).Draw(t, "forged part"); i < len(parts) {
		parts[i] = fmt.Sprint(planted.Draw(t, "part"))
	}
	return strings.Join(parts, "|")
}

func hostile(t *rapid.T) []byte {
	pick := func(name string, values ...any) any { return rapid.SampledFrom(values).Draw(t, name) }
	errs := list{filled(t, object{"code": pick("code", 131050, 130403, 131031, 131048, "131026", plantedPhone)}, "title", "message", "error_data", "href")}
	status := filled(t, object{
		"status": pick("status", "sent", "delivered", "read", "failed", "failed", plantedText), "errors": errs,
		"biz_opaque_callback_data": forged(t),
		"pricing":                  filled(t, nil, "billable", "category", "type", "pricing_model"),
		"conversation":             filled(t, nil, "id", "expiration_timestamp"),
	}, "id", "timestamp", "recipient_id", "recipient_user_id", "parent_user_id", "recipient_identity_key_hash")
	message := filled(t, object{
		"text":        object{"body": pick("body", "STOP", plantedText)},
		"button":      filled(t, nil, "payload", "text"),
		"interactive": object{"button_reply": filled(t, nil, "id", "title"), "nfm_reply": filled(t, nil, "response_json", "body")},
		"context":     filled(t, nil, "from", "id"),
	}, "from", "from_user_id", "id", "timestamp", "type")
	value := filled(t, object{
		"metadata":         object{"display_phone_number": planted.Draw(t, "display"), "phone_number_id": pick("number", sender, plantedPhone)},
		"contacts":         list{filled(t, object{"profile": filled(t, nil, "name", "username")}, "wa_id", "user_id", "parent_user_id")},
		"statuses":         list{status},
		"messages":         list{message},
		"errors":           errs,
		"user_preferences": list{filled(t, object{"value": pick("preference", "stop", "resume", plantedText)}, "wa_id", "user_id", "detail", "category", "timestamp")},
		"event":            pick("event", "APPROVED", "DISABLED_UPDATE", "PAUSED", "DISABLED", "ACCOUNT_DELETED", "ACCOUNT_RESTRICTION", plantedText),
		"ban_info":         filled(t, object{"waba_ban_state": pick("ban", "DISABLE", "REINSTATE", plantedText)}, "waba_ban_date"),
		"other_info":       filled(t, nil, "title", "description"),
		"restriction_info": list{filled(t, nil, "restriction_type", "expiration")},
	}, "message_template_name", "message_template_language", "message_template_id", "reason", "phone_number", "messaging_product")
	return encode(object{"object": "whatsapp_business_account", "entry": list{filled(t, object{
		"id": pick("account", waba, plantedPhone),
		"changes": list{
			object{"field": pick("field", "messages", "user_preferences", "message_template_status_update", "account_update", plantedText), "value": value},
		},
	}, "time")}})
}

// TestNoNumberNameOrTextLeaves: goal: nothing a callback says of a person leaves Reduce, in no spelling. Method: random
// callbacks with planted numbers, ids and texts in every field; the encoded records, the printed reduction and the error
// are searched for them as text, hex and base64. That objections and events still come out is shown by the count.
func TestNoNumberNameOrTextLeaves(t *testing.T) {
	var spellings [][]byte
	for _, s := range []string{"Qwertz", "qwertz", "Canary", plantedText, plantedPhone, plantedUser} {
		spellings = append(spellings, []byte(s), []byte(hex.EncodeToString([]byte(s))))
		if len(s) < 12 {
			continue
		}
		for shift := range 3 { // base64 of the text at each alignment, without the ends that its surroundings change
			coded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + s))
			spellings = append(spellings, []byte(coded[4*min(shift, 1):len(coded)-4]))
		}
	}
	records := 0
	rapid.Check(t, func(rt *rapid.T) {
		callback := hostile(rt)
		r, err := Reduce(callback, deps())
		if err != nil {
			rt.Fatalf("a callback of the right form was refused")
		}
		again, _ := Reduce(callback, deps())
		if !reflect.DeepEqual(r, again) {
			rt.Fatalf("the same callback was reduced in two ways")
		}
		asJSON, err := json.Marshal(r)
		if err != nil {
			rt.Fatalf("print the reduction: %v", err)
		}
		records += len(r.Events) + len(r.Suppressions) + len(r.Stops)
		for _, out := range [][]byte{encoded(t, r), asJSON, fmt.Appendf(nil, "%+v", r)} {
			for _, s := range spellings {
				if bytes.Contains(out, s) {
					rt.Fatalf("%q left", s)
				}
			}
		}
	})
	if records == 0 {
		t.Error("no callback had any effect: the test would see nothing")
	}
}

// FuzzReduce: goal: no body stops the stage, and whatever is reduced can be written. Method: real callbacks, mutated; the
// only error is a rejection with a listed reason.
func FuzzReduce(f *testing.F) {
	f.Add(messages(object{"statuses": list{statusOf("failed", object{"errors": list{object{"code": 131050}}})}}))
	f.Add(messages(object{"messages": list{object{"from": "4915112345678", "text": object{"body": "stop"}}}}))
	f.Add(body("user_preferences", object{"user_preferences": list{object{"wa_id": "4915112345678", "value": "stop"}}}))
	f.Add(body("message_template_status_update", object{"event": "PAUSED", "message_template_name": "n", "message_template_language": "en"}))
	f.Add(body("account_update", object{"event": "ACCOUNT_RESTRICTION", "restriction_info": list{object{"expiration": 1e300}}}))
	f.Add([]byte(`{"object":"whatsapp_business_account","entry":[{"changes":[{"value":{"metadata":null}}]}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Reduce(b, deps())
		if err == nil {
			encoded(t, r)
			return
		}
		rejection, rejected := pipeline.AsRejection(err)
		if !rejected || !strings.Contains(strings.Join(Reasons, " "), rejection.Reason) {
			t.Fatalf("error %v", err)
		}
	})
}
