package validate

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/whatsapplink/cloud/schemas"
)

const (
	maxTemplateName = 512
	maxOTP          = 15
	// A template's body has at most this many characters once it is filled in, whatever one parameter may have by Meta's
	// OpenAPI; {{1}} takes five of them.
	maxTemplateBody   = 1024
	maxBodyParameters = maxTemplateBody / 5
)

// templateSlots says what each place of a template takes: the types of parameters, how many, and how long a text.
// The keys are component type, and for buttons also the sub type.
var templateSlots = map[string]struct {
	types      string // separated by spaces
	parameters int
	text       int    // UTF-16 units; 0: bounded by the payload only
	tooLong    string // reason
}{
	"header":             {"text currency date_time image video document location", 1, 60, ReasonTemplateHeaderTooLong},
	"body":               {"text currency date_time", maxBodyParameters, maxTemplateBody, ReasonTemplateBodyTooLong},
	"button quick_reply": {"payload", 1, 0, ""},
	"button url":         {"text", 1, 2000, ReasonTemplateURLTooLong},
	"button copy_code":   {"coupon_code", 1, 20, ReasonTemplateCouponTooLong},
	"button catalog":     {"action", 1, 0, ""},
	"button flow":        {"action", 1, 0, ""},
}

func template(t *schemas.Template, category schemas.Category) string {
	if t.Name == "" || len(t.Name) > maxTemplateName || !all(t.Name, isSnake) {
		return ReasonTemplateInvalidName
	}
	if !isLanguage(t.Language) {
		return ReasonTemplateInvalidLanguage
	}
	var taken uint16
	for i := range t.Components {
		c := &t.Components[i]
		place, reason := place(c)
		if reason != "" {
			return reason
		}
		if taken&(1<<place) != 0 {
			return ReasonTemplateComponentRepeated
		}
		taken |= 1 << place
		if reason := component(c, category); reason != "" {
			return reason
		}
	}
	return ""
}

// place numbers the places of a template, each of which is filled once: its ten buttons by index, header, body.
func place(c *schemas.TemplateComponent) (n int, reason string) {
	switch {
	case c.Type == "button" && len(c.Index) == 1 && isDigit(c.Index[0]):
		return int(c.Index[0] - '0'), ""
	case c.Type == "button", c.SubType != "", c.Index != "":
		return 0, ReasonTemplateInvalidButton
	case c.Type == "header":
		return 10, ""
	case c.Type == "body":
		return 11, ""
	}
	return 0, ReasonTemplateUnknownComponent
}

func component(c *schemas.TemplateComponent, category schemas.Category) string {
	key := c.Type
	if c.Type == "button" {
		key += " " + c.SubType
	}
	slot, known := templateSlots[key]
	if !known {
		return ReasonTemplateInvalidButton
	}
	if len(c.Parameters) > slot.parameters {
		return ReasonTemplateTooManyParameters
	}
	var names map[string]bool
	var together strings.Builder // every parameter of a body stands in it
	for i := range c.Parameters {
		p := &c.Parameters[i]
		if !hasWord(slot.types, p.Type) {
			return ReasonTemplateParameterType
		}
		together.WriteString(p.Text)
		if slot.text > 0 && longer(together.String(), slot.text) {
			return slot.tooLong
		}
		if reason := parameter(p); reason != "" {
			return reason
		}
		if category == schemas.Authentication {
			if reason := otp(p); reason != "" {
				return reason
			}
		}
		if p.Name != "" {
			if !all(p.Name, isSnake) || names[p.Name] {
				return ReasonTemplateParameterName
			}
			if names == nil {
				names = make(map[string]bool, len(c.Parameters))
			}
			names[p.Name] = true
		}
	}
	if len(names) > 0 && len(names) < len(c.Parameters) {
		return ReasonTemplateParameterName
	}
	return ""
}

// parameter judges the value of a parameter whose type its place takes.
func parameter(p *schemas.TemplateParameter) string {
	switch p.Type {
	case "text", "payload", "coupon_code", "date_time":
		switch {
		case p.Text == "":
			return ReasonTemplateParameterEmpty
		case p.Type == "text" && (strings.ContainsAny(p.Text, "\n\r\t") || strings.Contains(p.Text, "     ")):
			return ReasonTemplateTextSpacing
		}
	case "currency":
		if m := p.Currency; m == nil || m.FallbackValue == "" || len(m.Code) != 3 || !all(m.Code, isUpper) {
			return ReasonTemplateParameterEmpty
		}
	case "image", "video", "document":
		if p.Media == nil || string(p.Media.Kind) != p.Type {
			return ReasonTemplateParameterEmpty
		}
		return media(p.Media)
	case "location":
		if p.Location == nil {
			return ReasonTemplateParameterEmpty
		}
		return location(p.Location)
	case "action":
		if p.ActionJSON == "" {
			return ReasonTemplateParameterEmpty
		}
		if !isJSONObject(p.ActionJSON) {
			return ReasonTemplateInvalidAction
		}
	}
	return ""
}

// otp judges a parameter of an authentication template, which carries a one-time password and nothing else: no media, no
// address, no emoji.
func otp(p *schemas.TemplateParameter) string {
	if p.Type != "text" && p.Type != "coupon_code" {
		return ReasonOTPNotText
	}
	if longer(p.Text, maxOTP) {
		return ReasonOTPTooLong
	}
	if strings.Contains(p.Text, "://") || strings.Contains(strings.ToLower(p.Text), "www.") ||
		strings.ContainsFunc(p.Text, func(r rune) bool {
			const emojiStyle = 0xfe0f
			return r == emojiStyle ||
				r >= utf8.RuneSelf && !unicode.In(r, unicode.Letter, unicode.Mark, unicode.Number, unicode.Punct, unicode.Zs)
		}) {
		return ReasonOTPNotPlain
	}
	return ""
}

// isLanguage reports Meta's locale codes: en, en_US, fil, es_SPA.
func isLanguage(s string) bool {
	language, region, has := strings.Cut(s, "_")
	return (len(language) == 2 || len(language) == 3) && all(language, isLower) &&
		(!has || (len(region) == 2 || len(region) == 3) && all(region, isUpper))
}

// hasWord reports whether words, separated by spaces, hold w.
func hasWord(words, w string) bool {
	for word := range strings.FieldsSeq(words) {
		if word == w {
			return true
		}
	}
	return false
}
