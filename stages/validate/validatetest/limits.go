package validatetest

import (
	"strconv"
	"strings"

	"github.com/whatsapplink/cloud/schemas"
)

// AtLimit are contents exactly at every limit, lengths counted in UTF-16 units, and others at the edge of what is allowed.
// All are accepted.
func AtLimit() map[string]schemas.Content {
	x := strings.Repeat
	card := func() schemas.Contacts { return ContactOf(func(*schemas.Contact) {}) }
	full := card()
	for len(full.Contacts) < 257 {
		full.Contacts = append(full.Contacts, full.Contacts[0])
	}
	var rowsAtLimit, tenSections []schemas.InteractiveSection
	for i := range 10 {
		r := schemas.InteractiveRow{ID: x("i", 199) + strconv.Itoa(i), Title: x("t", 24), Description: x("d", 72)}
		rowsAtLimit = append(rowsAtLimit, schemas.InteractiveSection{Title: x("s", 24), Rows: []schemas.InteractiveRow{r}})
		tenSections = append(tenSections, schemas.InteractiveSection{Title: "s", Products: []string{"a", "b", "c"}})
	}
	list := ListOf(rowsAtLimit...)
	list.Body, list.ListButton, list.Footer = x("b", 4096), x("l", 20), x("f", 60)
	list.Header = &schemas.InteractiveHeader{Text: x("h", 60)}
	pictured := ButtonsOf(schemas.InteractiveButton{ID: x("i", 256), Title: x("t", 20)}, Yes(), schemas.InteractiveButton{ID: "n", Title: "No"})
	pictured.Header, pictured.Body = &schemas.InteractiveHeader{Media: &schemas.Media{Kind: schemas.Video, ID: "1"}}, x("b", 1024)
	action := func(sub string) schemas.TemplateComponent {
		return schemas.TemplateComponent{Type: "button", SubType: sub, Index: "9",
			Parameters: []schemas.TemplateParameter{{Type: "action", ActionJSON: `{"flow_token":"t"}`}}}
	}
	return map[string]schemas.Content{
		"text":                schemas.Text{Body: x("x", 4096)},
		"text in two units":   schemas.Text{Body: x("😀", 2048)},
		"text in three bytes": schemas.Text{Body: x("€", 4096)},
		"one space":           schemas.Text{Body: " "},
		"image":               schemas.Media{Kind: schemas.Image, Link: "https://example.com/a.png?x=1", Caption: x("ü", 1024)},
		"document":            schemas.Media{Kind: schemas.Document, ID: "1", Caption: "c", Filename: "f.pdf"},
		"voice":               schemas.Media{Kind: schemas.Audio, ID: "1", Voice: true},
		"sticker":             schemas.Media{Kind: schemas.Sticker, ID: "1"},
		"the poles":           schemas.Location{Latitude: -90, Longitude: 180, Name: "n", Address: "a"},
		"one card": ContactOf(func(c *schemas.Contact) {
			c.Birthday = "1815-12-10"
			c.Phones = []schemas.ContactPhone{{WaID: "4915112345678"}}
			c.URLs = []schemas.ContactURL{{URL: "https://example.com"}}
		}),
		"257 cards":          full,
		"reaction":           schemas.Reaction{MessageID: wamid, Emoji: "👩‍❤️‍💋‍👨"},
		"keycap":             schemas.Reaction{MessageID: wamid, Emoji: "1️⃣"},
		"reaction withdrawn": schemas.Reaction{MessageID: wamid},

		"bare template":      schemas.Template{Name: x("n", 512), Language: "es_SPA"},
		"body":               TemplateOf(BodyOf(x("x", 1024))),
		"204 parameters":     TemplateOf(BodyOf(strings.Split(x("a ", 203)+"a", " ")...)),
		"four spaces":        TemplateOf(BodyOf("a    b")),
		"header":             TemplateOf(ComponentOf("header", schemas.TemplateParameter{Type: "text", Text: x("x", 60)})),
		"location header":    TemplateOf(ComponentOf("header", schemas.TemplateParameter{Type: "location", Location: &schemas.Location{}})),
		"money":              TemplateOf(ComponentOf("body", schemas.TemplateParameter{Type: "currency", Currency: &schemas.TemplateMoney{FallbackValue: "€1", Code: "EUR", Amount1000: 1000}})),
		"url button":         TemplateOf(ButtonOf("url", "0", "text", x("x", 2000))),
		"coupon":             TemplateOf(ButtonOf("copy_code", "0", "coupon_code", x("x", 20))),
		"buttons":            TemplateOf(ButtonOf("quick_reply", "0", "payload", "p\n"), ButtonOf("quick_reply", "1", "payload", "q"), action("flow")),
		"catalog":            TemplateOf(action("catalog")),
		"named":              TemplateOf(schemas.TemplateComponent{Type: "body", Parameters: []schemas.TemplateParameter{{Type: "text", Text: "a", Name: "first"}, {Type: "date_time", Text: "now", Name: "at_2"}}}),
		"list":               list,
		"buttons and video":  pictured,
		"30 products":        ProductsOf(tenSections...),
		"product":            schemas.Interactive{Type: "product", CatalogID: "1", ProductID: "2"},
		"catalog message":    schemas.Interactive{Type: "catalog_message", Body: "b", ActionName: "catalog_message", ParametersJSON: "{}"},
		"ask for location":   schemas.Interactive{Type: "location_request_message", Body: "b", ActionName: "send_location"},
		"link":               CtaOf(`{"display_text":"` + x("x", 20) + `","url":"https://example.com"}`),
		"flow":               schemas.Interactive{Type: "flow", Body: "b", ActionName: "flow", ParametersJSON: `{"flow_id":"1","flow_cta":"Go","flow_message_version":"3"}`},
		"raw":                schemas.Raw{Type: x("r", 64), JSON: ` {"a":[1,{"to":"x"}]}`},
		"raw of known kinds": schemas.Raw{Type: "interactive", JSON: `{"type":"voice_call"}`},
	}
}
