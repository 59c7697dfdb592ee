package deliver

import (
	"encoding/json"

	"github.com/whatsapplink/cloud/schemas"
)

func template(t *schemas.Template) object {
	o := object{"name": t.Name, "language": object{"code": t.Language}}
	list(o, "components", t.Components, func(c schemas.TemplateComponent) object {
		component := fill(object{"type": c.Type}, "sub_type", c.SubType, "index", c.Index)
		list(component, "parameters", c.Parameters, parameter)
		return component
	})
	return o
}

// parameter puts a template's value under the name of its type, as Meta does for all but text.
func parameter(p schemas.TemplateParameter) object {
	o := fill(object{"type": p.Type}, "parameter_name", p.Name)
	switch {
	case p.Currency != nil:
		o[p.Type] = object{"fallback_value": p.Currency.FallbackValue, "code": p.Currency.Code, "amount_1000": p.Currency.Amount1000}
	case p.Media != nil:
		o[p.Type] = media(p.Media)
	case p.Location != nil:
		o[p.Type] = location(p.Location)
	case p.ActionJSON != "":
		o[p.Type] = json.RawMessage(p.ActionJSON)
	case p.Type == "date_time":
		o[p.Type] = object{"fallback_value": p.Text}
	default: // text, payload, coupon_code
		o[p.Type] = p.Text
	}
	return o
}

func interactive(i *schemas.Interactive) object {
	o := object{"type": i.Type, "action": action(i)}
	if i.Body != "" {
		o["body"] = object{"text": i.Body}
	}
	if i.Footer != "" {
		o["footer"] = object{"text": i.Footer}
	}
	switch h := i.Header; {
	case h == nil:
	case h.Media != nil:
		o["header"] = object{"type": h.Media.ContentType(), h.Media.ContentType(): media(h.Media)}
	default:
		o["header"] = object{"type": "text", "text": h.Text}
	}
	return o
}

func action(i *schemas.Interactive) object {
	o := fill(object{}, "button", i.ListButton, "name", i.ActionName, "catalog_id", i.CatalogID, "product_retailer_id", i.ProductID)
	if i.ParametersJSON != "" {
		o["parameters"] = json.RawMessage(i.ParametersJSON)
	}
	list(o, "buttons", i.Buttons, func(b schemas.InteractiveButton) object {
		return object{"type": "reply", "reply": object{"id": b.ID, "title": b.Title}}
	})
	list(o, "sections", i.Sections, func(s schemas.InteractiveSection) object {
		section := fill(object{}, "title", s.Title)
		list(section, "rows", s.Rows, func(r schemas.InteractiveRow) object {
			return fill(object{"id": r.ID, "title": r.Title}, "description", r.Description)
		})
		list(section, "product_items", s.Products, func(id string) object { return object{"product_retailer_id": id} })
		return section
	})
	return o
}
