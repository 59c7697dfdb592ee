package listen

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
)

// TestStatusBecomesRefsAndStates: goal: a status of ours becomes exactly these records. Method: the richest status there
// is, compared whole.
func TestStatusBecomesRefsAndStates(t *testing.T) {
	r := reduce(t, messages(object{
		"contacts": list{object{"profile": object{"name": "Erika"}, "wa_id": "4915112345678"}},
		"statuses": list{statusOf("delivered", object{
			"pricing":      object{"billable": true, "pricing_model": "PMP", "type": "regular", "category": "marketing"},
			"conversation": object{"id": "c", "expiration_timestamp": 1795166990},
		})},
	}), deps())
	data, billable := callbackData(), true
	provider := refOf("acme", "provider", wamid)
	want := Reduction{
		Statuses: []schemas.Status{{
			Identity: data.Identity, Attempt: 2, Status: "delivered", At: stamp, SenderID: sender, ProviderRef: provider,
			PricingCategory: "marketing", Billable: &billable, Category: schemas.Marketing, Country: "DE", ContentType: "template", Window: "72h",
		}},
		Events: []schemas.Event{{
			Identity: data.Identity, Kind: schemas.KindDelivered, Attempt: 2, At: stamp, Stage: "listen", SenderID: sender,
			Region: "eu", Processor: "meta", Country: "DE", Category: "marketing", ContentType: "template", ProviderRef: provider,
			Window: "72h", PricingCategory: "marketing", Billable: &billable, Labels: map[string]string{}, PolicyVersion: "2026-11-01",
		}},
		Outcomes: []schemas.Outcome{{
			TenantID: "acme", MessageID: data.MessageID, State: schemas.KindDelivered, Attempt: 2, At: stamp, Labels: map[string]string{},
		}},
	}
	if !reflect.DeepEqual(r, want) {
		t.Errorf("got  %+v\nwant %+v", r, want)
	}
	encoded(t, r)
}

// TestEachStateGoesWhereItBelongs: goal: deliver hears of every state, events and outcomes tell all but sent, unknown
// states are accepted and left. Method: one status a state.
func TestEachStateGoesWhereItBelongs(t *testing.T) {
	for state, want := range map[string][3]int{ // statuses, events and outcomes, ignored
		"sent": {1, 0, 0}, "delivered": {1, 1, 0}, "read": {1, 1, 0}, "played": {1, 1, 0}, "failed": {1, 1, 0},
		"deleted": {0, 0, 1}, "warning": {0, 0, 1}, "Sent": {0, 0, 1},
	} {
		r := reduce(t, messages(object{"statuses": list{statusOf(state, nil)}}), deps())
		if got := [3]int{len(r.Statuses), len(r.Events), r.Ignored}; got != want || len(r.Outcomes) != len(r.Events) || r.Malformed != 0 {
			t.Errorf("%s: %v, want %v", state, got, want)
		}
	}
}

// TestOutcomesAreForTenantsThatAskedForThem: goal: no topic is written that nobody reads. Method: a tenant without
// outcomes.
func TestOutcomesAreForTenantsThatAskedForThem(t *testing.T) {
	data := callbackData()
	data.TenantID = "globex"
	r := reduce(t, body("messages", object{
		"metadata": object{"phone_number_id": 200}, // a number instead of a string
		"statuses": list{statusOf("read", object{"biz_opaque_callback_data": data.String()})},
	}), deps())
	if len(r.Outcomes) != 0 || len(r.Events) != 1 || r.Events[0].TenantID != "globex" || r.Events[0].Region != "us" {
		t.Errorf("reduction %+v", r)
	}
}

// TestForeignAndForgedStatusesAreIgnored: goal: only a status that carries data of our form, of the tenant that owns the
// number, has an effect. Method: one thing wrong at a time, with a phone number where a part could hide one.
func TestForeignAndForgedStatusesAreIgnored(t *testing.T) {
	with := func(change func(*schemas.CallbackData)) any {
		d := callbackData()
		change(&d)
		return d.String()
	}
	for name, data := range map[string]any{
		"none":                 nil,
		"not ours":             "order 4711",
		"an object":            object{"v1": 1},
		"another tenant":       with(func(d *schemas.CallbackData) { d.TenantID = "globex" }),
		"message id":           with(func(d *schemas.CallbackData) { d.MessageID = "+4915112345678" }),
		"category":             with(func(d *schemas.CallbackData) { d.Category = "4915112345678" }),
		"country":              with(func(d *schemas.CallbackData) { d.Country = "4915112345678" }),
		"content type":         with(func(d *schemas.CallbackData) { d.ContentType = "4915112345678" }),
		"window":               with(func(d *schemas.CallbackData) { d.Window = "4915112345678h" }),
		"window is no time":    with(func(d *schemas.CallbackData) { d.Window = "x" }),
		"negative window":      with(func(d *schemas.CallbackData) { d.Window = "-1h" }),
		"attempt":              with(func(d *schemas.CallbackData) { d.Attempt = 1_512_345_678 }),
		"accepted long ago":    with(func(d *schemas.CallbackData) { d.AcceptedAt = received.Add(-oldest) }),
		"accepted in future":   with(func(d *schemas.CallbackData) { d.AcceptedAt = received.Add(ahead) }),
		"year beyond calendar": strings.Replace(callbackData().String(), "|1795166940000|", "|9223372036854775807|", 1),
	} {
		r := reduce(t, messages(object{"statuses": list{statusOf("failed", object{
			"biz_opaque_callback_data": data, "errors": list{object{"code": 131050}, object{"code": 131031}},
		})}}), deps())
		if !reflect.DeepEqual(r, Reduction{Ignored: 1}) {
			t.Errorf("%s: %+v", name, r)
		}
	}
	foreign := body("messages", object{"metadata": object{"phone_number_id": "999"}, "statuses": list{statusOf("read", nil), statusOf("read", nil)}})
	d := deps()
	d.AccountTenant = func(string) (string, bool) { return "", false }
	if r := reduce(t, foreign, d); !reflect.DeepEqual(r, Reduction{Ignored: 2}) {
		t.Errorf("unknown number: %+v", r)
	}
}

// TestANumberThatWasGivenUpKeepsItsCallbacks: goal: what was sent by a number before its tenant gave it up goes on being
// followed, without the number, for which nobody vouches any more. Method: a status and an error of a number that no
// tenant has, of an account that one has; then of a message of another tenant.
func TestANumberThatWasGivenUpKeepsItsCallbacks(t *testing.T) {
	callback := func(data schemas.CallbackData) []byte {
		return body("messages", object{"metadata": object{"phone_number_id": "999"}, "statuses": list{
			statusOf("failed", object{"biz_opaque_callback_data": data.String(), "errors": list{object{"code": 131045}}})}})
	}
	r := reduce(t, callback(callbackData()), deps())
	if len(r.Statuses) != 1 || len(r.Events) != 1 || r.Statuses[0].SenderID+r.Events[0].SenderID != "" || len(r.Stops) != 0 {
		t.Errorf("%+v", r)
	}
	other := callbackData()
	other.TenantID = "globex"
	if r := reduce(t, callback(other), deps()); !reflect.DeepEqual(r, Reduction{Ignored: 1}) {
		t.Errorf("of another tenant: %+v", r)
	}
}

// TestMissingAndMistypedPartsDoNotStopTheRest: goal: one bad update costs no other one. Method: good statuses among bad
// ones, and times in every spelling.
func TestMissingAndMistypedPartsDoNotStopTheRest(t *testing.T) {
	r := reduce(t, messages(object{"statuses": list{
		statusOf("read", nil),
		7, "x", nil, list{}, object{},
		statusOf("read", object{"id": nil}),
		statusOf("read", object{"id": object{}}),
		statusOf("read", object{"timestamp": 1795166990, "pricing": "free", "errors": object{}, "recipient_id": nil}),
	}, "messages": "none", "contacts": 5, "errors": nil}), deps())
	if len(r.Statuses) != 2 || r.Malformed != 7 || r.Ignored != 0 {
		t.Errorf("%d statuses, %d malformed, %d ignored", len(r.Statuses), r.Malformed, r.Ignored)
	}
	for spelled, want := range map[any]time.Time{
		"1795166990": stamp, 1795166990: stamp, 1795166990.9: stamp, "1795166990.0": stamp, "1.79516699e9": stamp,
		"": received, "soon": received, 0: received, -5: received, true: received, 1795166990000: received,
		"99999999999999999999": received, 1e300: received, 1577836800: received,
	} {
		r := reduce(t, messages(object{"statuses": list{statusOf("read", object{"timestamp": spelled})}}), deps())
		if len(r.Statuses) != 1 || !r.Statuses[0].At.Equal(want) {
			t.Errorf("timestamp %v became %+v", spelled, r.Statuses)
		}
	}
	for spelled, want := range map[any]string{true: "true", "false": "false", 1: "none", "yes": "none", nil: "none"} {
		r := reduce(t, messages(object{"statuses": list{statusOf("read", object{"pricing": object{"billable": spelled, "category": "brand_new"}})}}), deps())
		got := "none"
		if b := r.Statuses[0].Billable; b != nil {
			got = map[bool]string{true: "true", false: "false"}[*b]
		}
		if got != want || r.Statuses[0].PricingCategory != "other" {
			t.Errorf("billable %v became %s, category %s", spelled, got, r.Statuses[0].PricingCategory)
		}
	}
}

// TestAsyncErrorsTellTheirCodeOnly: goal: a failed status becomes a failed event with Meta's code, whatever stands
// beside it. Method: codes in every spelling.
func TestAsyncErrorsTellTheirCodeOnly(t *testing.T) {
	code := func(spelled any) object { return object{"code": spelled, "title": "t", "error_data": "d"} }
	for name, c := range map[string]struct {
		errors any
		want   int32
	}{
		"number":            {list{code(131026)}, 131026},
		"string":            {list{code("131026")}, 131026},
		"second of two":     {list{code(nil), code(131047)}, 131047},
		"a phone number":    {list{code(4915112345678)}, 0},
		"ten digits":        {list{code(1512345678)}, 0},
		"negative":          {list{code(-1)}, 0},
		"no list":           {object{"code": 131026}, 0},
		"none":              {nil, 0},
		"a list of numbers": {list{131026}, 0},
	} {
		r := reduce(t, messages(object{"statuses": list{statusOf("failed", object{"errors": c.errors})}}), deps())
		if len(r.Events) != 1 || r.Events[0].Kind != schemas.KindFailed || r.Events[0].ErrorCode != c.want ||
			r.Events[0].Reason != ReasonProvider || r.Statuses[0].ErrorCode != c.want || r.Outcomes[0].ErrorCode != c.want {
			t.Errorf("%s: %+v", name, r.Events)
		}
	}
}

// TestBodiesOverALimitAreRejected: goal: each reason of the closed list has its case, at the limit bodies pass, and no
// error quotes the body. Method: bodies at and over each limit.
func TestBodiesOverALimitAreRejected(t *testing.T) {
	updates := func(n int) []byte {
		statuses := make(list, n)
		for i := range statuses {
			statuses[i] = object{"status": "read"}
		}
		return messages(object{"statuses": statuses})
	}
	nested := func(n int) []byte {
		return []byte(`{"object":"whatsapp_business_account","x":` + strings.Repeat("[", n-1) + strings.Repeat("]", n-1) + "}")
	}
	padded := func(n int) []byte { b := updates(1); return append(b, strings.Repeat(" ", n-len(b))...) }
	reached := map[string]bool{"": true}
	for name, c := range map[string]struct {
		body   []byte
		reason string
	}{
		"1,000 updates":      {updates(MaxUpdates), ""},
		"1,001 updates":      {updates(MaxUpdates + 1), ReasonTooManyUpdates},
		"3 MB":               {padded(MaxBody), ""},
		"3 MB and a byte":    {padded(MaxBody + 1), ReasonTooLarge},
		"32 deep":            {nested(maxNesting), ""},
		"33 deep":            {nested(maxNesting + 1), ReasonTooDeep},
		"a million deep":     {[]byte(strings.Repeat(`{"a":[`, 500_000)), ReasonTooDeep},
		"brackets in a text": {[]byte(`{"object":"` + strings.Repeat(`[{\"`, 99) + `"}`), ""},
		"empty":              {nil, ReasonNotJSON},
		"cut":                {updates(1)[:40], ReasonNotJSON},
		"not JSON":           {[]byte("hub.mode=subscribe"), ReasonNotJSON},
	} {
		r, err := Reduce(c.body, deps())
		rejection, rejected := pipeline.AsRejection(err)
		if rejection.Reason != c.reason || rejected != (err != nil) {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && !reflect.DeepEqual(r, Reduction{}) {
			t.Errorf("%s: an error came with a reduction", name)
		}
		reached[rejection.Reason] = true
	}
	for _, reason := range Reasons {
		if !reached[reason] {
			t.Errorf("reason %s has no case", reason)
		}
	}
	for _, b := range []string{"null", "5", `"x"`, "[]", "{}", `{"entry":5}`, `{"entry":{}}`} {
		if r := reduce(t, []byte(b), deps()); !reflect.DeepEqual(r, Reduction{Malformed: 1}) {
			t.Errorf("%s: %+v", b, r)
		}
	}
	if r := reduce(t, []byte(strings.Replace(string(updates(3)), "whatsapp_business_account", "page", 1)), deps()); !reflect.DeepEqual(r, Reduction{Ignored: 1}) {
		t.Errorf("another object: %+v", r)
	}
}

// TestBrokenWorldIsNotTheBodysFault: goal: a callback is never acknowledged with half of its effects. Method: refs fail
// for each kind in turn.
func TestBrokenWorldIsNotTheBodysFault(t *testing.T) {
	broken := errors.New("keeper is away")
	bodies := map[string][]byte{
		"provider": messages(object{"statuses": list{statusOf("read", nil)}}),
		"phone":    messages(object{"statuses": list{statusOf("failed", object{"errors": list{object{"code": 131050}}})}}),
		"user_id":  messages(object{"messages": list{object{"from_user_id": "DE.123", "text": object{"body": "stop"}}}}),
		"template": body("message_template_status_update", object{"event": "DISABLED", "message_template_name": "n", "message_template_language": "en"}),
	}
	for kind, b := range bodies {
		d := deps()
		d.Ref = func(_, k, _ string) ([]byte, error) {
			if k == kind {
				return nil, broken
			}
			return make([]byte, 16), nil
		}
		r, err := Reduce(b, d)
		if _, rejected := pipeline.AsRejection(err); !errors.Is(err, broken) || rejected || !reflect.DeepEqual(r, Reduction{}) {
			t.Errorf("%s: %v with %+v", kind, err, r)
		}
	}
}

func BenchmarkReduce(b *testing.B) {
	d, callback := deps(), messages(object{"statuses": list{statusOf("delivered", nil)}})
	b.ReportAllocs()
	for b.Loop() {
		if r, err := Reduce(callback, d); err != nil || len(r.Events) != 1 {
			b.Fatal("no event")
		}
	}
}
