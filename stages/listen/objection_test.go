package listen

import (
	"encoding/hex"
	"reflect"
	"testing"

	"github.com/whatsapplink/cloud/schemas"
)

func stopOf(kind, value, category, source string) schemas.Suppression {
	return schemas.Suppression{
		Scope: "recipient", TenantID: "acme", Ref: refOf("acme", kind, value), Category: category, State: "stop", EffectiveAt: stamp, Source: source,
	}
}

// TestStopWordsAreUnderstood: goal: an objection in the usual words of many languages counts, however it is typed.
// Method: words in other cases, widths, compositions, with signs and emoji about them.
func TestStopWordsAreUnderstood(t *testing.T) {
	for _, word := range []string{
		"STOP", "stop", " Stop. ", "„Stop!“", "STOP 🛑", "🛑️ stop 🛑️", "ＳＴＯＰ", "Stop\n", "stop  all", "STOP_PROMOTIONS", "Opt-Out", "unsubscribe",
		"Abmelden", "Désabonner", "De\u0301sabonner", "ARRÊT", "Darse de baja", "¡BAJA!", "SAIR", "cancelar inscrição", "İptal", "İPTAL",
		"СТОП", "отписаться", "बंद करें", "إلغاء الاشتراك", "הסר", "停止", "退订", "수신거부", "ยกเลิก", "Berhenti",
	} {
		r := reduce(t, messages(object{"messages": list{object{
			"from": "4915112345678", "timestamp": "1795166990", "type": "text", "text": object{"body": word},
		}}}), deps())
		want := []schemas.Suppression{stopOf("phone", "+4915112345678", "marketing", "keyword")}
		if !reflect.DeepEqual(r, Reduction{Suppressions: want}) {
			t.Errorf("%q: %+v", word, r)
		}
	}
}

// TestOtherMessagesAreDropped: goal: only the whole message is a keyword; nothing is kept of any other. Method: texts
// that hold a keyword, and inbound messages of other types.
func TestOtherMessagesAreDropped(t *testing.T) {
	for _, word := range []string{"", "please stop", "stop it", "don't stop", "nonstop", "stopp mal", "!", "🛑", "s t o p", "to end"} {
		r := reduce(t, messages(object{"messages": list{object{"from": "4915112345678", "text": object{"body": word}}}}), deps())
		if !reflect.DeepEqual(r, Reduction{Ignored: 1}) {
			t.Errorf("%q: %+v", word, r)
		}
	}
	for kind, part := range map[string]any{
		"image": object{"caption": "stop"}, "reaction": object{"emoji": "🛑"}, "system": object{"body": "stop"}, "unsupported": nil,
	} {
		r := reduce(t, messages(object{"messages": list{object{"from": "4915112345678", "type": kind, kind: part}}}), deps())
		if !reflect.DeepEqual(r, Reduction{Ignored: 1}) {
			t.Errorf("%s: %+v", kind, r)
		}
	}
}

// TestButtonsMayMeanStop: goal: taps count like typed words, by label or by payload. Method: each place of a button.
func TestButtonsMayMeanStop(t *testing.T) {
	for name, part := range map[string]object{
		"payload":       {"button": object{"payload": "STOP", "text": "No more of this"}},
		"label":         {"button": object{"payload": "pl_17", "text": "Unsubscribe"}},
		"reply id":      {"interactive": object{"type": "button_reply", "button_reply": object{"id": "stop", "title": "x"}}},
		"reply title":   {"interactive": object{"type": "button_reply", "button_reply": object{"id": "x", "title": "Stop promotions"}}},
		"row of a list": {"interactive": object{"type": "list_reply", "list_reply": object{"id": "x", "title": "Abmelden", "description": "d"}}},
	} {
		part["from"], part["timestamp"] = "4915112345678", "1795166990"
		r := reduce(t, messages(object{"messages": list{part}}), deps())
		if want := []schemas.Suppression{stopOf("phone", "+4915112345678", "marketing", "keyword")}; !reflect.DeepEqual(r.Suppressions, want) {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// TestEveryIdentifierOfAPersonIsSuppressed: goal: an objection holds by whatever identifier the next message is
// addressed. Method: each field that can name a person, alone and together, with either kind of id in it.
func TestEveryIdentifierOfAPersonIsSuppressed(t *testing.T) {
	phone := stopOf("phone", "+4915112345678", "marketing", "keyword")
	user := stopOf("user_id", "DE.13491208655302741918", "marketing", "keyword")
	parent := stopOf("user_id", "DE.ENT.11815799212886844830", "marketing", "keyword")
	for name, c := range map[string]struct {
		message  object
		contacts any
		want     []schemas.Suppression
	}{
		"phone":               {object{"from": "4915112345678"}, nil, []schemas.Suppression{phone}},
		"phone as a number":   {object{"from": 4915112345678}, nil, []schemas.Suppression{phone}},
		"phone with plus":     {object{"from": "+4915112345678"}, nil, []schemas.Suppression{phone}},
		"user id in from":     {object{"from": "DE.13491208655302741918"}, nil, []schemas.Suppression{user}},
		"user id":             {object{"from_user_id": "DE.13491208655302741918"}, nil, []schemas.Suppression{user}},
		"all":                 {object{"from": "4915112345678", "from_user_id": "DE.13491208655302741918", "from_parent_user_id": "DE.ENT.11815799212886844830"}, nil, []schemas.Suppression{phone, user, parent}},
		"the one contact":     {object{"from": "4915112345678"}, list{object{"wa_id": "4915112345678", "user_id": "DE.13491208655302741918"}}, []schemas.Suppression{phone, user}},
		"two contacts":        {object{"from": "4915112345678"}, list{object{"wa_id": "1"}, object{"user_id": "DE.13491208655302741918"}}, []schemas.Suppression{phone}},
		"nobody":              {object{}, nil, nil},
		"no id of any form":   {object{"from": "Erika", "from_user_id": "de.1"}, nil, nil},
		"too long for either": {object{"from": "49151123456789012"}, nil, nil},
	} {
		c.message["timestamp"], c.message["text"] = 1795166990, object{"body": "stop"}
		r := reduce(t, messages(object{"messages": list{c.message}, "contacts": c.contacts}), deps())
		want := Reduction{Suppressions: c.want}
		if c.want == nil {
			want.Malformed = 1
		}
		if !reflect.DeepEqual(r, want) {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// TestPreferencesStopAndResume: goal: what people choose in WhatsApp is taken over, in both directions and by every
// identifier; what is not known changes nothing. Method: each value, with metadata and without.
func TestPreferencesStopAndResume(t *testing.T) {
	for value, state := range map[string]string{"stop": "stop", "resume": "resume", "signup": "resume", "maybe": ""} {
		for _, metadata := range []any{object{"phone_number_id": sender}, nil} {
			r := reduce(t, body("user_preferences", object{
				"metadata": metadata,
				"contacts": list{object{"profile": object{"name": "Erika"}, "wa_id": "4915112345678"}},
				"user_preferences": list{object{
					"wa_id": "4915112345678", "user_id": "DE.13491208655302741918", "detail": "User requested to " + value,
					"category": "marketing_messages", "value": value, "timestamp": 1795166990,
				}},
			}), deps())
			want := Reduction{Ignored: 1}
			if state != "" {
				phone, user := stopOf("phone", "+4915112345678", "marketing", "preference"), stopOf("user_id", "DE.13491208655302741918", "marketing", "preference")
				phone.State, user.State = state, state
				want = Reduction{Suppressions: []schemas.Suppression{phone, user}}
			}
			if !reflect.DeepEqual(r, want) {
				t.Errorf("%s: %+v", value, r)
			}
		}
	}
	foreign := encode(object{"object": "whatsapp_business_account", "entry": list{object{"id": "999", "changes": list{object{
		"field": "user_preferences", "value": object{"user_preferences": list{object{"wa_id": "4915112345678", "value": "stop"}, object{}}},
	}}}}})
	if r := reduce(t, foreign, deps()); !reflect.DeepEqual(r, Reduction{Ignored: 2}) {
		t.Errorf("foreign: %+v", r)
	}
	if r := reduce(t, body("user_preferences", object{"user_preferences": list{object{"value": "stop"}}}), deps()); !reflect.DeepEqual(r, Reduction{Malformed: 1}) {
		t.Errorf("nobody: %+v", r)
	}
}

// TestErrorsThatAreObjectionsSuppress: goal: an asynchronous refusal by the person holds for the next messages. Method:
// both codes, and one that is none.
func TestErrorsThatAreObjectionsSuppress(t *testing.T) {
	for code, category := range map[int]string{131050: "marketing", 130403: "all", 131026: ""} {
		r := reduce(t, messages(object{"statuses": list{statusOf("failed", object{
			"recipient_user_id": "DE.13491208655302741918", "errors": list{object{"code": code}},
		})}}), deps())
		var want []schemas.Suppression
		if category != "" {
			want = []schemas.Suppression{stopOf("phone", "+4915112345678", category, "error"), stopOf("user_id", "DE.13491208655302741918", category, "error")}
		}
		if !reflect.DeepEqual(r.Suppressions, want) || len(r.Events) != 1 {
			t.Errorf("%d: %+v", code, r)
		}
	}
}

// TestSuppressionKeyNamesTheFact: goal: only exact repeats share a key, and it holds no number. Method: one field changed
// at a time.
func TestSuppressionKeyNamesTheFact(t *testing.T) {
	fact := stopOf("phone", "+4915112345678", "marketing", "keyword")
	want := "recipient/acme/" + hex.EncodeToString(fact.Ref) + "/marketing/stop/1795166990000000/keyword"
	if got := SuppressionKey(fact); got != want {
		t.Errorf("key %s, want %s", got, want)
	}
	for name, change := range map[string]func(*schemas.Suppression){
		"scope": func(s *schemas.Suppression) { s.Scope = "x" }, "tenant": func(s *schemas.Suppression) { s.TenantID = "x" },
		"ref": func(s *schemas.Suppression) { s.Ref = []byte("x") }, "category": func(s *schemas.Suppression) { s.Category = "all" },
		"state": func(s *schemas.Suppression) { s.State = "resume" }, "source": func(s *schemas.Suppression) { s.Source = "x" },
		"time": func(s *schemas.Suppression) { s.EffectiveAt = received },
	} {
		other := fact
		if change(&other); SuppressionKey(other) == want {
			t.Errorf("another %s has the same key", name)
		}
	}
}
