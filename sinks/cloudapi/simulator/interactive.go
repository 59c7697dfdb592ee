package simulator

// interactive holds an interactive message to the rules of "Interactive messages".
func interactive(m object) *refusal {
	kind, action := m.text("type"), m.object("action")
	if kind == "" {
		return missing("interactive.type")
	}
	if action == nil {
		return missing("interactive.action")
	}
	body, bodyLimit := m.object("body").text("text"), 1024
	var f *refusal
	switch kind {
	case "button":
		f = replyButtons(action.list("buttons"))
	case "list":
		bodyLimit = 4096
		f = rows(action)
	case "cta_url":
		p := action.object("parameters")
		f = first(named(action, "cta_url"), length("interactive display_text", p.text("display_text"), 20), length("interactive url", p.text("url"), 2000))
	case "flow":
		f = flow(action)
	case "product":
		f = first(length("interactive catalog_id", action.text("catalog_id"), 0), length("interactive product_retailer_id", action.text("product_retailer_id"), 0))
	case "product_list":
		f = products(m, action)
	case "location_request_message":
		f = named(action, "send_location")
	case "catalog_message", "address_message", "call_permission_request", "voice_call":
		f = length("interactive action name", action.text("name"), 0)
	default:
		return badValue("interactive.type", "unknown")
	}
	if body == "" && kind != "product" {
		return missing("interactive.body")
	}
	return first(f, atMost("interactive.body", body, bodyLimit), atMost("interactive.footer", m.object("footer").text("text"), 60), header(kind, m))
}

func named(action object, name string) *refusal {
	if action.text("name") != name {
		return badValue("interactive action name", "must be "+name)
	}
	return nil
}

// header is text for all kinds that take one, media for some.
func header(kind string, m object) *refusal {
	if m["header"] == nil {
		return nil
	}
	h := m.object("header")
	form := h.text("type")
	switch {
	case kind == "product":
		return invalid("interactive.header", "a product takes no header")
	case form == "text":
		return length("interactive.header", h.text("text"), 60)
	case kind == "list" || kind == "product_list":
		return badValue("interactive.header", "must be text")
	case form == "image" || form == "video" || form == "document":
		if h.object(form) == nil {
			return missing("interactive.header media")
		}
		return media(form, h.object(form))
	}
	return badValue("interactive.header", "unknown type")
}

func replyButtons(buttons []any) *refusal {
	if len(buttons) < 1 || len(buttons) > 3 {
		return badValue("interactive buttons", "1 to 3")
	}
	titles := map[string]bool{}
	for _, v := range buttons {
		b := asObject(v)
		r := b.object("reply")
		if b.text("type") != "reply" {
			return badValue("interactive button type", "must be reply")
		}
		if f := first(length("interactive button id", r.text("id"), 256), length("interactive button title", r.text("title"), 20)); f != nil {
			return f
		}
		if titles[r.text("title")] {
			return badValue("interactive button titles", "must be unique")
		}
		titles[r.text("title")] = true
	}
	return nil
}

func rows(action object) *refusal {
	sections := action.list("sections")
	if len(sections) < 1 || len(sections) > 10 {
		return badValue("interactive sections", "1 to 10")
	}
	if f := length("interactive list button", action.text("button"), 20); f != nil {
		return f
	}
	total := 0
	for _, v := range sections {
		s := asObject(v)
		if len(sections) > 1 && s.text("title") == "" {
			return missing("interactive section title")
		}
		if f := atMost("interactive section title", s.text("title"), 24); f != nil {
			return f
		}
		total += len(s.list("rows"))
		for _, v := range s.list("rows") {
			r := asObject(v)
			f := first(length("interactive row id", r.text("id"), 200), length("interactive row title", r.text("title"), 24),
				atMost("interactive row description", r.text("description"), 72))
			if f != nil {
				return f
			}
		}
	}
	if total < 1 || total > 10 {
		return badValue("interactive rows", "1 to 10 in total")
	}
	return nil
}

func flow(action object) *refusal {
	p := action.object("parameters")
	if (p.text("flow_id") == "") == (p.text("flow_name") == "") {
		return badValue("interactive flow", "flow_id or flow_name")
	}
	return first(named(action, "flow"), length("interactive flow_message_version", p.scalar("flow_message_version"), 0), length("interactive flow_cta", p.text("flow_cta"), 0))
}

func products(m, action object) *refusal {
	if m["header"] == nil {
		return missing("interactive.header")
	}
	sections, total := action.list("sections"), 0
	for _, v := range sections {
		items := asObject(v).list("product_items")
		total += len(items)
		for _, item := range items {
			if f := length("interactive product_retailer_id", asObject(item).text("product_retailer_id"), 0); f != nil {
				return f
			}
		}
	}
	if len(sections) > 10 || total < 1 || total > 30 {
		return badValue("interactive products", "1 to 30 in at most 10 sections")
	}
	return length("interactive catalog_id", action.text("catalog_id"), 0)
}
