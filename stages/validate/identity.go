package validate

import (
	"slices"
	"strings"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
)

// unknown stands for a tenant that must not be named.
const unknown = "unknown"

// Identify names a rejected request: its tenant and id if the tenant is known, is the one bound to the topic, and the id
// is well formed; else "unknown" and an id from its coordinates. r is nil when the record could not be decoded.
func (s *Stage) Identify(r *Request, at pipeline.Position) (tenant, message string) {
	if r != nil && schemas.WellFormedMessageID(r.MessageID) && (r.Bound == "" || r.Bound == r.TenantID) && isTenantID(r.TenantID) {
		if _, known := s.Tenant(r.TenantID); known {
			return r.TenantID, r.MessageID
		}
	}
	return unknown, at.String()
}

func (s *Stage) tenant(r *Request) (t schemas.Tenant, reason string) {
	if !isTenantID(r.TenantID) {
		return t, ReasonInvalidTenantID
	}
	if r.Bound != "" && r.Bound != r.TenantID {
		return t, ReasonTenantMismatch
	}
	t, known := s.Tenant(r.TenantID)
	switch {
	case !known:
		return t, ReasonUnknownTenant
	case t.Status == "active":
		return t, ""
	case t.Status == "closed":
		return t, ReasonTenantClosed
	}
	return t, ReasonTenantSuspended
}

// envelope judges what surrounds recipient and content.
func envelope(r *Request, t *schemas.Tenant) (reason string) {
	if !schemas.WellFormedMessageID(r.MessageID) {
		return ReasonInvalidMessageID
	}
	switch r.Category {
	case schemas.Authentication, schemas.Utility, schemas.Marketing, schemas.Service:
	default:
		return ReasonUnknownCategory
	}
	if r.SenderID != "" && !slices.ContainsFunc(t.Senders, func(s schemas.Sender) bool { return s.PhoneNumberID == r.SenderID }) {
		return ReasonUnknownSender
	}
	if r.ReplyTo != "" {
		if !isWAMID(r.ReplyTo) {
			return ReasonInvalidReplyTo
		}
		if _, reaction := r.Content.(schemas.Reaction); reaction {
			return ReasonReactionAsReply
		}
	}
	return labels(r.Labels, t.LabelKeys)
}

// isTenantID reports ^[a-z0-9][a-z0-9_-]{2,63}$ with at most 6 digits in a row.
func isTenantID(s string) bool {
	if len(s) < 3 || len(s) > 64 || s[0] == '_' || s[0] == '-' {
		return false
	}
	run := 0
	for i := range len(s) {
		switch c := s[i]; {
		case isDigit(c):
			if run++; run > 6 {
				return false
			}
		case isLower(c) || c == '_' || c == '-':
			run = 0
		default:
			return false
		}
	}
	return true
}

// isWAMID reports a WhatsApp message id: wamid. and base64.
func isWAMID(s string) bool {
	rest, ok := strings.CutPrefix(s, "wamid.")
	return ok && rest != "" && len(s) <= 512 && all(rest, func(c byte) bool {
		return isAlnum(c) || strings.IndexByte("+/=_-", c) >= 0
	})
}

func all(s string, is func(byte) bool) bool {
	for i := range len(s) {
		if !is(s[i]) {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
func isLower(c byte) bool { return 'a' <= c && c <= 'z' }
func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }
func isAlnum(c byte) bool { return isDigit(c) || isLower(c) || isUpper(c) }
