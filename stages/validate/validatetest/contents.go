package validatetest

import (
	"math"
	"slices"
	"strings"

	"github.com/whatsapplink/cloud/schemas"
)

// Contents are the smallest bad contents, by the reason for which they are rejected.
var Contents = map[string]schemas.Content{
	"no_content":               nil,
	"content_too_large":        schemas.Raw{Type: "order", JSON: `{"a":"` + strings.Repeat("x", 64<<10) + `"}`},
	"text_empty":               schemas.Text{},
	"text_too_long":            schemas.Text{Body: strings.Repeat("x", 4097)},
	"media_unknown_kind":       schemas.Media{Kind: "gif", ID: "1"},
	"media_source":             schemas.Media{Kind: schemas.Image},
	"media_invalid_id":         schemas.Media{Kind: schemas.Image, ID: "a b"},
	"media_invalid_link":       schemas.Media{Kind: schemas.Image, Link: "ftp://example.com/a.png"},
	"media_part_not_allowed":   schemas.Media{Kind: schemas.Sticker, ID: "1", Caption: "x"},
	"media_caption_too_long":   schemas.Media{Kind: schemas.Image, ID: "1", Caption: strings.Repeat("x", 1025)},
	"location_out_of_range":    schemas.Location{Latitude: math.NaN()},
	"contacts_empty":           schemas.Contacts{},
	"contacts_too_many":        schemas.Contacts{Contacts: make([]schemas.Contact, 258)},
	"contact_name_incomplete":  ContactOf(func(c *schemas.Contact) { c.Name.FirstName = "" }),
	"contact_entry_empty":      ContactOf(func(c *schemas.Contact) { c.Emails = []schemas.ContactEmail{{}} }),
	"contact_invalid_birthday": ContactOf(func(c *schemas.Contact) { c.Birthday = "1815-13-10" }),
	"reaction_invalid_target":  schemas.Reaction{MessageID: "1", Emoji: "👍"},
	"reaction_invalid_emoji":   schemas.Reaction{MessageID: wamid, Emoji: "ok"},

	"template_invalid_name":        schemas.Template{Name: "Order", Language: "en"},
	"template_invalid_language":    schemas.Template{Name: "order", Language: "en-US"},
	"template_unknown_component":   TemplateOf(schemas.TemplateComponent{Type: "footer"}),
	"template_component_repeated":  TemplateOf(BodyOf("a"), BodyOf("b")),
	"template_invalid_button":      TemplateOf(ButtonOf("url", "10", "text", "a")),
	"template_too_many_parameters": TemplateOf(BodyOf(slices.Repeat([]string{"a"}, 205)...)),
	"template_parameter_type":      TemplateOf(ComponentOf("body", schemas.TemplateParameter{Type: "image"})),
	"template_parameter_empty":     TemplateOf(BodyOf("")),
	"template_parameter_name":      TemplateOf(ComponentOf("body", schemas.TemplateParameter{Type: "text", Text: "a", Name: "First"})),
	"template_text_spacing":        TemplateOf(BodyOf("a\nb")),
	"template_header_too_long":     TemplateOf(ComponentOf("header", schemas.TemplateParameter{Type: "text", Text: strings.Repeat("x", 61)})),
	"template_body_too_long":       TemplateOf(BodyOf(strings.Repeat("x", 1025))),
	"template_url_too_long":        TemplateOf(ButtonOf("url", "0", "text", strings.Repeat("x", 2001))),
	"template_coupon_too_long":     TemplateOf(ButtonOf("copy_code", "0", "coupon_code", strings.Repeat("x", 21))),
	"template_invalid_action": TemplateOf(schemas.TemplateComponent{Type: "button", SubType: "flow", Index: "0",
		Parameters: []schemas.TemplateParameter{{Type: "action", ActionJSON: "[]"}}}),

	"interactive_unknown_type":       schemas.Interactive{Type: "carousel", Body: "x"},
	"interactive_part_missing":       schemas.Interactive{Type: "button", Buttons: []schemas.InteractiveButton{Yes()}},
	"interactive_part_not_allowed":   schemas.Interactive{Type: "product", CatalogID: "1", ProductID: "2", Header: &schemas.InteractiveHeader{Text: "x"}},
	"interactive_invalid_action":     schemas.Interactive{Type: "location_request_message", Body: "x", ActionName: "go"},
	"interactive_invalid_parameters": CtaOf(`{"display_text":"Go"}`),
	"interactive_invalid_header":     WithHeader(schemas.InteractiveHeader{}),
	"interactive_header_too_long":    WithHeader(schemas.InteractiveHeader{Text: strings.Repeat("x", 61)}),
	"interactive_body_too_long":      schemas.Interactive{Type: "button", Body: strings.Repeat("x", 1025), Buttons: []schemas.InteractiveButton{Yes()}},
	"interactive_footer_too_long": schemas.Interactive{Type: "button", Body: "x", Footer: strings.Repeat("x", 61),
		Buttons: []schemas.InteractiveButton{Yes()}},
	"interactive_entry_incomplete":         ButtonsOf(schemas.InteractiveButton{ID: "y"}),
	"interactive_entry_repeated":           ButtonsOf(Yes(), Yes()),
	"interactive_too_many_buttons":         ButtonsOf(Yes(), schemas.InteractiveButton{ID: "n", Title: "No"}, schemas.InteractiveButton{ID: "m", Title: "Maybe"}, schemas.InteractiveButton{ID: "l", Title: "Later"}),
	"interactive_too_many_sections":        ListOf(slices.Repeat([]schemas.InteractiveSection{{Title: "x", Rows: []schemas.InteractiveRow{RowOf("a")}}}, 11)...),
	"interactive_too_many_rows":            ListOf(schemas.InteractiveSection{Rows: slices.Repeat([]schemas.InteractiveRow{RowOf("a")}, 11)}),
	"interactive_too_many_products":        ProductsOf(schemas.InteractiveSection{Products: slices.Repeat([]string{"a"}, 31)}),
	"interactive_button_title_too_long":    ButtonsOf(schemas.InteractiveButton{ID: "y", Title: strings.Repeat("x", 21)}),
	"interactive_button_id_too_long":       ButtonsOf(schemas.InteractiveButton{ID: strings.Repeat("x", 257), Title: "Yes"}),
	"interactive_section_title_too_long":   ListOf(schemas.InteractiveSection{Title: strings.Repeat("x", 25), Rows: []schemas.InteractiveRow{RowOf("a")}}),
	"interactive_row_id_too_long":          ListOf(schemas.InteractiveSection{Rows: []schemas.InteractiveRow{{ID: strings.Repeat("x", 201), Title: "x"}}}),
	"interactive_row_title_too_long":       ListOf(schemas.InteractiveSection{Rows: []schemas.InteractiveRow{{ID: "a", Title: strings.Repeat("x", 25)}}}),
	"interactive_row_description_too_long": ListOf(schemas.InteractiveSection{Rows: []schemas.InteractiveRow{{ID: "a", Title: "x", Description: strings.Repeat("x", 73)}}}),

	"raw_invalid_type":  schemas.Raw{Type: "Order", JSON: "{}"},
	"raw_reserved_type": schemas.Raw{Type: "to", JSON: "{}"},
	"raw_invalid_json":  schemas.Raw{Type: "order", JSON: "[]"},
}

// WithHeader is a button message under a header.
func WithHeader(h schemas.InteractiveHeader) schemas.Interactive {
	m := ButtonsOf(Yes())
	m.Header = &h
	return m
}
