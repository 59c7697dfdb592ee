package validatetest

import "github.com/whatsapplink/cloud/schemas"

// TemplateOf is a template of components.
func TemplateOf(components ...schemas.TemplateComponent) schemas.Template {
	return schemas.Template{Name: "order_update", Language: "en_US", Components: components}
}

// BodyOf is a body with text parameters.
func BodyOf(values ...string) schemas.TemplateComponent {
	c := schemas.TemplateComponent{Type: "body"}
	for _, v := range values {
		c.Parameters = append(c.Parameters, schemas.TemplateParameter{Type: "text", Text: v})
	}
	return c
}

// ButtonOf is a button with one parameter.
func ButtonOf(subType, index, parameter, text string) schemas.TemplateComponent {
	return schemas.TemplateComponent{Type: "button", SubType: subType, Index: index,
		Parameters: []schemas.TemplateParameter{{Type: parameter, Text: text}}}
}

// ComponentOf is a component with one parameter.
func ComponentOf(kind string, p schemas.TemplateParameter) schemas.TemplateComponent {
	return schemas.TemplateComponent{Type: kind, Parameters: []schemas.TemplateParameter{p}}
}

// ButtonsOf is an interactive message with reply buttons.
func ButtonsOf(buttons ...schemas.InteractiveButton) schemas.Interactive {
	return schemas.Interactive{Type: "button", Body: "Was it good?", Buttons: buttons}
}

// Yes is a reply button.
func Yes() schemas.InteractiveButton { return schemas.InteractiveButton{ID: "y", Title: "Yes"} }

// ListOf is a list message.
func ListOf(sections ...schemas.InteractiveSection) schemas.Interactive {
	return schemas.Interactive{Type: "list", Body: "Pick one", ListButton: "Times", Sections: sections}
}

// RowOf is a row.
func RowOf(id string) schemas.InteractiveRow {
	return schemas.InteractiveRow{ID: id, Title: "at " + id}
}

// ProductsOf is a message of products.
func ProductsOf(sections ...schemas.InteractiveSection) schemas.Interactive {
	return schemas.Interactive{Type: "product_list", Body: "Ours", CatalogID: "1",
		Header: &schemas.InteractiveHeader{Text: "Shop"}, Sections: sections}
}

// CtaOf is a link button with action parameters.
func CtaOf(parameters string) schemas.Interactive {
	return schemas.Interactive{Type: "cta_url", Body: "See", ActionName: "cta_url", ParametersJSON: parameters}
}

// ContactOf is a message of one changed card.
func ContactOf(change func(*schemas.Contact)) schemas.Contacts {
	c := schemas.Contact{Name: schemas.ContactName{FormattedName: "Ada L", FirstName: "Ada"}}
	change(&c)
	return schemas.Contacts{Contacts: []schemas.Contact{c}}
}
