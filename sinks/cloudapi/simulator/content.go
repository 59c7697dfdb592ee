package simulator

import (
	"math"
	"strconv"
	"strings"
)

// content holds the object named by type to the rules of its type ("Per-type bodies and limits" of the Cloud API).
func (s *Simulator) content(r *request, b object) *refusal {
	if r.kind == "contacts" {
		return contacts(b.list("contacts"))
	}
	c := b.object(r.kind)
	if c == nil {
		if known[r.kind] {
			return missing(r.kind)
		}
		return &refusal{code: 131051, reason: "type", details: "unsupported message type"}
	}
	switch r.kind {
	case "text":
		return length("text.body", c.text("body"), 4096)
	case "image", "video", "audio", "document", "sticker":
		return media(r.kind, c)
	case "location":
		return location(c)
	case "reaction":
		if c["emoji"] == nil {
			return missing("reaction.emoji")
		}
		return length("reaction.message_id", c.text("message_id"), 0)
	case "template":
		return s.template(r, c)
	case "interactive":
		return interactive(c)
	}
	return &refusal{code: 131051, reason: "type", details: "unsupported message type"}
}

var known = map[string]bool{
	"text": true, "image": true, "video": true, "audio": true, "document": true, "sticker": true, "location": true,
	"contacts": true, "reaction": true, "template": true, "interactive": true,
}

func media(kind string, m object) *refusal {
	id, link := m.text("id"), m.text("link")
	switch {
	case (id == "") == (link == ""):
		return missing(kind + " id or link")
	case link != "" && !strings.HasPrefix(link, "https://") && !strings.HasPrefix(link, "http://"):
		return badValue(kind+".link", "not a URL")
	case m["caption"] != nil && (kind == "audio" || kind == "sticker"):
		return invalid(kind+".caption", "this type takes no caption")
	case m["filename"] != nil && kind != "document":
		return invalid(kind+".filename", "this type takes no file name")
	case m["voice"] != nil && kind != "audio":
		return invalid(kind+".voice", "this type takes no voice")
	}
	return atMost(kind+".caption", m.text("caption"), 1024)
}

func location(l object) *refusal {
	return first(degrees("location.latitude", l.scalar("latitude"), 90), degrees("location.longitude", l.scalar("longitude"), 180))
}

func degrees(field, v string, limit float64) *refusal {
	if v == "" {
		return missing(field)
	}
	if d, err := strconv.ParseFloat(v, 64); err != nil || math.IsNaN(d) || math.Abs(d) > limit {
		return badValue(field, "not degrees")
	}
	return nil
}

func contacts(cards []any) *refusal {
	if len(cards) == 0 {
		return missing("contacts")
	}
	if len(cards) > 257 {
		return invalid("contacts length", "at most 257 contacts")
	}
	for _, card := range cards {
		name := asObject(card).object("name")
		if name.text("formatted_name") == "" {
			return missing("contacts.name.formatted_name")
		}
		if len(name) < 2 {
			return missing("contacts.name part besides formatted_name")
		}
	}
	return nil
}
