package validate

import (
	"slices"
	"strings"

	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/stages/validate/phone"
)

// alias is one value by which the recipient may be known, and its kind of ref.
type alias struct{ kind, value string }

// recipient is whom a request is for: as sent, and as recognised.
type recipient struct {
	schemas.Recipient
	country string  // of the phone, else of the user id
	aliases []alias // the primary first, the others sorted
}

func readRecipient(to schemas.Recipient, category schemas.Category, allowed []string) (r recipient, reason string) {
	if to.Phone == "" && to.UserID == "" {
		return r, ReasonNoRecipient
	}
	r.Recipient = to
	if to.UserID != "" {
		var ok bool
		if r.country, ok = UserIDCountry(to.UserID); !ok {
			return r, ReasonInvalidUserID
		}
	}
	if to.Phone != "" {
		number, ok := phone.Parse(to.Phone)
		if !ok {
			return r, ReasonInvalidPhone
		}
		r.Phone, r.country = number.E164, number.Country
	} else if category == schemas.Authentication {
		return r, ReasonAuthenticationNeedsPhone
	}
	if len(allowed) > 0 && !slices.Contains(allowed, r.country) {
		return r, ReasonCountryNotAllowed
	}
	r.aliases = aliases(r.Recipient)
	return r, ""
}

// aliases lists the phone's spellings, the canonical one first, then the user id. Every spelling of a phone gives the same
// primary, so that order, pair limit and repeats follow the account and not how a producer writes it.
func aliases(to schemas.Recipient) []alias {
	var out []alias
	if to.Phone != "" {
		for _, a := range phone.Aliases(to.Phone) {
			out = append(out, alias{"phone", a})
		}
	}
	if to.UserID != "" {
		out = append(out, alias{"user_id", to.UserID})
	}
	return out
}

// UserIDCountry reads the country of a business-scoped user id: CC. and 1 to 128 letters and digits, or CC.ENT. and as
// many for a parent portfolio's. The id itself is used whole, in the case given.
func UserIDCountry(id string) (country string, ok bool) {
	country, rest, ok := strings.Cut(id, ".")
	if !ok || !phone.IsCountry(country) {
		return "", false
	}
	rest = strings.TrimPrefix(rest, "ENT.")
	return country, len(rest) >= 1 && len(rest) <= 128 && all(rest, isAlnum)
}
