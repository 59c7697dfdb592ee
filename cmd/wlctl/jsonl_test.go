package main

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/schemas"
)

const lineHead = `{"message_id":"01JD3Z8Q4Y5W6V7T8S9R0QPNMK","tenant_id":"acme-shop","recipient":{"phone":"+4915112345678"},"category":"utility","content":`

// Goal: every kind of content can be written as a line, under its Avro names, and survives the wire. Method: a line of
// each branch, against the value written in Go, through the codec.
func TestEveryKindOfContentIsReadFromALine(t *testing.T) {
	for line, want := range map[string]schemas.Content{
		`{"text":{"body":"hi","preview_url":true}}`:                    schemas.Text{Body: "hi", PreviewURL: true},
		`{"media":{"kind":"image","id":"1","caption":"c"}}`:            schemas.Media{Kind: schemas.Image, ID: "1", Caption: "c"},
		`{"location":{"latitude":52.5,"longitude":-13.25,"name":"B"}}`: schemas.Location{Latitude: 52.5, Longitude: -13.25, Name: "B"},
		`{"reaction":{"message_id":"wamid.A","emoji":"x"}}`:            schemas.Reaction{MessageID: "wamid.A", Emoji: "x"},
		`{"raw":{"type":"order","json":"{}"}}`:                         schemas.Raw{Type: "order", JSON: "{}"},
		`{"interactive":{"type":"button","body":"b","buttons":[{"id":"y","title":"Yes"}]}}`: schemas.Interactive{Type: "button", Body: "b",
			Buttons: []schemas.InteractiveButton{{ID: "y", Title: "Yes"}}},
		`{"template":{"name":"n","language":"en","components":[{"type":"body","parameters":[{"type":"text","text":"t"}]}]}}`: schemas.Template{Name: "n", Language: "en",
			Components: []schemas.TemplateComponent{{Type: "body", Parameters: []schemas.TemplateParameter{{Type: "text", Text: "t"}}}}},
		`{"contacts":{"contacts":[{"name":{"formatted_name":"Ada L","first_name":"Ada"},"phones":[{"phone":"+1"}]}]}}`: schemas.Contacts{
			Contacts: []schemas.Contact{{Name: schemas.ContactName{FormattedName: "Ada L", FirstName: "Ada"}, Phones: []schemas.ContactPhone{{Phone: "+1"}}}}},
	} {
		r, err := parseRequest([]byte(lineHead + line + `,"created_at":"2026-11-20T09:00:00Z","expires_at":1795166990000,"labels":{"team":"north"}}`))
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if !reflect.DeepEqual(r.Content, want) {
			t.Errorf("%s: read as %#v", line, r.Content)
		}
		if r.Labels["team"] != "north" || r.ExpiresAt.UnixMilli() != 1795166990000 || !r.CreatedAt.Equal(time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)) {
			t.Errorf("%s: labels %v, times %v %v", line, r.Labels, r.CreatedAt, r.ExpiresAt)
		}
		value, err := schemas.MessageRequests.Encode(&r)
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		if _, err := schemas.MessageRequests.Decode(value); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	if len(branches) != 8 {
		t.Errorf("%d branches: give the new one a line above", len(branches))
	}
}

// Goal: a mistake is refused by the name of its field, and no value is ever quoted. Method: a canary in each place.
func TestBadLinesAreRefusedByFieldAndNeverQuoted(t *testing.T) {
	const canary = "CANARY4915112345678"
	for line, names := range map[string]string{
		canary:                  "JSON object",
		`"` + canary + `"`:      "JSON object",
		`null`:                  "JSON object",
		`[` + lineHead + `{}}]`: "JSON object",
		`{"` + canary + `":1}`:  "field",
		lineHead + `{"text":{"body":"a"}}} {"tenant_id":"` + canary + `"}`:    "more than one",
		lineHead + `{"text":{"body":"a"}}} ` + canary:                         "more than one",
		lineHead + `{"text":{"body":7}}}`:                                     "content.text.body",
		lineHead + `{"text":{"` + canary + `":"a"}}}`:                         "content.text",
		lineHead + `{"text":{"body":"a","preview_url":"` + canary + `"}}}`:    "content.text.preview_url",
		lineHead + `{"` + canary + `":{}}}`:                                   "content",
		lineHead + `{"text":{"body":"a"},"raw":{}}}`:                          "content",
		lineHead + `"` + canary + `"}`:                                        "content",
		lineHead + `{"location":{"latitude":"` + canary + `"}}}`:              "content.location.latitude",
		lineHead + `{"contacts":{"contacts":[{"phones":"` + canary + `"}]}}}`: "content.contacts.contacts[0].phones",
		`{"recipient":"` + canary + `"}`:                                      "recipient",
		`{"recipient":{"phone":4915112345678}}`:                               "recipient.phone",
		`{"created_at":"` + canary + `"}`:                                     "created_at",
		`{"expires_at":-4915112345678}`:                                       "expires_at",
		`{"labels":{"` + canary + `":4915112345678}}`:                         "labels",
	} {
		_, err := parseRequest([]byte(line))
		switch {
		case err == nil:
			t.Errorf("%s: accepted", line)
		case strings.Contains(err.Error(), "CANARY") || strings.Contains(err.Error(), "4915112345678"):
			t.Errorf("%s: quoted in %q", line, err)
		case !strings.Contains(err.Error(), names):
			t.Errorf("%s: %q does not name %s", line, err, names)
		}
	}
}

// Goal: what custody shows prints under Avro names, empty fields left out. Method: a payload with parts of each kind.
func TestPlainPrintsUnderAvroNames(t *testing.T) {
	var b strings.Builder
	err := printShown(&b, shown{
		Payload:     schemas.Payload{Recipient: schemas.Recipient{Phone: "+49"}, Content: schemas.Text{Body: "<hi>"}},
		Diagnostics: &schemas.Diagnostics{HTTPStatus: 200},
	})
	got := strings.Join(strings.Fields(b.String()), "")
	if want := `{"content":{"body":"<hi>"},"content_type":"text","diagnostics":{"http_status":200},"recipient":{"phone":"+49"}}`; err != nil || got != want {
		t.Errorf("%v\n%s\n%s", err, got, want)
	}
}
