package e2e

import (
	"encoding/base64"

	"github.com/oklog/ulid/v2"

	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/stages/validate/validatetest"
)

// requests are one request of every kind of content, with a canary in every field that takes one. Fields of up to 24
// characters get one of 16.
func (c *canaries) requests() []schemas.MessageRequest {
	p := func() string { return c.plant(32) }
	link := func() string { return "https://example.com/" + p() }
	text := func(s string) schemas.TemplateParameter { return schemas.TemplateParameter{Type: "text", Text: s} }
	image := &schemas.Media{Kind: schemas.Image, Link: link()}
	named := func(t schemas.Template) schemas.Template { t.Name = p(); return t }
	list := validatetest.ListOf(schemas.InteractiveSection{Title: c.plant(16), Rows: []schemas.InteractiveRow{{ID: p(), Title: c.plant(16), Description: p()}}})
	list.Header, list.Body, list.Footer, list.ListButton = &schemas.InteractiveHeader{Text: p()}, p(), p(), c.plant(16)
	buttons := validatetest.ButtonsOf(schemas.InteractiveButton{ID: p(), Title: c.plant(16)})
	buttons.Header = &schemas.InteractiveHeader{Media: &schemas.Media{Kind: schemas.Document, Link: link(), Filename: p()}}
	products := validatetest.ProductsOf(schemas.InteractiveSection{Title: c.plant(16), Products: []string{p()}})
	products.CatalogID = p()
	contents := []schemas.Content{
		schemas.Text{Body: p()},
		schemas.Media{Kind: schemas.Image, Link: link(), Caption: p()},
		schemas.Media{Kind: schemas.Video, Link: link(), Caption: p()},
		schemas.Media{Kind: schemas.Audio, Link: link()},
		schemas.Media{Kind: schemas.Document, Link: link(), Caption: p(), Filename: p()},
		schemas.Media{Kind: schemas.Sticker, ID: p()},
		schemas.Location{Latitude: 52.5, Longitude: 13.4, Name: p(), Address: p()},
		validatetest.ContactOf(func(k *schemas.Contact) {
			k.Name = schemas.ContactName{FormattedName: p(), FirstName: p(), LastName: p(), MiddleName: p(), Suffix: p(), Prefix: p()}
			k.Phones = []schemas.ContactPhone{{Phone: c.phone(), Type: p()}}
			k.Emails = []schemas.ContactEmail{{Email: p() + "@example.com", Type: p()}}
			k.Addresses = []schemas.ContactAddress{{Street: p(), City: p(), State: p(), Zip: p(), Country: p(), Type: p()}}
			k.Org = &schemas.ContactOrg{Company: p(), Department: p(), Title: p()}
			k.URLs = []schemas.ContactURL{{URL: link(), Type: p()}}
		}),
		schemas.Reaction{MessageID: "wamid." + base64.StdEncoding.EncodeToString([]byte(p())), Emoji: "👍"},
		named(validatetest.TemplateOf(
			validatetest.ComponentOf("header", schemas.TemplateParameter{Type: "image", Media: image}),
			schemas.TemplateComponent{Type: "body", Parameters: []schemas.TemplateParameter{text(p()), text(p()),
				{Type: "currency", Currency: &schemas.TemplateMoney{FallbackValue: p(), Code: "EUR", Amount1000: 1000}}}},
			validatetest.ButtonOf("url", "0", "text", p()), validatetest.ButtonOf("quick_reply", "1", "payload", p()),
			validatetest.ButtonOf("copy_code", "2", "coupon_code", c.plant(16)))),
		named(validatetest.TemplateOf(schemas.TemplateComponent{Type: "body", Parameters: []schemas.TemplateParameter{{Type: "text", Name: p(), Text: p()}}})),
		list, buttons, products,
		validatetest.CtaOf(`{"display_text":"` + c.plant(16) + `","url":"` + link() + `"}`),
		schemas.Raw{Type: "order", JSON: `{"` + p() + `":"` + p() + `"}`},
	}
	var all []schemas.MessageRequest
	for i, content := range contents {
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
