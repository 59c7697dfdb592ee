// Package validatetest holds the smallest bad example for each reason of validate's closed list: golden cases for its
// tests, planted records for the demo. Reasons stand as words, so that a renamed constant shows.
//
// It imports schemas only.
package validatetest

import (
	"slices"
	"strconv"
	"strings"

	"github.com/whatsapplink/cloud/schemas"
)

// Good is a request that passes: of tenant "acme-shop", which must have declared the label key "team".
func Good(messageID, phone string) schemas.MessageRequest {
	return schemas.MessageRequest{
		MessageID: messageID, TenantID: "acme-shop", Recipient: schemas.Recipient{Phone: phone}, Category: schemas.Utility,
		Content: schemas.Text{Body: "Your parcel is on its way."},
	}
}

// Tenants are those that some bad requests name, made after a good one: suspended, closed, and for one country only.
// Each has a sender of its own, since a number belongs to one tenant.
func Tenants(good schemas.Tenant) []schemas.Tenant {
	sleepy, gone, local := good, good, good
	sleepy.TenantID, sleepy.Status = "sleepy", "suspended"
	gone.TenantID, gone.Status = "gone", "closed"
	local.TenantID, local.AllowedCountries = "local", []string{"FR"}
	all := []schemas.Tenant{sleepy, gone, local}
	for i := range all {
		id := strconv.Itoa(900 + i)
		all[i].Senders = []schemas.Sender{{PhoneNumberID: id, WABA: id, Region: good.Region}}
	}
	return all
}

// Requests are the smallest bad requests, by the reason for which they are rejected: good (with CreatedAt set), changed
// in one thing. opted_out takes an objection of good's recipient to marketing. Unencodable lists those that no codec
// writes.
func Requests(good schemas.MessageRequest) map[string]schemas.MessageRequest {
	all := map[string]schemas.MessageRequest{}
	for reason, change := range envelopes {
		r := good
		change(&r)
		all[reason] = r
	}
	for reason, content := range Contents {
		r := good
		r.Content = content
		all[reason] = r
	}
	for reason, content := range oneTimePasswords {
		r := good
		r.Category, r.Content = schemas.Authentication, content
		all[reason] = r
	}
	return all
}

// Unencodable are the reasons whose bad request does not fit the schema, so that it cannot come from a producer.
var Unencodable = []string{"unknown_category", "no_content", "media_unknown_kind"}

// oneTimePasswords are bad contents of an authentication message.
var oneTimePasswords = map[string]schemas.Content{
	"otp_too_long":  otpOf("1234567890123456"),
	"otp_not_plain": otpOf("12👍34"),
	"otp_not_text":  TemplateOf(ComponentOf("header", schemas.TemplateParameter{Type: "image", Media: &schemas.Media{Kind: schemas.Image, ID: "1"}})),
}

func otpOf(code string) schemas.Template {
	return TemplateOf(BodyOf(code), ButtonOf("url", "0", "text", code))
}

// Values are the smallest bad values, by the reason for which the codec refuses them, made from the encoding of a good
// request. incompatible_schema is not among them: it takes a registry.
func Values(good []byte) map[string][]byte {
	changed := func(i int, b ...byte) []byte {
		c := slices.Clone(good)
		copy(c[i:], b)
		return c
	}
	return map[string][]byte{
		"empty":            {},
		"too_large":        make([]byte, schemas.MaxValue+1),
		"unknown_encoding": []byte("{}"),
		"unknown_schema":   changed(2, 0),
		"undecodable":      good[:len(good)-1],
		"invalid_utf8":     changed(strings.Index(string(good), "parcel"), 0xff, 0xff),
	}
}

const wamid = "wamid.HBgLMTY0NjcwNDM1OTUVAgARGBI5QTNDQTVCM0Q0Q0Q2RTY3RTcA"
