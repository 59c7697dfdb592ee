package deliver

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/whatsapplink/cloud/schemas"
)

// errUnrenderable says no more than that: the encoder's errors quote content.
var errUnrenderable = errors.New("content cannot be put in the cloud api's form")

// envelope holds the names that a raw type must not take: it would address the message to somebody else.
var envelope = map[string]bool{
	"messaging_product": true, "recipient_type": true, "to": true, "recipient": true, "type": true, "context": true,
	"biz_opaque_callback_data": true, "recipient_identity_key_hash": true, "category": true, "ttl_seconds": true, "": true,
}

type object = map[string]any

// Render puts a payload in the form of POST /{phone-number-id}/messages. `to` carries the phone with its plus, without
// which Meta prepends the sender's country; `recipient` stands in only where no phone is known. Lengths and patterns are
// validate's to hold.
func Render(p schemas.Payload, callback schemas.CallbackData) ([]byte, error) {
	var body any
	if p.Content == nil {
		return nil, errUnrenderable
	}
	kind := p.Content.ContentType()
	switch c := p.Content.(type) {
	case schemas.Text:
		body = object{"body": c.Body, "preview_url": c.PreviewURL}
	case schemas.Media:
		body = media(&c)
	case schemas.Location:
		body = location(&c)
	case schemas.Contacts:
		body = contacts(&c)
	case schemas.Reaction:
		body = object{"message_id": c.MessageID, "emoji": c.Emoji}
	case schemas.Template:
		body = template(&c)
	case schemas.Interactive:
		body = interactive(&c)
	case schemas.Raw:
		kind, body = c.Type, json.RawMessage(c.JSON)
	}
	if body == nil || envelope[kind] {
		return nil, errUnrenderable
	}
	message := object{
		"messaging_product": "whatsapp", "recipient_type": "individual", "type": kind, kind: body,
		"biz_opaque_callback_data": callback.String(),
	}
	switch {
	case p.Recipient.Phone != "":
		message["to"] = p.Recipient.Phone
	case p.Recipient.UserID != "":
		message["recipient"] = p.Recipient.UserID
	default:
		return nil, errUnrenderable
	}
	if p.ReplyTo != "" {
		message["context"] = object{"message_id": p.ReplyTo}
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(message) != nil {
		return nil, errUnrenderable
	}
	return bytes.TrimRight(out.Bytes(), "\n"), nil
}

// fill adds the pairs whose value is not empty.
func fill(o object, pairs ...string) object {
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			o[pairs[i]] = pairs[i+1]
		}
	}
	return o
}

func media(m *schemas.Media) object {
	o := fill(object{}, "id", m.ID, "link", m.Link, "caption", m.Caption, "filename", m.Filename)
	if m.Voice {
		o["voice"] = true
	}
	return o
}

func location(l *schemas.Location) object {
	return fill(object{"latitude": l.Latitude, "longitude": l.Longitude}, "name", l.Name, "address", l.Address)
}

func contacts(c *schemas.Contacts) []object {
	cards := make([]object, len(c.Contacts))
	for i := range c.Contacts {
		cards[i] = contact(&c.Contacts[i])
	}
	return cards
}

func contact(c *schemas.Contact) object {
	o := fill(object{"name": fill(object{"formatted_name": c.Name.FormattedName},
		"first_name", c.Name.FirstName, "last_name", c.Name.LastName, "middle_name", c.Name.MiddleName,
		"suffix", c.Name.Suffix, "prefix", c.Name.Prefix)}, "birthday", c.Birthday)
	list(o, "phones", c.Phones, func(p schemas.ContactPhone) object {
		return fill(object{"phone": p.Phone}, "type", p.Type, "wa_id", p.WaID)
	})
	list(o, "emails", c.Emails, func(e schemas.ContactEmail) object {
		return fill(object{"email": e.Email}, "type", e.Type)
	})
	list(o, "addresses", c.Addresses, func(a schemas.ContactAddress) object {
		return fill(object{}, "street", a.Street, "city", a.City, "state", a.State, "zip", a.Zip,
			"country", a.Country, "country_code", a.CountryCode, "type", a.Type)
	})
	list(o, "urls", c.URLs, func(u schemas.ContactURL) object {
		return fill(object{"url": u.URL}, "type", u.Type)
	})
	if c.Org != nil {
		o["org"] = fill(object{"company": c.Org.Company}, "department", c.Org.Department, "title", c.Org.Title)
	}
	return o
}

// list puts items under name, if there are any.
func list[T any](o object, name string, items []T, render func(T) object) {
	if len(items) == 0 {
		return
	}
	all := make([]object, len(items))
	for i, item := range items {
		all[i] = render(item)
	}
	o[name] = all
}
