package deliver

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/whatsapplink/cloud/schemas"
)

func TestEveryKindIsRenderedAsMetaWantsIt(t *testing.T) {
	// Goal: the body of every kind, by cloud-api.md §1.2 to 1.5. Method: compare what stands under the kind's name.
	image := &schemas.Media{Kind: schemas.Image, Link: "https://example.org/i.png"}
	for _, c := range []struct {
		content schemas.Content
		want    string
	}{
		{schemas.Text{Body: "a <b> & c", PreviewURL: true}, `{"body":"a <b> & c","preview_url":true}`},
		{schemas.Media{Kind: schemas.Document, ID: "7", Caption: "c", Filename: "f.pdf"}, `{"id":"7","caption":"c","filename":"f.pdf"}`},
		{schemas.Media{Kind: schemas.Audio, ID: "7", Voice: true}, `{"id":"7","voice":true}`},
		{schemas.Location{Latitude: 1.5, Longitude: -2, Name: "n"}, `{"latitude":1.5,"longitude":-2,"name":"n"}`},
		{schemas.Contacts{Contacts: []schemas.Contact{{
			Name: schemas.ContactName{FormattedName: "A B", FirstName: "A"}, Phones: []schemas.ContactPhone{{Phone: "+1", Type: "HOME"}},
			Emails: []schemas.ContactEmail{{Email: "a@b"}}, Addresses: []schemas.ContactAddress{{City: "X"}},
			Org: &schemas.ContactOrg{Company: "C"}, URLs: []schemas.ContactURL{{URL: "u"}}, Birthday: "2000-01-01",
		}}}, `[{"name":{"formatted_name":"A B","first_name":"A"},"phones":[{"phone":"+1","type":"HOME"}],"emails":[{"email":"a@b"}],"addresses":[{"city":"X"}],"org":{"company":"C"},"urls":[{"url":"u"}],"birthday":"2000-01-01"}]`},
		{schemas.Reaction{MessageID: "wamid.x", Emoji: ""}, `{"message_id":"wamid.x","emoji":""}`},
		{schemas.Template{Name: "t", Language: "en_US", Components: []schemas.TemplateComponent{
			{Type: "header", Parameters: []schemas.TemplateParameter{{Type: "image", Media: image}, {Type: "location", Location: &schemas.Location{Latitude: 1}}}},
			{Type: "body", Parameters: []schemas.TemplateParameter{
				{Type: "text", Name: "who", Text: "A"}, {Type: "date_time", Text: "noon"},
				{Type: "currency", Currency: &schemas.TemplateMoney{FallbackValue: "1 EUR", Code: "EUR", Amount1000: 1000}},
			}},
			{Type: "button", SubType: "flow", Index: "0", Parameters: []schemas.TemplateParameter{{Type: "action", ActionJSON: `{"flow_token":"x"}`}}},
			{Type: "button", SubType: "quick_reply", Index: "1", Parameters: []schemas.TemplateParameter{{Type: "payload", Text: "p"}}},
			{Type: "button", SubType: "copy_code", Index: "2", Parameters: []schemas.TemplateParameter{{Type: "coupon_code", Text: "c"}}},
		}}, `{"name":"t","language":{"code":"en_US"},"components":[
			{"type":"header","parameters":[{"type":"image","image":{"link":"https://example.org/i.png"}},{"type":"location","location":{"latitude":1,"longitude":0}}]},
			{"type":"body","parameters":[{"type":"text","parameter_name":"who","text":"A"},{"type":"date_time","date_time":{"fallback_value":"noon"}},{"type":"currency","currency":{"fallback_value":"1 EUR","code":"EUR","amount_1000":1000}}]},
			{"type":"button","sub_type":"flow","index":"0","parameters":[{"type":"action","action":{"flow_token":"x"}}]},
			{"type":"button","sub_type":"quick_reply","index":"1","parameters":[{"type":"payload","payload":"p"}]},
			{"type":"button","sub_type":"copy_code","index":"2","parameters":[{"type":"coupon_code","coupon_code":"c"}]}]}`},
		{schemas.Interactive{Type: "button", Header: &schemas.InteractiveHeader{Text: "h"}, Body: "b", Footer: "f", Buttons: []schemas.InteractiveButton{{ID: "1", Title: "y"}}},
			`{"type":"button","header":{"type":"text","text":"h"},"body":{"text":"b"},"footer":{"text":"f"},"action":{"buttons":[{"type":"reply","reply":{"id":"1","title":"y"}}]}}`},
		{schemas.Interactive{Type: "list", Body: "b", ListButton: "open", Sections: []schemas.InteractiveSection{{Title: "s", Rows: []schemas.InteractiveRow{{ID: "1", Title: "r", Description: "d"}}}}},
			`{"type":"list","body":{"text":"b"},"action":{"button":"open","sections":[{"title":"s","rows":[{"id":"1","title":"r","description":"d"}]}]}}`},
		{schemas.Interactive{Type: "cta_url", Header: &schemas.InteractiveHeader{Media: image}, Body: "b", ActionName: "cta_url", ParametersJSON: `{"display_text":"go","url":"u"}`},
			`{"type":"cta_url","header":{"type":"image","image":{"link":"https://example.org/i.png"}},"body":{"text":"b"},"action":{"name":"cta_url","parameters":{"display_text":"go","url":"u"}}}`},
		{schemas.Interactive{Type: "product_list", Body: "b", CatalogID: "c", Sections: []schemas.InteractiveSection{{Products: []string{"p"}}}},
			`{"type":"product_list","body":{"text":"b"},"action":{"catalog_id":"c","sections":[{"product_items":[{"product_retailer_id":"p"}]}]}}`},
		{schemas.Media{Kind: schemas.Image, Link: "https://example.org/i.png", Caption: "c"}, `{"link":"https://example.org/i.png","caption":"c"}`},
		{schemas.Media{Kind: schemas.Video, ID: "7"}, `{"id":"7"}`},
		{schemas.Media{Kind: schemas.Sticker, ID: "7"}, `{"id":"7"}`},
		{schemas.Template{Name: "t", Language: "en", Components: []schemas.TemplateComponent{
			{Type: "header", Parameters: []schemas.TemplateParameter{{Type: "video", Media: &schemas.Media{Kind: schemas.Video, ID: "7"}}}},
			{Type: "button", SubType: "url", Index: "0", Parameters: []schemas.TemplateParameter{{Type: "text", Text: "p"}}},
			{Type: "button", SubType: "catalog", Index: "1", Parameters: []schemas.TemplateParameter{{Type: "action", ActionJSON: `{"thumbnail_product_retailer_id":"x"}`}}},
		}}, `{"name":"t","language":{"code":"en"},"components":[
			{"type":"header","parameters":[{"type":"video","video":{"id":"7"}}]},
			{"type":"button","sub_type":"url","index":"0","parameters":[{"type":"text","text":"p"}]},
			{"type":"button","sub_type":"catalog","index":"1","parameters":[{"type":"action","action":{"thumbnail_product_retailer_id":"x"}}]}]}`},
		{schemas.Template{Name: "t", Language: "en", Components: []schemas.TemplateComponent{
			{Type: "header", Parameters: []schemas.TemplateParameter{{Type: "document", Media: &schemas.Media{Kind: schemas.Document, ID: "7", Filename: "f.pdf"}}}},
		}}, `{"name":"t","language":{"code":"en"},"components":[{"type":"header","parameters":[{"type":"document","document":{"id":"7","filename":"f.pdf"}}]}]}`},
		{schemas.Interactive{Type: "flow", Body: "b", ActionName: "flow", ParametersJSON: `{"flow_message_version":"3","flow_id":"1","flow_cta":"Go"}`},
			`{"type":"flow","body":{"text":"b"},"action":{"name":"flow","parameters":{"flow_message_version":"3","flow_id":"1","flow_cta":"Go"}}}`},
		{schemas.Interactive{Type: "product", CatalogID: "c", ProductID: "p"}, `{"type":"product","action":{"catalog_id":"c","product_retailer_id":"p"}}`},
		{schemas.Interactive{Type: "catalog_message", Body: "b", ActionName: "catalog_message", ParametersJSON: `{"thumbnail_product_retailer_id":"p"}`},
			`{"type":"catalog_message","body":{"text":"b"},"action":{"name":"catalog_message","parameters":{"thumbnail_product_retailer_id":"p"}}}`},
		{schemas.Interactive{Type: "location_request_message", Body: "b", ActionName: "send_location"},
			`{"type":"location_request_message","body":{"text":"b"},"action":{"name":"send_location"}}`},
		{schemas.Raw{Type: "order_details", JSON: `{"a":1}`}, `{"a":1}`},
	} {
		body, err := Render(schemas.Payload{Recipient: schemas.Recipient{Phone: "+4915112345678", UserID: "DE.1"}, Content: c.content, ReplyTo: "wamid.r"}, schemas.CallbackData{})
		if err != nil {
			t.Errorf("%T: %v", c.content, err)
			continue
		}
		var got map[string]any
		if err := json.Unmarshal(body, &got); err != nil {
			t.Fatal(err)
		}
		kind := c.content.ContentType()
		if raw, ok := c.content.(schemas.Raw); ok {
			kind = raw.Type
		}
		if !reflect.DeepEqual(got[kind], parsed(t, c.want)) {
			t.Errorf("%T: %s, want %s", c.content, body, c.want)
		}
		rest := parsed(t, `{"messaging_product":"whatsapp","recipient_type":"individual","to":"+4915112345678","context":{"message_id":"wamid.r"}}`).(map[string]any)
		rest["type"], rest["biz_opaque_callback_data"] = kind, schemas.CallbackData{}.String()
		delete(got, kind)
		if !reflect.DeepEqual(got, rest) {
			t.Errorf("%T: envelope %v", c.content, got)
		}
	}
}

func parsed(t *testing.T, s string) (v any) {
	if err := json.Unmarshal([]byte(s), &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestUserIDStandsInOnlyWithoutAPhone(t *testing.T) {
	body, err := Render(schemas.Payload{Recipient: schemas.Recipient{UserID: "DE.1"}, Content: schemas.Text{Body: "b"}}, schemas.CallbackData{})
	got, ok := parsed(t, string(body)).(map[string]any)
	if err != nil || !ok || got["recipient"] != "DE.1" || got["to"] != nil {
		t.Errorf("%s, %v", body, err)
	}
}

func TestWhatCannotBeRenderedSaysNothingOfItself(t *testing.T) {
	// Goal: no error quotes content, and no raw type takes over the envelope.
	anna := schemas.Recipient{Phone: "+4915112345678"}
	for name, p := range map[string]schemas.Payload{
		"no recipient": {Content: schemas.Text{Body: "secret"}},
		"no content":   {Recipient: anna},
		"bad json":     {Recipient: anna, Content: schemas.Raw{Type: "x", JSON: `{"secret`}},
		"raw to":       {Recipient: anna, Content: schemas.Raw{Type: "to", JSON: `{}`}},
	} {
		if body, err := Render(p, schemas.CallbackData{}); err != errUnrenderable || body != nil {
			t.Errorf("%s: %s, %v", name, body, err)
		}
	}
}
