package validate

import (
	"strings"
	"testing"

	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/stages/validate/validatetest"
)

// Goal: what is exactly at a limit passes, lengths counted in UTF-16 units; golden_test.go shows that one more does not.
// Method: a table of contents at every limit.
func TestContentAtItsLimitIsAccepted(t *testing.T) {
	t.Parallel()
	for name, c := range validatetest.AtLimit() {
		if reason := reasonOf(newStage(), requestOf(c)); reason != "" {
			t.Errorf("%s: rejected for %s", name, reason)
		}
	}
}

// Goal: one over each limit is rejected, in UTF-16 units too, where the golden cases do not show it already. Method: a
// table of contents one over, and of other bad values of the same rule.
func TestContentOverItsLimitIsRejected(t *testing.T) {
	t.Parallel()
	x := strings.Repeat
	for _, c := range []struct {
		reason  string
		content schemas.Content
	}{
		{ReasonTextTooLong, schemas.Text{Body: x("😀", 2048) + "x"}},
		{ReasonMediaSource, schemas.Media{Kind: schemas.Image, ID: "1", Link: "https://example.com/"}},
		{ReasonMediaInvalidID, schemas.Media{Kind: schemas.Image, ID: x("1", 129)}},
		{ReasonMediaInvalidLink, schemas.Media{Kind: schemas.Image, Link: "https:///a.png"}},
		{ReasonMediaInvalidLink, schemas.Media{Kind: schemas.Image, Link: "https://a b"}},
		{ReasonMediaPartNotAllowed, schemas.Media{Kind: schemas.Image, ID: "1", Filename: "a"}},
		{ReasonMediaPartNotAllowed, schemas.Media{Kind: schemas.Video, ID: "1", Voice: true}},
		{ReasonMediaPartNotAllowed, schemas.Media{Kind: schemas.Audio, ID: "1", Caption: "a"}},
		{ReasonLocationOutOfRange, schemas.Location{Latitude: 90.01}},
		{ReasonLocationOutOfRange, schemas.Location{Longitude: -180.01}},
		{ReasonContactNameIncomplete, validatetest.ContactOf(func(c *schemas.Contact) { c.Name.FormattedName = "" })},
		{ReasonContactEntryEmpty, validatetest.ContactOf(func(c *schemas.Contact) { c.Phones = []schemas.ContactPhone{{Type: "HOME"}} })},
		{ReasonContactEntryEmpty, validatetest.ContactOf(func(c *schemas.Contact) { c.URLs = []schemas.ContactURL{{}} })},
		{ReasonReactionInvalidEmoji, schemas.Reaction{MessageID: wamid, Emoji: "12"}},
		{ReasonReactionInvalidEmoji, schemas.Reaction{MessageID: wamid, Emoji: x("😀", 17)}},
		{ReasonReactionInvalidTarget, schemas.Reaction{MessageID: "wamid."}},
		{ReasonTemplateInvalidName, schemas.Template{Name: x("n", 513), Language: "en"}},
		{ReasonTemplateInvalidLanguage, schemas.Template{Name: "n", Language: "english"}},
		{ReasonTemplateInvalidLanguage, schemas.Template{Name: "n", Language: "en_"}},
		{ReasonTemplateTextSpacing, validatetest.TemplateOf(validatetest.BodyOf("a     b"))},
		{ReasonTemplateTextSpacing, validatetest.TemplateOf(validatetest.BodyOf("a\tb"))},
		{ReasonTemplateInvalidButton, validatetest.TemplateOf(validatetest.ButtonOf("order", "0", "text", "a"))},
		{ReasonTemplateInvalidButton, validatetest.TemplateOf(schemas.TemplateComponent{Type: "body", Index: "0"})},
		{ReasonTemplateComponentRepeated, validatetest.TemplateOf(validatetest.ButtonOf("url", "0", "text", "a"), validatetest.ButtonOf("url", "0", "text", "a"))},
		{ReasonTemplateTooManyParameters, validatetest.TemplateOf(schemas.TemplateComponent{Type: "header", Parameters: validatetest.BodyOf("a", "b").Parameters})},
		{ReasonTemplateParameterEmpty, validatetest.TemplateOf(validatetest.ComponentOf("body", schemas.TemplateParameter{Type: "currency"}))},
		{ReasonTemplateParameterEmpty, validatetest.TemplateOf(validatetest.ComponentOf("header", schemas.TemplateParameter{Type: "image", Media: &schemas.Media{Kind: schemas.Video, ID: "1"}}))},
		{ReasonTemplateParameterEmpty, validatetest.TemplateOf(validatetest.ComponentOf("header", schemas.TemplateParameter{Type: "location"}))},
		{ReasonMediaSource, validatetest.TemplateOf(validatetest.ComponentOf("header", schemas.TemplateParameter{Type: "image", Media: &schemas.Media{Kind: schemas.Image}}))},
		{ReasonTemplateBodyTooLong, validatetest.TemplateOf(validatetest.BodyOf(x("a", 1000), x("b", 25)))},
		{ReasonTemplateParameterName, validatetest.TemplateOf(schemas.TemplateComponent{Type: "body", Parameters: []schemas.TemplateParameter{{Type: "text", Text: "a", Name: "n"}, {Type: "text", Text: "a"}}})},
		{ReasonTemplateParameterName, validatetest.TemplateOf(schemas.TemplateComponent{Type: "body", Parameters: []schemas.TemplateParameter{{Type: "text", Text: "a", Name: "n"}, {Type: "text", Text: "a", Name: "n"}}})},
		{ReasonInteractivePartNotAllowed, validatetest.ListOf(schemas.InteractiveSection{Products: []string{"a"}, Rows: []schemas.InteractiveRow{validatetest.RowOf("a")}})},
		{ReasonInteractiveEntryIncomplete, validatetest.ListOf(schemas.InteractiveSection{Title: "a", Rows: []schemas.InteractiveRow{validatetest.RowOf("a")}}, schemas.InteractiveSection{Rows: []schemas.InteractiveRow{validatetest.RowOf("b")}})},
		{ReasonInteractiveEntryIncomplete, validatetest.ListOf(schemas.InteractiveSection{Rows: []schemas.InteractiveRow{validatetest.RowOf("a")}, Title: "a"}, schemas.InteractiveSection{Title: "b"})},
		{ReasonInteractiveEntryIncomplete, validatetest.ProductsOf(schemas.InteractiveSection{Products: []string{""}})},
		{ReasonInteractiveEntryRepeated, validatetest.ListOf(schemas.InteractiveSection{Rows: []schemas.InteractiveRow{validatetest.RowOf("a"), validatetest.RowOf("a")}})},
		{ReasonInteractiveEntryIncomplete, validatetest.ListOf(schemas.InteractiveSection{Rows: []schemas.InteractiveRow{{ID: "a"}}})},
		{ReasonInteractiveButtonTitleTooLong, schemas.Interactive{Type: "list", Body: "b", ListButton: x("l", 21),
			Sections: []schemas.InteractiveSection{{Rows: []schemas.InteractiveRow{validatetest.RowOf("a")}}}}},
		{ReasonTemplateParameterEmpty, validatetest.TemplateOf(validatetest.ButtonOf("flow", "0", "action", ""))},
		{ReasonInteractiveEntryRepeated, validatetest.ButtonsOf(validatetest.Yes(), schemas.InteractiveButton{ID: "n", Title: "Yes"})},
		{ReasonInteractiveInvalidHeader, validatetest.WithHeader(schemas.InteractiveHeader{Media: &schemas.Media{Kind: schemas.Audio, ID: "1"}})},
		{ReasonInteractiveInvalidHeader, validatetest.WithHeader(schemas.InteractiveHeader{Text: "x", Media: &schemas.Media{Kind: schemas.Image, ID: "1"}})},
		{ReasonMediaSource, validatetest.WithHeader(schemas.InteractiveHeader{Media: &schemas.Media{Kind: schemas.Image}})},
		{ReasonInteractiveButtonTitleTooLong, validatetest.CtaOf(`{"display_text":"` + x("x", 21) + `","url":"https://example.com"}`)},
		{ReasonInteractiveInvalidParameters, validatetest.CtaOf(`{"display_text":"a","url":"javascript:x"}`)},
		{ReasonInteractiveInvalidParameters, validatetest.CtaOf(`{"display_text":1,"url":"https://example.com"}`)},
		{ReasonInteractiveInvalidParameters, schemas.Interactive{Type: "flow", Body: "b", ActionName: "flow", ParametersJSON: `{"flow_cta":"a"}`}},
		{ReasonInteractiveInvalidParameters, schemas.Interactive{Type: "flow", Body: "b", ActionName: "flow", ParametersJSON: `{"flow_id":"1","flow_cta":"a"}`}},
		{ReasonInteractiveInvalidParameters, schemas.Interactive{Type: "catalog_message", Body: "b", ActionName: "catalog_message", ParametersJSON: "[]"}},
		{ReasonRawInvalidType, schemas.Raw{Type: x("r", 65), JSON: "{}"}},
		{ReasonRawInvalidType, schemas.Raw{JSON: "{}"}},
		{ReasonRawReservedType, schemas.Raw{Type: "biz_opaque_callback_data", JSON: "{}"}},
		{ReasonRawInvalidJSON, schemas.Raw{Type: "order", JSON: "{} {}"}},
		{ReasonRawInvalidJSON, schemas.Raw{Type: "order", JSON: x("[", 60000)}},
	} {
		if reason := reasonOf(newStage(), requestOf(c.content)); reason != c.reason {
			t.Errorf("%T: rejected for %q, want %s", c.content, reason, c.reason)
		}
	}
}

// Goal: a payload is accepted up to 64 KiB encoded and names the class it falls into. Method: grow a Raw byte by byte
// over each border and compare with the length of Plain.
func TestSizeClassIsTheSmallestThatHoldsThePayload(t *testing.T) {
	t.Parallel()
	s := newStage()
	step := func(n int) ([]Accepted, error) {
		return s.Step(requestOf(schemas.Raw{Type: "order", JSON: `{"a":"` + strings.Repeat("x", n) + `"}`}))
	}
	one, err := step(9000)
	if err != nil {
		t.Fatal(err)
	}
	overhead := len(one[0].Plain) - 9000 // with the longest length prefix of a string under 64 KiB
	for i, c := range sizeClasses {
		if c.bytes <= overhead {
			continue
		}
		for n := c.bytes - overhead - 3; n <= c.bytes-overhead+4; n++ {
			out, err := step(n)
			want := c.name
			if err == nil && len(out[0].Plain) > c.bytes {
				want = sizeClasses[min(i+1, len(sizeClasses)-1)].name
			}
			switch {
			case err != nil && (n <= c.bytes-overhead || i < len(sizeClasses)-1):
				t.Errorf("%d bytes: %v", n, err)
			case err == nil && (len(out[0].Plain) > 64<<10 || out[0].Validated.SizeClass != want):
				t.Errorf("payload of %d bytes is of class %s, want %s", len(out[0].Plain), out[0].Validated.SizeClass, want)
			}
		}
	}
}
