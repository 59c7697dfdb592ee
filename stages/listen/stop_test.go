package listen

import (
	"reflect"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/stages/deliver"
)

func hours(n int) time.Time { return stamp.Add(time.Duration(n) * time.Hour) }

// failedWith is a callback of failed statuses with these codes.
func failedWith(codes ...int) []byte {
	statuses := list{}
	for _, code := range codes {
		statuses = append(statuses, statusOf("failed", object{"errors": list{object{"code": code}}}))
	}
	return messages(object{"statuses": statuses})
}

// TestAsyncErrorsStopWhatTheyName: goal: an error that concerns more than its message stops the number or the account
// deliver knows, for as long as the error table says. Method: one status a code, and one error without a message.
func TestAsyncErrorsStopWhatTheyName(t *testing.T) {
	for code, want := range map[int]schemas.Stop{
		131048: {Scope: "number", ID: sender, Effect: "park", Reason: "spam_limited", Until: hours(4)},
		131045: {Scope: "number", ID: sender, Effect: "block", Reason: "number_unregistered"},
		131042: {Scope: "account", ID: waba, Effect: "block", Reason: "payment_problem"},
		131063: {Scope: "account", ID: waba, Effect: "block", Reason: "marketing_off", Category: "marketing"},
		368:    {Scope: "account", ID: waba, Effect: "park", Reason: "account_blocked", Until: hours(24)},
	} {
		want.ErrorCode, want.SetAt = int32(code), stamp
		if r := reduce(t, failedWith(code, code), deps()); !reflect.DeepEqual(r.Stops, []schemas.Stop{want}) {
			t.Errorf("%d: %+v", code, r.Stops)
		}
	}
	r := reduce(t, messages(object{"errors": list{object{"code": 131031}, object{"code": 130429}}}), deps())
	if len(r.Stops) != 1 || r.Stops[0].ID != waba || !r.Stops[0].SetAt.Equal(received) || r.Ignored != 1 {
		t.Errorf("errors without a message: %+v", r)
	}
	if r := reduce(t, failedWith(131026, 131047, 0), deps()); len(r.Stops) != 0 {
		t.Errorf("errors of one message stopped %+v", r.Stops)
	}
}

// TestAnswersAndCallbacksMeanTheSame: goal: a code stops the same by either way it reaches us. Method: every code of
// listen's tables against deliver's table.
func TestAnswersAndCallbacksMeanTheSame(t *testing.T) {
	for code, own := range stopsByCode {
		theirs := deliver.RuleFor(code)
		if own.scope != theirs.Stop || own.reason != theirs.Reason || own.lasts != theirs.For || string(own.category) != theirs.Category {
			t.Errorf("%d: %+v here, %+v there", code, own, theirs)
		}
	}
	for code, category := range objections {
		if theirs := deliver.RuleFor(code).Suppress; theirs != category {
			t.Errorf("%d: suppresses %q here, %q there", code, category, theirs)
		}
	}
}

// TestTemplateEventsStopTheTemplate: goal: a paused or disabled template is stopped under the ref its requests carry;
// what would free it, and other tenants' templates, change nothing. Method: one callback an event.
func TestTemplateEventsStopTheTemplate(t *testing.T) {
	id := schemas.StopID("acme", refOf("acme", "template", "promo|en_US"))
	callback := func(event, title string) []byte {
		return body("message_template_status_update", object{
			"event": event, "message_template_id": 12345678, "message_template_name": "promo", "message_template_language": "en-US",
			"reason": "the text is bad", "other_info": object{"title": title, "description": "paused"},
		})
	}
	for _, c := range []struct {
		event, title string
		want         schemas.Stop
	}{
		{"PAUSED", "FIRST_PAUSE", schemas.Stop{Effect: "park", Reason: "template_paused", Until: hours(3)}},
		{"PAUSED", "SECOND_PAUSE", schemas.Stop{Effect: "park", Reason: "template_paused", Until: hours(6)}},
		{"PAUSED", "RATE_LIMITING_PAUSE", schemas.Stop{Effect: "park", Reason: "template_paused"}},
		{"DISABLED", "DISABLED", schemas.Stop{Effect: "block", Reason: "template_disabled"}},
		{"REJECTED", "", schemas.Stop{Effect: "block", Reason: "template_rejected"}},
	} {
		c.want.Scope, c.want.ID, c.want.SetAt = "template", id, stamp
		if r := reduce(t, callback(c.event, c.title), deps()); !reflect.DeepEqual(r, Reduction{Stops: []schemas.Stop{c.want}}) {
			t.Errorf("%s %s: %+v", c.event, c.title, r)
		}
	}
	for _, event := range []string{"APPROVED", "REINSTATED", "FLAGGED", "PENDING", "BRAND_NEW", ""} {
		if r := reduce(t, callback(event, "UNPAUSE"), deps()); !reflect.DeepEqual(r, Reduction{Ignored: 1}) {
			t.Errorf("%s: %+v", event, r)
		}
	}
	nameless := body("message_template_status_update", object{"event": "PAUSED", "message_template_language": "en"})
	if r := reduce(t, nameless, deps()); !reflect.DeepEqual(r, Reduction{Malformed: 1}) {
		t.Errorf("nameless: %+v", r)
	}
}

// TestAccountEventsStopTheAccount: goal: an account that may not send is stopped, until Meta's date where it gives one.
// Method: one callback an event, and an account that is not ours.
func TestAccountEventsStopTheAccount(t *testing.T) {
	block := func(reason string) []schemas.Stop {
		return []schemas.Stop{{Scope: "account", ID: waba, Effect: "block", Reason: reason, SetAt: stamp}}
	}
	restricted := schemas.Stop{Scope: "account", ID: waba, Effect: "park", Reason: "account_restricted", SetAt: stamp}
	dated := restricted
	dated.Until = hours(48)
	for name, c := range map[string]struct {
		value object
		want  []schemas.Stop
	}{
		"disabled":       {object{"event": "DISABLED_UPDATE", "ban_info": object{"waba_ban_state": "DISABLE", "waba_ban_date": "May 1"}}, block("account_disabled")},
		"to be disabled": {object{"event": "DISABLED_UPDATE", "ban_info": object{"waba_ban_state": "SCHEDULE_FOR_DISABLE"}}, nil},
		"reinstated":     {object{"event": "DISABLED_UPDATE", "ban_info": object{"waba_ban_state": "REINSTATE"}}, nil},
		"deleted":        {object{"event": "ACCOUNT_DELETED"}, block("account_deleted")},
		"removed":        {object{"event": "PARTNER_REMOVED"}, block("partner_removed")},
		"restricted": {object{"event": "ACCOUNT_RESTRICTION", "restriction_info": list{
			object{"restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING", "expiration": hours(48).Unix()}, object{"expiration": hours(1).Unix()},
		}}, []schemas.Stop{dated}},
		"without a date": {object{"event": "ACCOUNT_RESTRICTION"}, []schemas.Stop{restricted}},
		"over already":   {object{"event": "ACCOUNT_RESTRICTION", "restriction_info": list{object{"expiration": hours(-1).Unix()}}}, nil},
		"violation":      {object{"event": "ACCOUNT_VIOLATION"}, nil},
	} {
		if r := reduce(t, body("account_update", c.value), deps()); !reflect.DeepEqual(r.Stops, c.want) {
			t.Errorf("%s: %+v", name, r.Stops)
		}
	}
	foreign := encode(object{"object": "whatsapp_business_account", "entry": list{object{"id": "999", "changes": list{
		object{"field": "account_update", "value": object{"event": "ACCOUNT_DELETED"}},
		object{"field": "message_template_status_update", "value": object{"event": "DISABLED", "message_template_name": "promo", "message_template_language": "en"}},
		object{"field": "phone_number_quality_update", "value": object{"event": "FLAGGED", "display_phone_number": "16505551234"}},
	}}}})
	if r := reduce(t, foreign, deps()); !reflect.DeepEqual(r, Reduction{Ignored: 3}) {
		t.Errorf("foreign: %+v", r)
	}
}

// TestAStopNeverEndsALongerOne: goal: the register holds one stop of an id, and a callback neither weakens it nor
// undoes an operator's lifting; it may strengthen it. Method: each standing stop against a new one.
func TestAStopNeverEndsALongerOne(t *testing.T) {
	park := func(until time.Time) schemas.Stop {
		return schemas.Stop{Effect: "park", SetAt: hours(-2), Until: until}
	}
	for name, c := range map[string]struct {
		standing schemas.Stop
		code     int // 131048 parks the number for 4 h, 131045 blocks it
		want     bool
	}{
		"same again":          {park(hours(4)), 131048, false},
		"longer stands":       {park(hours(5)), 131048, false},
		"shorter stands":      {park(hours(3)), 131048, true},
		"endless stands":      {park(time.Time{}), 131048, false},
		"block stands":        {schemas.Stop{Effect: "block"}, 131048, false},
		"short block stands":  {schemas.Stop{Effect: "block", Until: hours(1)}, 131048, true},
		"weaker effect":       {park(time.Time{}), 131045, true},
		"ending before block": {schemas.Stop{Effect: "block", Until: hours(999)}, 131045, true},
		"other category":      {schemas.Stop{Effect: "block", Category: "marketing"}, 131048, true},
		"lifted since":        {schemas.Stop{SetAt: stamp.Add(time.Second)}, 131045, false},
		"lifted before":       {schemas.Stop{SetAt: stamp.Add(-time.Second)}, 131045, true},
	} {
		d := deps()
		d.Stopped = func(scope, id string) (schemas.Stop, bool) { return c.standing, scope == "number" && id == sender }
		if r := reduce(t, failedWith(c.code), d); (len(r.Stops) == 1) != c.want {
			t.Errorf("%s: %+v", name, r.Stops)
		}
	}
	for _, codes := range [][]int{{131048, 131045, 131057}, {131057, 131048, 131045}, {131045, 131057, 131048}} {
		if r := reduce(t, failedWith(codes...), deps()); len(r.Stops) != 1 || r.Stops[0].Reason != "number_unregistered" {
			t.Errorf("%v in one callback: %+v", codes, r.Stops)
		}
	}
	late := deps()
	late.ReceivedAt = hours(5)
	if r := reduce(t, failedWith(131048), late); len(r.Stops) != 0 || len(r.Events) != 1 {
		t.Errorf("a callback that came late set a stop that is over: %+v", r.Stops)
	}
}
