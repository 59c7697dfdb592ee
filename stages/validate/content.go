package validate

import (
	"math"
	"net/url"
	"time"
	"unicode/utf8"

	"github.com/whatsapplink/cloud/schemas"
)

// Meta's limits. Lengths are UTF-16 units: Meta does not say which units it counts, and these are the stricter. Where
// Meta's pages disagree the larger figure stands, since its answer then decides.
const (
	maxText     = 4096
	maxCaption  = 1024
	maxContacts = 257
	maxEmoji    = 32 // the longest single emoji are flags of 14 units and families of 25
)

// content judges a message's content by Meta's limits.
func content(c schemas.Content, category schemas.Category) (reason string) {
	switch c := c.(type) {
	case schemas.Text:
		return text(c)
	case schemas.Media:
		return media(&c)
	case schemas.Location:
		return location(&c)
	case schemas.Contacts:
		return contacts(c.Contacts)
	case schemas.Reaction:
		return reaction(c)
	case schemas.Template:
		return template(&c, category)
	case schemas.Interactive:
		return interactive(&c)
	case schemas.Raw:
		return raw(c)
	}
	return ReasonNoContent
}

func text(t schemas.Text) string {
	switch {
	case t.Body == "":
		return ReasonTextEmpty
	case longer(t.Body, maxText):
		return ReasonTextTooLong
	}
	return ""
}

// mediaParts says which parts a kind of media may have beside id or link.
var mediaParts = map[schemas.MediaKind]struct{ caption, filename, voice bool }{
	schemas.Image:    {caption: true},
	schemas.Video:    {caption: true},
	schemas.Audio:    {voice: true},
	schemas.Document: {caption: true, filename: true},
	schemas.Sticker:  {},
}

func media(m *schemas.Media) string {
	parts, known := mediaParts[m.Kind]
	switch {
	case !known:
		return ReasonMediaUnknownKind
	case (m.ID == "") == (m.Link == ""):
		return ReasonMediaSource
	case m.ID != "" && !(len(m.ID) <= 128 && all(m.ID, func(c byte) bool { return isAlnum(c) || c == '_' || c == '-' })):
		return ReasonMediaInvalidID
	case m.Link != "" && !isWebLink(m.Link):
		return ReasonMediaInvalidLink
	case m.Caption != "" && !parts.caption, m.Filename != "" && !parts.filename, m.Voice && !parts.voice:
		return ReasonMediaPartNotAllowed
	case longer(m.Caption, maxCaption):
		return ReasonMediaCaptionTooLong
	}
	return ""
}

func location(l *schemas.Location) string {
	// Written so that NaN fails.
	if !(math.Abs(l.Latitude) <= 90 && math.Abs(l.Longitude) <= 180) {
		return ReasonLocationOutOfRange
	}
	return ""
}

func contacts(cards []schemas.Contact) string {
	if len(cards) == 0 {
		return ReasonContactsEmpty
	}
	if len(cards) > maxContacts {
		return ReasonContactsTooMany
	}
	for i := range cards {
		if reason := contact(&cards[i]); reason != "" {
			return reason
		}
	}
	return ""
}

func contact(c *schemas.Contact) string {
	n := &c.Name
	if n.FormattedName == "" || n.FirstName+n.LastName+n.MiddleName+n.Suffix+n.Prefix == "" {
		return ReasonContactNameIncomplete
	}
	for i := range c.Phones {
		if c.Phones[i].Phone == "" && c.Phones[i].WaID == "" {
			return ReasonContactEntryEmpty
		}
	}
	for i := range c.Emails {
		if c.Emails[i].Email == "" {
			return ReasonContactEntryEmpty
		}
	}
	for i := range c.URLs {
		if c.URLs[i].URL == "" {
			return ReasonContactEntryEmpty
		}
	}
	if c.Birthday != "" {
		if _, err := time.Parse(time.DateOnly, c.Birthday); err != nil {
			return ReasonContactInvalidBirthday
		}
	}
	return ""
}

func reaction(r schemas.Reaction) string {
	if !isWAMID(r.MessageID) {
		return ReasonReactionInvalidTarget
	}
	// Some emoji hold an ASCII digit, # or * (keycaps); none is all ASCII or holds a letter or a space.
	ascii := true
	for _, c := range r.Emoji {
		if c >= utf8.RuneSelf {
			ascii = false
		} else if !(c == '#' || c == '*' || '0' <= c && c <= '9') {
			return ReasonReactionInvalidEmoji
		}
	}
	if r.Emoji != "" && ascii || longer(r.Emoji, maxEmoji) {
		return ReasonReactionInvalidEmoji
	}
	return ""
}

// longer reports whether s has more than limit UTF-16 units.
func longer(s string, limit int) bool {
	if len(s) <= limit {
		return false // a unit takes a byte at least
	}
	units := 0
	for _, r := range s {
		units++
		if r > 0xffff {
			units++
		}
	}
	return units > limit
}

// isWebLink reports an absolute http or https address.
func isWebLink(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}
