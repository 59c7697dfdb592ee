package e2e

import (
	"encoding/base64"
	"reflect"
	"slices"
	"testing"

	"github.com/oklog/ulid/v2"

	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/stages/validate/validatetest"
)

// closed are the fields of contents that take words of a closed list only: no canary fits into them.
var closed = []string{
	"Media.Kind", "Contact.Birthday", "Reaction.Emoji", "Template.Language", "TemplateComponent.Type", "TemplateComponent.SubType",
	"TemplateComponent.Index", "TemplateParameter.Type", "TemplateMoney.Code", "Interactive.Type", "Interactive.ActionName",
}

// Goal: no field of any kind of content is left out of the proof, one added later neither. Method: every string in the
// requests, by reflection; each field of the types that occur holds a canary in one of them, unless its words are closed.
func TestProofEveryFieldOfEveryContentHoldsACanary(t *testing.T) {
	c := newCanaries()
	fields := map[string]bool{} // by name: whether it held one
	var walk func(name string, v reflect.Value)
	walk = func(name string, v reflect.Value) {
		switch v.Kind() {
		case reflect.Interface, reflect.Pointer:
			if !v.IsNil() {
				walk(name, v.Elem())
			}
		case reflect.Slice:
			for i := range v.Len() {
				walk(name, v.Index(i))
			}
		case reflect.Struct:
			for i := range v.NumField() {
				walk(v.Type().Name()+"."+v.Type().Field(i).Name, v.Field(i))
			}
		case reflect.String:
			fields[name] = fields[name] || len(c.In([]byte(v.String()))) > 0
		}
	}
	for _, r := range c.requests() {
		walk("", reflect.ValueOf(r.Content))
		walk("", reflect.ValueOf(r.Recipient))
		walk("reply_to", reflect.ValueOf(r.ReplyTo))
	}
	for field, held := range fields {
		if held == slices.Contains(closed, field) {
			t.Errorf("%s: held a canary: %v", field, held)
		}
	}
	if len(fields) < 60 {
		t.Errorf("only %d fields were seen", len(fields))
	}
}

// contents are one of every kind, with a canary in every field that takes one. Fields of up to 24 characters get one of 16.
func (c *canaries) contents() []schemas.Content {
	p := func() string { return c.plant(32) }
	link := func() string { return "https://example.com/" + p() }
	text := func(s string) schemas.TemplateParameter { return schemas.TemplateParameter{Type: "text", Text: s} }
	medium := func(kind schemas.MediaKind) *schemas.Media { return &schemas.Media{Kind: kind, Link: link()} }
	document := &schemas.Media{Kind: schemas.Document, Link: link(), Filename: p()}
	place := schemas.Location{Latitude: 52.5, Longitude: 13.4, Name: p(), Address: p()}
	head := func(q schemas.TemplateParameter) schemas.TemplateComponent {
		return validatetest.ComponentOf("header", q)
	}
	named := func(components ...schemas.TemplateComponent) schemas.Template {
		t := validatetest.TemplateOf(components...)
		t.Name = p()
		return t
	}
	list := validatetest.ListOf(schemas.InteractiveSection{Title: c.plant(16), Rows: []schemas.InteractiveRow{{ID: p(), Title: c.plant(16), Description: p()}}})
	list.Header, list.Body, list.Footer, list.ListButton = &schemas.InteractiveHeader{Text: p()}, p(), p(), c.plant(16)
	buttons := validatetest.ButtonsOf(schemas.InteractiveButton{ID: p(), Title: c.plant(16)})
	buttons.Header = &schemas.InteractiveHeader{Media: document}
	products := validatetest.ProductsOf(schemas.InteractiveSection{Title: c.plant(16), Products: []string{p()}})
	products.CatalogID = p()
	return []schemas.Content{
		schemas.Text{Body: p()},
		schemas.Media{Kind: schemas.Image, Link: link(), Caption: p()},
		schemas.Media{Kind: schemas.Video, Link: link(), Caption: p()},
		schemas.Media{Kind: schemas.Audio, Link: link()},
		schemas.Media{Kind: schemas.Document, Link: link(), Caption: p(), Filename: p()},
		schemas.Media{Kind: schemas.Sticker, ID: p()},
		place,
		validatetest.ContactOf(func(k *schemas.Contact) {
			k.Name = schemas.ContactName{FormattedName: p(), FirstName: p(), LastName: p(), MiddleName: p(), Suffix: p(), Prefix: p()}
			k.Phones = []schemas.ContactPhone{{Phone: c.phone(), Type: p(), WaID: c.phone()[1:]}}
			k.Emails = []schemas.ContactEmail{{Email: p() + "@example.com", Type: p()}}
			k.Addresses = []schemas.ContactAddress{{Street: p(), City: p(), State: p(), Zip: p(), Country: p(), CountryCode: p(), Type: p()}}
			k.Org = &schemas.ContactOrg{Company: p(), Department: p(), Title: p()}
			k.URLs = []schemas.ContactURL{{URL: link(), Type: p()}}
		}),
		schemas.Reaction{MessageID: "wamid." + base64.StdEncoding.EncodeToString([]byte(p())), Emoji: "👍"},
		named(head(schemas.TemplateParameter{Type: "image", Media: medium(schemas.Image)}),
			schemas.TemplateComponent{Type: "body", Parameters: []schemas.TemplateParameter{text(p()), text(p()), {Type: "date_time", Text: p()},
				{Type: "currency", Currency: &schemas.TemplateMoney{FallbackValue: p(), Code: "EUR", Amount1000: 1000}}}},
			validatetest.ButtonOf("url", "0", "text", p()), validatetest.ButtonOf("quick_reply", "1", "payload", p()),
			validatetest.ButtonOf("copy_code", "2", "coupon_code", c.plant(16)),
			schemas.TemplateComponent{Type: "button", SubType: "flow", Index: "3", Parameters: []schemas.TemplateParameter{
				{Type: "action", ActionJSON: `{"flow_token":"` + p() + `","flow_action_data":{"` + p() + `":"` + p() + `"}}`}}}),
		named(head(schemas.TemplateParameter{Type: "video", Media: medium(schemas.Video)})),
		named(head(schemas.TemplateParameter{Type: "document", Media: document})),
		named(head(schemas.TemplateParameter{Type: "location", Location: &place})),
		named(schemas.TemplateComponent{Type: "body", Parameters: []schemas.TemplateParameter{{Type: "text", Name: p(), Text: p()}}}),
		list, buttons, products,
		schemas.Interactive{Type: "product", Body: p(), CatalogID: p(), ProductID: p()},
		validatetest.CtaOf(`{"display_text":"` + c.plant(16) + `","url":"` + link() + `"}`),
		schemas.Interactive{Type: "flow", Body: p(), ActionName: "flow", ParametersJSON: `{"flow_message_version":"3","flow_id":"` + p() + `","flow_cta":"` + c.plant(16) + `","flow_token":"` + p() + `"}`},
		schemas.Interactive{Type: "catalog_message", Body: p(), ActionName: "catalog_message", ParametersJSON: `{"thumbnail_product_retailer_id":"` + p() + `"}`},
		schemas.Interactive{Type: "location_request_message", Body: p(), ActionName: "send_location"},
		schemas.Raw{Type: p(), JSON: `{"` + p() + `":"` + p() + `"}`},
	}
}

// requests are one request of every kind of content, with a canary in recipient and reply_to too.
func (c *canaries) requests() (all []schemas.MessageRequest) {
	p := func() string { return c.plant(32) }
	for i, content := range c.contents() {
		r := validatetest.Good(ulid.Make().String(), c.phone())
		if i%2 == 1 {
			r.Recipient.UserID = "DE." + p()
		}
		if _, reaction := content.(schemas.Reaction); !reaction {
			r.ReplyTo = "wamid." + base64.StdEncoding.EncodeToString([]byte(p()))
		}
		r.Content = content
		all = append(all, r)
	}
	return all
}
