package simulator

import (
	"regexp"
	"strconv"
	"strings"
)

var (
	templateName = regexp.MustCompile(`^[a-z0-9_]{1,512}$`)
	languageCode = regexp.MustCompile(`^[a-z]{2,3}(_[A-Z]{2,3})?$`)
)

// template holds a template message to the rules of "Template messages", and to its registration where there is one.
func (s *Simulator) template(r *request, t object) *refusal {
	name, language := t.text("name"), t.object("language").text("code")
	switch {
	case name == "":
		return missing("template.name")
	case language == "":
		return missing("template.language.code")
	case !templateName.MatchString(name) || !languageCode.MatchString(language):
		return &refusal{code: 132001, reason: "template unknown", details: "no such template in that language"}
	}
	body, bodyText := 0, 0
	for _, v := range t.list("components") {
		component := asObject(v)
		if f := templateComponent(component); f != nil {
			return f
		}
		if strings.EqualFold(component.text("type"), "body") {
			body += len(component.list("parameters"))
			for _, p := range component.list("parameters") {
				bodyText += units(asObject(p).text("text"))
			}
		}
	}
	if bodyText > 1024 {
		return &refusal{code: 132005, reason: "template parameter length", details: "hydrated text too long"}
	}
	if s.config.Templates == nil {
		return nil
	}
	registered, ok := s.config.Templates[TemplateName{name, language}]
	switch {
	case !ok:
		return &refusal{code: 132001, reason: "template unknown", details: "no such template in that language"}
	case registered.BodyParameters != body:
		return &refusal{code: 132000, reason: "template parameter count", details: "the body's parameters do not match the template"}
	case registered.Authentication && r.to == "":
		return &refusal{code: 131062, reason: "authentication to user id", details: "must be addressed by phone number"}
	}
	return nil
}

func templateComponent(c object) *refusal {
	limit := 1024
	switch strings.ToLower(c.text("type")) {
	case "header":
		limit = 60
	case "body":
	case "button":
		index, err := strconv.Atoi(c.scalar("index"))
		if c.text("sub_type") == "" {
			return missing("template button sub_type")
		}
		if err != nil || index < 0 || index > 9 {
			return badValue("template button index", "0 to 9")
		}
		limit = 2000
	case "":
		return missing("template component type")
	default:
		return badValue("template component type", "unknown")
	}
	for _, v := range c.list("parameters") {
		if f := templateParameter(asObject(v), limit); f != nil {
			return f
		}
	}
	return nil
}

// parameterKinds are the kinds whose value is an object of the kind's name, with the part it must have.
var parameterKinds = map[string]string{
	"currency": "fallback_value", "date_time": "fallback_value", "location": "latitude", "action": "",
	"image": "id or link", "video": "id or link", "document": "id or link",
}

func templateParameter(p object, limit int) *refusal {
	kind := p.text("type")
	switch kind {
	case "":
		return missing("template parameter type")
	case "text":
		return parameterText(p.text("text"), limit)
	case "payload":
		return length("template parameter payload", p.text("payload"), 0)
	case "coupon_code":
		return length("template parameter coupon_code", p.text("coupon_code"), 20)
	}
	part, known := parameterKinds[kind]
	value := p.object(kind)
	switch {
	case !known || value == nil:
		return &refusal{code: 132012, reason: "template parameter format", details: "the value does not fit its type"}
	case part == "id or link":
		return media(kind, value)
	case part != "" && value.scalar(part) == "":
		return &refusal{code: 132012, reason: "template parameter format", details: "a part is missing"}
	}
	return nil
}

// parameterText refuses what Meta refuses in a text parameter. Whether exactly four spaces pass is not known; they do here.
func parameterText(text string, limit int) *refusal {
	switch {
	case text == "":
		return missing("template parameter text")
	case strings.ContainsAny(text, "\n\r\t") || strings.Contains(text, "     "):
		return &refusal{code: 132018, reason: "template parameter text", details: "Param text cannot have new-line/tab characters or more than 4 consecutive spaces"}
	case units(text) > limit:
		return &refusal{code: 132005, reason: "template parameter length", details: "hydrated text too long"}
	}
	return nil
}
