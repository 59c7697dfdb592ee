package validate

import (
	"cmp"
	"encoding/json"

	"github.com/whatsapplink/cloud/schemas"
)

// part is a field of Interactive, as a bit.
type part uint16

const (
	partHeader part = 1 << iota
	partBody
	partButtons
	partListButton
	partRows
	partProducts
	partAction
	partParameters
	partCatalog
	partProduct
)

// shape says what an interactive.type must and may have beside a footer, which all may.
type shape struct {
	must, may  part
	body       int    // UTF-16 units
	action     string // ActionName, where there is one
	textHeader bool   // no medium in the header
}

var shapes = map[string]shape{
	"button":                   {must: partBody | partButtons, may: partHeader, body: 1024},
	"list":                     {must: partBody | partListButton | partRows, may: partHeader, body: 4096, textHeader: true},
	"cta_url":                  {must: partBody | partAction | partParameters, may: partHeader, body: 1024, action: "cta_url"},
	"flow":                     {must: partBody | partAction | partParameters, may: partHeader, body: 1024, action: "flow"},
	"product":                  {must: partCatalog | partProduct, may: partBody, body: 1024},
	"product_list":             {must: partHeader | partBody | partCatalog | partProducts, body: 1024, textHeader: true},
	"catalog_message":          {must: partBody | partAction, may: partParameters, body: 1024, action: "catalog_message"},
	"location_request_message": {must: partBody | partAction, body: 1024, action: "send_location"},
}

// The counts and lengths of Meta's interactive messages.
const (
	maxHeader         = 60
	maxFooter         = 60
	maxButtons        = 3
	maxButtonTitle    = 20
	maxButtonID       = 256
	maxSections       = 10
	maxRows           = 10 // of all sections
	maxProducts       = 30 // of all sections
	maxSectionTitle   = 24
	maxRowID          = 200
	maxRowTitle       = 24
	maxRowDescription = 72
)

func interactive(m *schemas.Interactive) string {
	s, known := shapes[m.Type]
	has := partsOf(m)
	switch {
	case !known:
		return ReasonInteractiveUnknownType
	case s.must&^has != 0:
		return ReasonInteractivePartMissing
	case has&^(s.must|s.may) != 0:
		return ReasonInteractivePartNotAllowed
	case longer(m.Body, s.body):
		return ReasonInteractiveBodyTooLong
	case longer(m.Footer, maxFooter):
		return ReasonInteractiveFooterTooLong
	case m.ActionName != s.action:
		return ReasonInteractiveInvalidAction
	}
	return cmp.Or(interactiveHeader(m.Header, s.textHeader), replyButtons(m.Buttons), sections(m), actionParameters(m))
}

func partsOf(m *schemas.Interactive) (has part) {
	set := func(p part, present bool) {
		if present {
			has |= p
		}
	}
	set(partHeader, m.Header != nil)
	set(partBody, m.Body != "")
	set(partButtons, len(m.Buttons) > 0)
	set(partListButton, m.ListButton != "")
	set(partAction, m.ActionName != "")
	set(partParameters, m.ParametersJSON != "")
	set(partCatalog, m.CatalogID != "")
	set(partProduct, m.ProductID != "")
	for i := range m.Sections {
		set(partRows, len(m.Sections[i].Rows) > 0)
		set(partProducts, len(m.Sections[i].Products) > 0)
	}
	return has
}

func interactiveHeader(h *schemas.InteractiveHeader, textOnly bool) string {
	switch {
	case h == nil:
		return ""
	case (h.Text == "") == (h.Media == nil), h.Media != nil && textOnly:
		return ReasonInteractiveInvalidHeader
	case h.Media == nil && longer(h.Text, maxHeader):
		return ReasonInteractiveHeaderTooLong
	case h.Media == nil:
		return ""
	case h.Media.Kind == schemas.Audio, h.Media.Kind == schemas.Sticker, h.Media.Caption != "":
		return ReasonInteractiveInvalidHeader
	}
	return media(h.Media)
}

func replyButtons(all []schemas.InteractiveButton) string {
	if len(all) > maxButtons {
		return ReasonInteractiveTooManyButtons
	}
	for i, b := range all {
		switch {
		case b.ID == "" || b.Title == "":
			return ReasonInteractiveEntryIncomplete
		case longer(b.Title, maxButtonTitle):
			return ReasonInteractiveButtonTitleTooLong
		case longer(b.ID, maxButtonID):
			return ReasonInteractiveButtonIDTooLong
		}
		for _, earlier := range all[:i] {
			if earlier.ID == b.ID || earlier.Title == b.Title {
				return ReasonInteractiveEntryRepeated
			}
		}
	}
	return ""
}

// sections judges the rows of a list and the products of a product list.
func sections(m *schemas.Interactive) string {
	if len(m.Sections) > maxSections {
		return ReasonInteractiveTooManySections
	}
	if longer(m.ListButton, maxButtonTitle) {
		return ReasonInteractiveButtonTitleTooLong
	}
	ids := map[string]bool{}
	rowCount, productCount := 0, 0
	for i := range m.Sections {
		s := &m.Sections[i]
		rowCount += len(s.Rows)
		productCount += len(s.Products)
		switch {
		case rowCount > maxRows:
			return ReasonInteractiveTooManyRows
		case productCount > maxProducts:
			return ReasonInteractiveTooManyProducts
		case len(s.Rows)+len(s.Products) == 0, s.Title == "" && len(m.Sections) > 1:
			return ReasonInteractiveEntryIncomplete
		case longer(s.Title, maxSectionTitle):
			return ReasonInteractiveSectionTitleTooLong
		}
		for _, p := range s.Products {
			if p == "" {
				return ReasonInteractiveEntryIncomplete
			}
		}
		for j := range s.Rows {
			if reason := row(&s.Rows[j], ids); reason != "" {
				return reason
			}
		}
	}
	return ""
}

func row(r *schemas.InteractiveRow, seen map[string]bool) string {
	switch {
	case r.ID == "" || r.Title == "":
		return ReasonInteractiveEntryIncomplete
	case longer(r.ID, maxRowID):
		return ReasonInteractiveRowIDTooLong
	case longer(r.Title, maxRowTitle):
		return ReasonInteractiveRowTitleTooLong
	case longer(r.Description, maxRowDescription):
		return ReasonInteractiveRowDescriptionTooLong
	case seen[r.ID]:
		return ReasonInteractiveEntryRepeated
	}
	seen[r.ID] = true
	return ""
}

// actionParameters judges the JSON object of cta_url, flow and catalog_message.
func actionParameters(m *schemas.Interactive) string {
	if m.ParametersJSON == "" {
		return ""
	}
	var p struct {
		DisplayText string `json:"display_text"`
		URL         string `json:"url"`
		FlowID      string `json:"flow_id"`
		FlowName    string `json:"flow_name"`
		FlowCTA     string `json:"flow_cta"`
		FlowVersion string `json:"flow_message_version"`
	}
	if !isJSONObject(m.ParametersJSON) || json.Unmarshal([]byte(m.ParametersJSON), &p) != nil {
		return ReasonInteractiveInvalidParameters
	}
	switch m.Type {
	case "cta_url":
		if longer(p.DisplayText, maxButtonTitle) {
			return ReasonInteractiveButtonTitleTooLong
		}
		if p.DisplayText == "" || !isWebLink(p.URL) {
			return ReasonInteractiveInvalidParameters
		}
	case "flow":
		if (p.FlowID == "") == (p.FlowName == "") || p.FlowCTA == "" || p.FlowVersion == "" {
			return ReasonInteractiveInvalidParameters
		}
	}
	return ""
}
