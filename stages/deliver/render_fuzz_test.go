package deliver

import (
	"encoding/json"
	"slices"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/whatsapplink/cloud/schemas"
)

// shapes are contents with strings of a stranger's wherever there is room for one.
var shapes = []func(a, b, c string) schemas.Content{
	func(a, _, _ string) schemas.Content { return schemas.Text{Body: a} },
	func(a, b, c string) schemas.Content {
		return schemas.Media{Kind: schemas.MediaKind(a), ID: b, Link: c, Caption: a, Filename: b}
	},
	func(a, b, _ string) schemas.Content { return schemas.Location{Name: a, Address: b} },
	func(a, b, c string) schemas.Content {
		return schemas.Contacts{Contacts: []schemas.Contact{{Name: schemas.ContactName{FormattedName: a, Prefix: b}, Birthday: c,
			Phones: []schemas.ContactPhone{{Phone: a, WaID: b}}, Org: &schemas.ContactOrg{Company: c}}}}
	},
	func(a, b, _ string) schemas.Content { return schemas.Reaction{MessageID: a, Emoji: b} },
	func(a, b, c string) schemas.Content {
		return schemas.Template{Name: a, Language: b, Components: []schemas.TemplateComponent{{Type: c, SubType: a, Index: b,
			Parameters: []schemas.TemplateParameter{{Type: a, Name: b, Text: c}, {Type: b, ActionJSON: c}}}}}
	},
	func(a, b, c string) schemas.Content {
		return schemas.Interactive{Type: a, Body: b, Footer: c, Header: &schemas.InteractiveHeader{Text: a}, ActionName: b, ParametersJSON: c,
			Sections: []schemas.InteractiveSection{{Title: a, Rows: []schemas.InteractiveRow{{ID: b, Title: c}}, Products: []string{a}}}}
	},
	func(a, b, _ string) schemas.Content { return schemas.Raw{Type: a, JSON: b} },
}

// FuzzRender holds that whatever a content holds, its request is one JSON object that goes to the recipient, carries our
// callback data and has nothing beside the envelope but the content; or that there is no request, without a word of why.
func FuzzRender(f *testing.F) {
	for kind := range shapes {
		f.Add(byte(kind), "text", `{"a":"b"}`, `{"to":"+1"}`)
		f.Add(byte(kind), "to", `{}`, `{"a":`)
		f.Add(byte(kind), "\xff\u2028</script>", "\x00", `"`)
	}
	callback := schemas.CallbackData{Identity: schemas.Identity{TenantID: "acme", MessageID: "m", AcceptedAt: time.UnixMilli(1)}, Attempt: 1}
	const phone = "+4915112345678"
	fields := []string{"messaging_product", "recipient_type", "type", "to", "biz_opaque_callback_data", "context"}
	f.Fuzz(func(t *testing.T, kind byte, a, b, c string) {
		content := shapes[int(kind)%len(shapes)](a, b, c)
		body, err := Render(schemas.Payload{Recipient: schemas.Recipient{Phone: phone}, Content: content, ReplyTo: a}, callback)
		if err != nil {
			if err != errUnrenderable || body != nil {
				t.Fatalf("%q, %v", body, err)
			}
			return
		}
		var got map[string]json.RawMessage
		if err := json.Unmarshal(body, &got); err != nil || !utf8.Valid(body) {
			t.Fatalf("%q: %v", body, err)
		}
		text := func(field string) (s string) { _ = json.Unmarshal(got[field], &s); return s }
		if text("to") != phone || text("biz_opaque_callback_data") != callback.String() || text("messaging_product") != "whatsapp" || got[text("type")] == nil {
			t.Fatalf("the envelope of %q", body)
		}
		for field := range got {
			if field != text("type") && !slices.Contains(fields, field) {
				t.Fatalf("%q beside the envelope: %q", field, body)
			}
		}
	})
}
