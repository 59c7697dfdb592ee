package validatetest

import "github.com/whatsapplink/cloud/schemas"

// envelopes change a good request into the smallest bad one, by the reason for which it is rejected: all but content.
var envelopes = map[string]func(*schemas.MessageRequest){
	"invalid_tenant_id":  func(r *schemas.MessageRequest) { r.TenantID = "acme1234567" },
	"unknown_tenant":     func(r *schemas.MessageRequest) { r.TenantID = "nobody" },
	"tenant_suspended":   func(r *schemas.MessageRequest) { r.TenantID = "sleepy" },
	"tenant_closed":      func(r *schemas.MessageRequest) { r.TenantID = "gone" },
	"invalid_message_id": func(r *schemas.MessageRequest) { r.MessageID = "+4915112345678" },
	"unknown_category":   func(r *schemas.MessageRequest) { r.Category = "spam" },
	"unknown_sender":     func(r *schemas.MessageRequest) { r.SenderID = "1" },
	"invalid_reply_to":   func(r *schemas.MessageRequest) { r.ReplyTo = "hello" },
	"reaction_as_reply": func(r *schemas.MessageRequest) {
		r.ReplyTo, r.Content = wamid, schemas.Reaction{MessageID: wamid, Emoji: "👍"}
	},
	"too_many_labels": func(r *schemas.MessageRequest) {
		r.Labels = map[string]string{"a": "", "b": "", "c": "", "d": "", "e": "", "f": "", "g": "", "h": "", "i": ""}
	},
	"undeclared_label": func(r *schemas.MessageRequest) { r.Labels = map[string]string{"colour": "red", "team": "NO"} },
	"invalid_label":    func(r *schemas.MessageRequest) { r.Labels = map[string]string{"team": "015112345678"} },

	"no_recipient":    func(r *schemas.MessageRequest) { r.Recipient = schemas.Recipient{} },
	"invalid_user_id": func(r *schemas.MessageRequest) { r.Recipient = schemas.Recipient{UserID: "XX.1"} },
	"invalid_phone":   func(r *schemas.MessageRequest) { r.Recipient.Phone = "4915112345678" },
	"authentication_needs_phone": func(r *schemas.MessageRequest) {
		r.Category, r.Recipient = schemas.Authentication, schemas.Recipient{UserID: "DE.1"}
	},
	"country_not_allowed": func(r *schemas.MessageRequest) { r.TenantID = "local" },
	"opted_out":           func(r *schemas.MessageRequest) { r.Category = schemas.Marketing },

	"expired":        func(r *schemas.MessageRequest) { r.ExpiresAt = r.CreatedAt },
	"unknown_window": func(r *schemas.MessageRequest) { r.DiagnosticWindow = "48h" },
}
