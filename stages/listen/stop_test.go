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

// async is what each code of cloud-api.md §2 does when it comes by a callback: its message has failed for good, and only a
// stop or a suppression goes beyond it. Templates are stopped by their own callback, since a status does not name one.
var async = map[string][]int32{
	"stop credential for good":        {3, 10, 102, 104, 190, 200, 210, 299, 131005},
	"stop account for good":           {131031, 131042},
	"stop account for a day":          {368, 131064},
	"stop account for 5 minutes":      {4, 17, 341, 613, 80007},
	"stop account marketing for good": {131063},
	"stop number for good":            {33, 131037, 131045, 133010},
	"stop number for 4 hours":         {131048},
	"stop number for a minute":        {131057},
	"stop number for 5 minutes":       {2494100},
	"suppress all":                    {130403},
	"suppress marketing":              {131050},
	"": {
		1, 2, 100, 130429, 130472, 130497, 131000, 131008, 131009, 131014, 131016, 131020, 131021, 131026, 131030, 131035, 131036,
		131041, 131043, 131047, 131049, 131051, 131052, 131053, 131055, 131056, 131060, 131062, 131203, 131208, 132000, 132001,
		132005, 132007, 132012, 132015, 132016, 132018, 132068, 132069, 133000, 133004, 133005, 133006, 133008, 133009, 133015,
		133016, 134011, 134100, 134101, 134102, 135000, 137000, 139200, 999999, 2388001,
	},
}

// lasting are the ends of stops in async.
var lasting = map[time.Duration]string{
	0: "for good", time.Minute: "for a minute", 5 * time.Minute: "for 5 minutes", 4 * time.Hour: "for 4 hours", 24 * time.Hour: "for a day",
}

// TestEveryErrorCodeDoesByACallbackWhatTheTableSays: goal: an error that comes by a callback ends its message and nothing
// but its message, its stop or its suppression. Method: a failed status for every code; and every code that deliver's
// table lists is here.
func TestEveryErrorCodeDoesByACallbackWhatTheTableSays(t *testing.T) {
	walked := map[int32]bool{}
	for want, codes := range async {
		for _, code := range codes {
			walked[code] = true
			d := deps()
			d.ReceivedAt = stamp // so that the shortest stop is not over
			r := reduce(t, failedWith(int(code)), d)
			if len(r.Statuses) != 1 || r.Statuses[0].ErrorCode != code || len(r.Events) != 1+len(r.Stops) || r.Events[len(r.Stops)].Kind != schemas.KindFailed {
				t.Errorf("%d: %+v", code, r)
			}
			if got := beyond(t, r); got != want {
				t.Errorf("%d: %q, want %q", code, got, want)
			}
		}
	}
	unlisted := deliver.RuleFor(999999).Reason
	for code := int32(1); code < 3_000_000; code++ { // 0 is no error in a callback
		rule := deliver.RuleFor(code)
		if rule.Reason != unlisted && rule.Reason != "credential_refused" && !walked[code] {
			t.Errorf("%d stands in deliver's table and not here", code)
		}
	}
}

// beyond says what a reduction does beyond its message.
func beyond(t *testing.T, r Reduction) (what string) {
	for _, s := range r.Stops {
		what += "stop " + s.Scope
		if s.Category != "" {
			what += " " + s.Category
		}
		var lasts time.Duration
		if !s.Until.IsZero() {
			lasts = s.Until.Sub(s.SetAt)
		}
		what += " " + lasting[lasts]
		if id := map[string]string{"number": sender, "credential": sender, "account": waba}[s.Scope]; s.ID != id || (s.Effect == "block") != (lasts == 0) {
			t.Errorf("stop %+v", s)
		}
	}
	for _, s := range r.Suppressions {
		what += "suppress " + s.Category
	}
	return what
}

// told is the event of a stop that a callback set or lifted.
func told(kind schemas.Kind, s schemas.Stop, at time.Time) schemas.Event {
	return schemas.Event{
		Identity: schemas.Identity{TenantID: "acme", MessageID: "unknown", AcceptedAt: s.SetAt}, Kind: kind, At: at, Stage: "listen",
		Reason: s.Reason, ErrorCode: s.ErrorCode, Detail: s.Scope + "/" + s.ID + "/callback", PolicyVersion: "2026-11-01",
	}
}

// TestTemplateEventsStopTheTemplate: goal: a paused or disabled template is stopped under the ref its requests carry;
// other events, and other tenants' templates, change nothing. Method: one callback an event.
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
		want := Reduction{Stops: []schemas.Stop{c.want}, Events: []schemas.Event{told(schemas.KindStopped, c.want, stamp)}}
		if r := reduce(t, callback(c.event, c.title), deps()); !reflect.DeepEqual(r, want) {
			t.Errorf("%s %s: %+v", c.event, c.title, r)
		}
	}
	for _, event := range []string{"FLAGGED", "PENDING", "BRAND_NEW", ""} {
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
	if r := reduce(t, failedWith(131048), late); len(r.Stops) != 0 || len(r.Events) != 1 { // of the message
		t.Errorf("a callback that came late set a stop that is over: %+v", r.Stops)
	}
}

// TestWhatFreesATemplateOrAnAccountLiftsItsStop: goal: an approved template and a reinstated account send again, whatever
// order the callbacks come in, and the lifting says which stop it ended; a stop of another cause stays. Method: the
// freeing callback against each standing stop, twice, and before the callback that it is newer than.
func TestWhatFreesATemplateOrAnAccountLiftsItsStop(t *testing.T) {
	template := schemas.StopID("acme", refOf("acme", "template", "promo|en_US"))
	source := schemas.Coordinates{Topic: "requests", Partition: 1, Offset: 7}
	event := func(event string) object {
		return object{"event": event, "message_template_name": "promo", "message_template_language": "en_US"}
	}
	ban := func(state string) object {
		return object{"event": "DISABLED_UPDATE", "ban_info": object{"waba_ban_state": state}}
	}
	for name, c := range map[string]struct {
		field    string
		value    object
		standing schemas.Stop
		lifted   string // reason of the record that lifts
		told     bool
	}{
		"approved":           {"message_template_status_update", event("APPROVED"), schemas.Stop{Scope: "template", ID: template, Effect: "park", Reason: "template_paused", SetAt: hours(-1)}, "template_approved", true},
		"reinstated":         {"message_template_status_update", event("REINSTATED"), schemas.Stop{Scope: "template", ID: template, Effect: "block", Reason: "template_disabled", SetAt: hours(-1), Source: source}, "template_approved", true},
		"approved before":    {"message_template_status_update", event("APPROVED"), schemas.Stop{Scope: "template", ID: template, Effect: "park", SetAt: hours(1)}, "", false},
		"approved again":     {"message_template_status_update", event("APPROVED"), schemas.Stop{Scope: "template", ID: template, SetAt: stamp}, "", false},
		"never stopped":      {"message_template_status_update", event("APPROVED"), schemas.Stop{}, "template_approved", false},
		"account back":       {"account_update", ban("REINSTATE"), schemas.Stop{Scope: "account", ID: waba, Effect: "block", Reason: "account_disabled", SetAt: hours(-1)}, "account_reinstated", true},
		"account not paid":   {"account_update", ban("REINSTATE"), schemas.Stop{Scope: "account", ID: waba, Effect: "block", Reason: "payment_problem", SetAt: hours(-1)}, "", false},
		"account never gone": {"account_update", ban("REINSTATE"), schemas.Stop{}, "account_reinstated", false},
	} {
		d := deps()
		d.Stopped = func(scope, id string) (schemas.Stop, bool) {
			return c.standing, scope == c.standing.Scope && id == c.standing.ID
		}
		r := reduce(t, body(c.field, c.value), d)
		if (len(r.Stops) == 1) != (c.lifted != "") || c.lifted != "" && (r.Stops[0].Effect != "" || r.Stops[0].Reason != c.lifted || !r.Stops[0].SetAt.Equal(stamp)) {
			t.Errorf("%s: %+v", name, r)
		}
		if (len(r.Events) == 1) != c.told || c.told && (r.Events[0].Kind != schemas.KindResumed ||
			r.Events[0].Detail != schemas.StopEvent(schemas.KindStopped, "", "acme", &c.standing).Detail || !r.Events[0].AcceptedAt.Equal(c.standing.SetAt)) {
			t.Errorf("%s: told %+v", name, r.Events)
		}
		if c.lifted == "" {
			continue
		}
		d.Stopped = func(string, string) (schemas.Stop, bool) { return r.Stops[0], true }
		for _, older := range []object{event("DISABLED"), ban("DISABLE"), c.value} {
			again := reduce(t, encode(object{"object": "whatsapp_business_account", "entry": list{object{
				"id": waba, "time": stamp.Unix() - 1, "changes": list{object{"field": c.field, "value": older}}}}}), d)
			if len(again.Stops)+len(again.Events) != 0 {
				t.Errorf("%s: an older callback brought %+v", name, again)
			}
		}
	}
}
