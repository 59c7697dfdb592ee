package simulator

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
)

func TestValidMessagesAreAccepted(t *testing.T) {
	// Goal: the rules refuse nothing that is documented. Method: one message of every type and at every limit.
	long := strings.Repeat
	for name, body := range map[string]string{
		"text at the limit": typed("text", `{"body":"`+long("x", 4096)+`","preview_url":true}`),
		"text to a user id": `{"messaging_product":"whatsapp","recipient":"US.13491208655302741918","type":"text","text":{"body":"x"}}`,
		"to wins":           `{"messaging_product":"whatsapp","to":"+16505551234","recipient":"bad","type":"text","text":{"body":"x"}}`,
		"number in a form":  `{"messaging_product":"whatsapp","to":"+1 (650) 555-1234","type":"text","text":{"body":"x"}}`,
		"reply":             `{"messaging_product":"whatsapp","to":"+16505551234","context":{"message_id":"wamid.X"},"type":"text","text":{"body":"x"}}`,
		"image by link":     typed("image", `{"link":"https://example.com/a.jpg","caption":"`+long("x", 1024)+`"}`),
		"voice":             typed("audio", `{"id":"1","voice":true}`),
		"document":          typed("document", `{"id":"1","filename":"a.pdf","caption":"c"}`),
		"sticker":           typed("sticker", `{"id":"1"}`),
		"location":          typed("location", `{"latitude":37.48,"longitude":"-122.14","name":"n"}`),
		"contacts":          typed("contacts", `[{"name":{"formatted_name":"A B","first_name":"A"},"phones":[]}]`),
		"reaction removed":  typed("reaction", `{"message_id":"wamid.X","emoji":""}`),
		"template":          typed("template", `{"name":"hello_world","language":{"code":"en_US"}}`),
		"template with all parameters": typed("template", `{"name":"t","language":{"code":"de"},"components":[
			{"type":"header","parameters":[{"type":"image","image":{"link":"https://example.com/a"}}]},
			{"type":"body","parameters":[{"type":"text","parameter_name":"a","text":"x    y"},{"type":"currency","currency":{"fallback_value":"$1","code":"USD","amount_1000":1000}},{"type":"date_time","date_time":{"fallback_value":"now"}}]},
			{"type":"button","sub_type":"quick_reply","index":0,"parameters":[{"type":"payload","payload":"p"}]},
			{"type":"button","sub_type":"url","index":"1","parameters":[{"type":"text","text":"123456"}]},
			{"type":"button","sub_type":"copy_code","index":"2","parameters":[{"type":"coupon_code","coupon_code":"C"}]},
			{"type":"button","sub_type":"flow","index":"3","parameters":[{"type":"action","action":{"flow_token":"t"}}]}]}`),
		"buttons":          typed("interactive", `{"type":"button","body":{"text":"b"},"header":{"type":"image","image":{"id":"1"}},"footer":{"text":"f"},"action":{"buttons":[{"type":"reply","reply":{"id":"1","title":"a"}},{"type":"reply","reply":{"id":"2","title":"b"}}]}}`),
		"list":             typed("interactive", `{"type":"list","body":{"text":"b"},"header":{"type":"text","text":"h"},"action":{"button":"go","sections":[{"rows":[{"id":"1","title":"a","description":"d"}]}]}}`),
		"cta":              typed("interactive", `{"type":"cta_url","body":{"text":"b"},"action":{"name":"cta_url","parameters":{"display_text":"go","url":"https://example.com"}}}`),
		"flow":             typed("interactive", `{"type":"flow","body":{"text":"b"},"action":{"name":"flow","parameters":{"flow_message_version":"3","flow_id":"1","flow_cta":"go"}}}`),
		"product":          typed("interactive", `{"type":"product","action":{"catalog_id":"1","product_retailer_id":"2"}}`),
		"products":         typed("interactive", `{"type":"product_list","header":{"type":"text","text":"h"},"body":{"text":"b"},"action":{"catalog_id":"1","sections":[{"title":"s","product_items":[{"product_retailer_id":"2"}]}]}}`),
		"catalog":          typed("interactive", `{"type":"catalog_message","body":{"text":"b"},"action":{"name":"catalog_message"}}`),
		"location request": typed("interactive", `{"type":"location_request_message","body":{"text":"b"},"action":{"name":"send_location"}}`),
	} {
		s := New(config())
		if a := send(s, body); a.status != http.StatusOK || a.wamid == "" {
			t.Errorf("%s: %+v", name, a)
		}
		if c := s.Counts(); c.Accepted != 1 || len(c.Violations) > 0 {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

func TestEveryRuleRefusesItsBadExample(t *testing.T) {
	// Goal: each documented rule is held, with Meta's code, and counted. Method: a table of messages that break one rule each.
	long := strings.Repeat
	envelope := func(parts string) string {
		return `{"messaging_product":"whatsapp",` + parts + `,"type":"text","text":{"body":"x"}}`
	}
	template := func(parameter string) string {
		return typed("template", `{"name":"t","language":{"code":"en"},"components":[{"type":"body","parameters":[`+parameter+`]}]}`)
	}
	buttons := func(list string) string {
		return typed("interactive", `{"type":"button","body":{"text":"b"},"action":{"buttons":[`+list+`]}}`)
	}
	button := `{"type":"reply","reply":{"id":"%d","title":"%[1]d"}}`
	rows := func(n int) string {
		all := make([]string, n)
		for i := range all {
			all[i] = fmt.Sprintf(`{"id":"%d","title":"t"}`, i)
		}
		return typed("interactive", `{"type":"list","body":{"text":"b"},"action":{"button":"go","sections":[{"rows":[`+strings.Join(all, ",")+`]}]}}`)
	}
	for _, c := range []struct {
		code   int
		reason string
		body   string
	}{
		{100, "not_json", `{"messaging_product"`},
		{100, "not_json", `[]`},
		{100, "not_json", text(to, "") + "{}"},
		{100, "messaging_product", `{"to":"+16505551234","type":"text","text":{"body":"x"}}`},
		{131009, "recipient_type", envelope(`"to":"+16505551234","recipient_type":"group"`)},
		{131008, "missing to", envelope(`"recipient_type":"individual"`)},
		{131009, "to", envelope(`"to":"16505551234"`)},
		{131009, "to", envelope(`"to":"+0650555123"`)},
		{131009, "to", envelope(`"to":"+1650555123412345"`)},
		{131009, "recipient", envelope(`"recipient":"usa.1"`)},
		{131008, "missing type", `{"messaging_product":"whatsapp","to":"+16505551234","text":{"body":"x"}}`},
		{100, "ttl_seconds", envelope(`"to":"+16505551234","ttl_seconds":60`)},
		{100, "category", envelope(`"to":"+16505551234","category":"utility"`)},
		{131008, "missing context.message_id", envelope(`"to":"+16505551234","context":{}`)},
		{100, "callback_data", envelope(`"to":"+16505551234","biz_opaque_callback_data":"` + long("x", 513) + `"`)},
		{100, "callback_data", envelope(`"to":"+16505551234","biz_opaque_callback_data":7`)},
		{131051, "type", typed("fax", `{"a":1}`)},
		{131008, "missing text", typed("text", `"x"`)},
		{131008, "missing text.body", typed("text", `{}`)},
		{100, "text.body length", typed("text", `{"body":"`+long("x", 4097)+`"}`)},
		{100, "text.body length", typed("text", `{"body":"`+long("😀", 2049)+`"}`)},
		{131008, "missing image id or link", typed("image", `{"caption":"c"}`)},
		{131008, "missing image id or link", typed("image", `{"id":"1","link":"https://example.com"}`)},
		{131009, "image.link", typed("image", `{"link":"file:///etc/passwd"}`)},
		{100, "image.caption length", typed("image", `{"id":"1","caption":"`+long("x", 1025)+`"}`)},
		{100, "audio.caption", typed("audio", `{"id":"1","caption":"c"}`)},
		{100, "video.filename", typed("video", `{"id":"1","filename":"c"}`)},
		{100, "image.voice", typed("image", `{"id":"1","voice":true}`)},
		{131008, "missing location.longitude", typed("location", `{"latitude":1}`)},
		{131009, "location.latitude", typed("location", `{"latitude":90.1,"longitude":1}`)},
		{131009, "location.longitude", typed("location", `{"latitude":1,"longitude":"NaN"}`)},
		{131008, "missing contacts", typed("contacts", `[]`)},
		{100, "contacts length", typed("contacts", `[`+long(`{},`, 257)+`{}]`)},
		{131008, "missing contacts.name.formatted_name", typed("contacts", `[{"name":{"first_name":"A"}}]`)},
		{131008, "missing contacts.name part besides formatted_name", typed("contacts", `[{"name":{"formatted_name":"A"}}]`)},
		{131008, "missing reaction.emoji", typed("reaction", `{"message_id":"wamid.X"}`)},
		{131008, "missing reaction.message_id", typed("reaction", `{"emoji":"x"}`)},
		{131009, "context", `{"messaging_product":"whatsapp","to":"` + to + `","type":"reaction","reaction":{"message_id":"wamid.X","emoji":"x"},"context":{"message_id":"wamid.Y"}}`},
		{131008, "missing template.name", typed("template", `{"language":{"code":"en"}}`)},
		{131008, "missing template.language.code", typed("template", `{"name":"t"}`)},
		{132001, "template unknown", typed("template", `{"name":"Bad Name","language":{"code":"en"}}`)},
		{132001, "template unknown", typed("template", `{"name":"t","language":{"code":"en-US"}}`)},
		{132005, "template parameter length", typed("template", `{"name":"t","language":{"code":"en"},"components":[{"type":"body","parameters":[{"type":"text","text":"`+long("x", 1000)+`"},{"type":"text","text":"`+long("x", 25)+`"}]}]}`)},
		{131008, "missing template component type", typed("template", `{"name":"t","language":{"code":"en"},"components":[{}]}`)},
		{131009, "template component type", typed("template", `{"name":"t","language":{"code":"en"},"components":[{"type":"footer"}]}`)},
		{131008, "missing template button sub_type", typed("template", `{"name":"t","language":{"code":"en"},"components":[{"type":"button","index":0}]}`)},
		{131009, "template button index", typed("template", `{"name":"t","language":{"code":"en"},"components":[{"type":"button","sub_type":"url","index":"10"}]}`)},
		{131008, "missing template parameter type", template(`{"text":"x"}`)},
		{131008, "missing template parameter text", template(`{"type":"text"}`)},
		{132018, "template parameter text", template(`{"type":"text","text":"a\nb"}`)},
		{132018, "template parameter text", template(`{"type":"text","text":"a\tb"}`)},
		{132018, "template parameter text", template(`{"type":"text","text":"a     b"}`)},
		{132005, "template parameter length", template(`{"type":"text","text":"` + long("x", 1025) + `"}`)},
		{132012, "template parameter format", template(`{"type":"currency","currency":"1"}`)},
		{132012, "template parameter format", template(`{"type":"currency","currency":{"code":"USD"}}`)},
		{132012, "template parameter format", template(`{"type":"colour","colour":{}}`)},
		{131008, "missing image id or link", template(`{"type":"image","image":{}}`)},
		{100, "template parameter coupon_code length", template(`{"type":"coupon_code","coupon_code":"` + long("x", 21) + `"}`)},
		{131008, "missing interactive.type", typed("interactive", `{}`)},
		{131008, "missing interactive.action", typed("interactive", `{"type":"button"}`)},
		{131009, "interactive.type", typed("interactive", `{"type":"hologram","action":{}}`)},
		{131009, "interactive buttons", buttons("")},
		{131009, "interactive buttons", buttons(fmt.Sprintf(button+","+button+","+button+","+button, 1, 2, 3, 4))},
		{131009, "interactive button titles", buttons(`{"type":"reply","reply":{"id":"1","title":"a"}},{"type":"reply","reply":{"id":"2","title":"a"}}`)},
		{131009, "interactive button type", buttons(`{"reply":{"id":"1","title":"a"}}`)},
		{100, "interactive button title length", buttons(`{"type":"reply","reply":{"id":"1","title":"` + long("x", 21) + `"}}`)},
		{100, "interactive button id length", buttons(`{"type":"reply","reply":{"id":"` + long("x", 257) + `","title":"a"}}`)},
		{131008, "missing interactive.body", typed("interactive", `{"type":"location_request_message","action":{"name":"send_location"}}`)},
		{100, "interactive.body length", typed("interactive", `{"type":"location_request_message","body":{"text":"`+long("x", 1025)+`"},"action":{"name":"send_location"}}`)},
		{100, "interactive.footer length", typed("interactive", `{"type":"location_request_message","body":{"text":"x"},"footer":{"text":"`+long("x", 61)+`"},"action":{"name":"send_location"}}`)},
		{131009, "interactive action name", typed("interactive", `{"type":"location_request_message","body":{"text":"x"},"action":{"name":"x"}}`)},
		{131009, "interactive rows", rows(0)},
		{131009, "interactive rows", rows(11)},
		{131009, "interactive sections", typed("interactive", `{"type":"list","body":{"text":"b"},"action":{"button":"go"}}`)},
		{131008, "missing interactive list button", typed("interactive", `{"type":"list","body":{"text":"b"},"action":{"sections":[{"rows":[]}]}}`)},
		{131008, "missing interactive section title", typed("interactive", `{"type":"list","body":{"text":"b"},"action":{"button":"go","sections":[{"rows":[]},{"rows":[]}]}}`)},
		{100, "interactive row title length", typed("interactive", `{"type":"list","body":{"text":"b"},"action":{"button":"go","sections":[{"rows":[{"id":"1","title":"`+long("x", 25)+`"}]}]}}`)},
		{131008, "missing interactive url", typed("interactive", `{"type":"cta_url","body":{"text":"b"},"action":{"name":"cta_url","parameters":{"display_text":"go"}}}`)},
		{131009, "interactive flow", typed("interactive", `{"type":"flow","body":{"text":"b"},"action":{"name":"flow","parameters":{}}}`)},
		{100, "interactive.header", typed("interactive", `{"type":"product","header":{"type":"text","text":"h"},"action":{"catalog_id":"1","product_retailer_id":"2"}}`)},
		{131008, "missing interactive.header", typed("interactive", `{"type":"product_list","body":{"text":"b"},"action":{"catalog_id":"1"}}`)},
		{131009, "interactive.header", typed("interactive", `{"type":"list","body":{"text":"b"},"header":{"type":"image","image":{"id":"1"}},"action":{"button":"go","sections":[{"rows":[{"id":"1","title":"a"}]}]}}`)},
		{100, "interactive.header length", typed("interactive", `{"type":"location_request_message","header":{"type":"text","text":"`+long("x", 61)+`"},"body":{"text":"x"},"action":{"name":"send_location"}}`)},
	} {
		s := New(config())
		a := send(s, c.body)
		if a.code != c.code || a.status < 400 {
			t.Errorf("%s: %+v, want code %d", c.reason, a, c.code)
		}
		if counts := s.Counts(); counts.Violations[c.reason] != 1 || counts.Accepted != 0 {
			t.Errorf("%s: %v accepted %d", c.reason, counts.Violations, counts.Accepted)
		}
	}
}

func TestRegisteredTemplatesAreHeld(t *testing.T) {
	// Goal: with templates registered, a message must name one and fit it. Method: one good and each bad message.
	c := config()
	c.Templates = map[TemplateName]Template{{"otp", "en_US"}: {BodyParameters: 1, Authentication: true}}
	body := func(address, language, parameters string) string {
		return fmt.Sprintf(`{"messaging_product":"whatsapp",%s,"type":"template","template":{"name":"otp","language":{"code":%q},"components":[{"type":"body","parameters":[%s]}]}}`,
			address, language, parameters)
	}
	one, phone := `{"type":"text","text":"123456"}`, `"to":"+16505551234"`
	for want, b := range map[int]string{
		0: body(phone, "en_US", one), 132001: body(phone, "de", one), 132000: body(phone, "en_US", one+","+one), 131062: body(`"recipient":"US.1"`, "en_US", one),
	} {
		if a := send(New(c), b); a.code != want {
			t.Errorf("%+v, want code %d", a, want)
		}
	}
}

func TestCredentialsAndPathAreHeld(t *testing.T) {
	// Goal: token, sender id, version, content type and method are checked. Method: a good request with one thing changed.
	for name, c := range map[string]struct {
		change       func(*http.Request)
		status, code int
	}{
		"no token":         {func(r *http.Request) { r.Header.Del("Authorization") }, 403, 200},
		"not a bearer":     {func(r *http.Request) { r.Header.Set("Authorization", token) }, 401, 0},
		"a wrong token":    {func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, 401, 190},
		"an empty token":   {func(r *http.Request) { r.Header.Set("Authorization", "Bearer ") }, 401, 190},
		"another's token":  {func(r *http.Request) { r.Header.Set("Authorization", "Bearer EAAG-other") }, 403, 200},
		"unknown sender":   {func(r *http.Request) { r.URL.Path = "/v26.0/999/messages" }, 400, 100},
		"no version":       {func(r *http.Request) { r.URL.Path = "/" + sender + "/messages" }, 400, 100},
		"expired version":  {func(r *http.Request) { r.URL.Path = "/v20.0/" + sender + "/messages" }, 400, 100},
		"a form":           {func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") }, 400, 100},
		"wrong method":     {func(r *http.Request) { r.Method = http.MethodGet }, 400, 100},
		"empty body":       {func(r *http.Request) { r.Body = http.NoBody }, 400, 100},
		"charset is given": {func(r *http.Request) { r.Header.Set("Content-Type", "application/json; charset=utf-8") }, 200, 0},
	} {
		r := wellFormed(text(to, data("m", 1)))
		c.change(r)
		s := New(config())
		if a := do(s, r); a.status != c.status || a.code != c.code {
			t.Errorf("%s: %+v, want %d with code %d", name, a, c.status, c.code)
		}
		if violations := s.Counts().Violations; (len(violations) == 0) != (c.status == 200) {
			t.Errorf("%s: violations %v", name, violations)
		}
	}
}

func TestAcceptanceHasMetasShape(t *testing.T) {
	// Goal: the answer has the documented parts; the wamid contains the number, as Meta's do. Method: sends to numbers whose
	// WhatsApp id differs, and to a user id.
	s := New(config())
	for number, id := range map[string]string{
		"+16505551234": "16505551234", "+525512345678": "5215512345678", "+5531987654321": "553187654321", "+5511987654321": "5511987654321",
	} {
		a := send(s, text(number, data("m"+number, 1)))
		raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(a.wamid, "wamid."))
		if err != nil || !strings.Contains(string(raw), id) || !strings.HasPrefix(a.wamid, "wamid.HBg") {
			t.Errorf("%s: wamid decodes to %q, %v", number, raw, err)
		}
		if want := fmt.Sprintf(`{"contacts":[{"input":%q,"wa_id":%q}],"messages":[{"id":%q}],"messaging_product":"whatsapp"}`, number, id, a.wamid); strings.TrimSpace(a.body) != want {
			t.Errorf("%s, want %s", a.body, want)
		}
	}
	a := send(s, `{"messaging_product":"whatsapp","recipient":"US.1","type":"template","template":{"name":"t","language":{"code":"en"}}}`)
	if !strings.Contains(a.body, `"user_id":"US.1"`) || strings.Contains(a.body, "wa_id") || !strings.Contains(a.body, `"message_status":"accepted"`) {
		t.Errorf("user id: %s", a.body)
	}
}

// Goal: a request whose sender died while it wrote is none, and one that is too large is refused. Method: a body that breaks
// off, and one above the bound.
func TestBrokenOffIsNoRequestAndTooLargeIsRefused(t *testing.T) {
	s := New(config())
	broken := wellFormed("")
	broken.Body = io.NopCloser(io.MultiReader(strings.NewReader(`{"messaging_product":`), iotest.ErrReader(io.ErrUnexpectedEOF)))
	if a := do(s, broken); !a.aborted {
		t.Errorf("a request that broke off was answered with %d", a.status)
	}
	if c := s.Counts(); c.Posted != 0 || len(c.Violations) != 0 {
		t.Errorf("it is counted: %+v", c)
	}
	if a := send(s, typed("text", `{"body":"`+strings.Repeat("x", maxBody)+`"}`)); a.status != http.StatusBadRequest || a.code != 100 {
		t.Errorf("a body above the bound was answered with %d, code %d", a.status, a.code)
	}
	if c := s.Counts(); c.Violations["body_size"] != 1 {
		t.Errorf("violations %v", c.Violations)
	}
}
