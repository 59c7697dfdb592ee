package schemas

// Content is one branch of the content union of a MessageRequest. Its shapes follow Meta's Cloud API
// (POST /{phone-number-id}/messages).
type Content interface {
	// ContentType is the clear name of the kind: text, image, video, audio, document, sticker, location, contacts,
	// reaction, template, interactive, raw.
	ContentType() string
}

// Text is a text message: body up to 4096 UTF-16 units.
type Text struct {
	Body       string `avro:"body"`
	PreviewURL bool   `avro:"preview_url"`
}

// MediaKind is the type of a media message.
type MediaKind string

// The kinds of media.
const (
	Image    MediaKind = "image"
	Video    MediaKind = "video"
	Audio    MediaKind = "audio"
	Document MediaKind = "document"
	Sticker  MediaKind = "sticker"
)

// Media is an image, video, audio, document or sticker, by uploaded id or by link.
type Media struct {
	Kind     MediaKind `avro:"kind"`
	ID       string    `avro:"id,null"`
	Link     string    `avro:"link,null"`
	Caption  string    `avro:"caption,null"`
	Filename string    `avro:"filename,null"`
	Voice    bool      `avro:"voice"`
}

// Location is a point on the map.
type Location struct {
	Latitude  float64 `avro:"latitude"`
	Longitude float64 `avro:"longitude"`
	Name      string  `avro:"name,null"`
	Address   string  `avro:"address,null"`
}

// Contacts is a message of contact cards.
type Contacts struct {
	Contacts []Contact `avro:"contacts"`
}

// Contact is one contact card.
type Contact struct {
	Name      ContactName      `avro:"name"`
	Phones    []ContactPhone   `avro:"phones"`
	Emails    []ContactEmail   `avro:"emails"`
	Addresses []ContactAddress `avro:"addresses"`
	Org       *ContactOrg      `avro:"org,null"`
	URLs      []ContactURL     `avro:"urls"`
	Birthday  string           `avro:"birthday,null"` // YYYY-MM-DD
}

// ContactName is the name on a card; FormattedName and one other part are required by Meta.
type ContactName struct {
	FormattedName string `avro:"formatted_name"`
	FirstName     string `avro:"first_name,null"`
	LastName      string `avro:"last_name,null"`
	MiddleName    string `avro:"middle_name,null"`
	Suffix        string `avro:"suffix,null"`
	Prefix        string `avro:"prefix,null"`
}

// ContactPhone is a phone on a card.
type ContactPhone struct {
	Phone string `avro:"phone"`
	Type  string `avro:"type,null"`
	WaID  string `avro:"wa_id,null"`
}

// ContactEmail is an e-mail address on a card.
type ContactEmail struct {
	Email string `avro:"email"`
	Type  string `avro:"type,null"`
}

// ContactAddress is a postal address on a card.
type ContactAddress struct {
	Street      string `avro:"street,null"`
	City        string `avro:"city,null"`
	State       string `avro:"state,null"`
	Zip         string `avro:"zip,null"`
	Country     string `avro:"country,null"`
	CountryCode string `avro:"country_code,null"`
	Type        string `avro:"type,null"`
}

// ContactOrg is the organisation on a card.
type ContactOrg struct {
	Company    string `avro:"company,null"`
	Department string `avro:"department,null"`
	Title      string `avro:"title,null"`
}

// ContactURL is a web address on a card.
type ContactURL struct {
	URL  string `avro:"url"`
	Type string `avro:"type,null"`
}

// Reaction puts an emoji on an earlier message; an empty emoji takes it away.
type Reaction struct {
	MessageID string `avro:"message_id"` // wamid
	Emoji     string `avro:"emoji"`
}

// Template is an approved template with its parameters.
type Template struct {
	Name       string              `avro:"name"`
	Language   string              `avro:"language"` // underscore locale code: en_US
	Components []TemplateComponent `avro:"components"`
}

// TemplateComponent fills one component (header, body, button) of a template.
type TemplateComponent struct {
	Type       string              `avro:"type"`          // header, body, button
	SubType    string              `avro:"sub_type,null"` // buttons: quick_reply, url, catalog, flow, copy_code
	Index      string              `avro:"index,null"`    // buttons: 0-based
	Parameters []TemplateParameter `avro:"parameters"`
}

// TemplateParameter is one value; which field holds it follows from Type.
type TemplateParameter struct {
	Type       string         `avro:"type"`                // text, currency, date_time, image, video, document, location, payload, action, coupon_code
	Name       string         `avro:"parameter_name,null"` // named templates only
	Text       string         `avro:"text,null"`           // text, payload, coupon_code, and the fallback of date_time
	Currency   *TemplateMoney `avro:"currency,null"`
	Media      *Media         `avro:"media,null"`
	Location   *Location      `avro:"location,null"`
	ActionJSON string         `avro:"action,null"` // JSON object text: flow_token, flow_action_data
}

// TemplateMoney is an amount in thousandths of a currency unit.
type TemplateMoney struct {
	FallbackValue string `avro:"fallback_value"`
	Code          string `avro:"code"` // ISO 4217
	Amount1000    int64  `avro:"amount_1000"`
}

// Interactive is a message with buttons, a list, a flow or products; only inside an open service window.
type Interactive struct {
	Type           string               `avro:"type"` // Meta's interactive.type
	Header         *InteractiveHeader   `avro:"header,null"`
	Body           string               `avro:"body,null"`
	Footer         string               `avro:"footer,null"`
	Buttons        []InteractiveButton  `avro:"buttons"`                  // button
	ListButton     string               `avro:"list_button,null"`         // list: the label that opens it
	Sections       []InteractiveSection `avro:"sections"`                 // list, product_list
	ActionName     string               `avro:"action_name,null"`         // cta_url, flow, send_location, catalog_message
	ParametersJSON string               `avro:"parameters,null"`          // JSON object text of action.parameters
	CatalogID      string               `avro:"catalog_id,null"`          // product, product_list
	ProductID      string               `avro:"product_retailer_id,null"` // product
}

// InteractiveHeader is a text or a medium above an interactive message.
type InteractiveHeader struct {
	Text  string `avro:"text,null"`
	Media *Media `avro:"media,null"`
}

// InteractiveButton is a reply button.
type InteractiveButton struct {
	ID    string `avro:"id"`
	Title string `avro:"title"`
}

// InteractiveSection groups list rows or products.
type InteractiveSection struct {
	Title    string           `avro:"title,null"`
	Rows     []InteractiveRow `avro:"rows"`
	Products []string         `avro:"products"` // product_retailer_id
}

// InteractiveRow is one row of a list.
type InteractiveRow struct {
	ID          string `avro:"id"`
	Title       string `avro:"title"`
	Description string `avro:"description,null"`
}

// Raw is a kind not modelled here: Meta's type and the JSON object that goes under it.
type Raw struct {
	Type string `avro:"type"`
	JSON string `avro:"json"`
}

// ContentType returns "text".
func (Text) ContentType() string { return "text" }

// ContentType returns the kind of media.
func (m Media) ContentType() string { return string(m.Kind) }

// ContentType returns "location".
func (Location) ContentType() string { return "location" }

// ContentType returns "contacts".
func (Contacts) ContentType() string { return "contacts" }

// ContentType returns "reaction".
func (Reaction) ContentType() string { return "reaction" }

// ContentType returns "template".
func (Template) ContentType() string { return "template" }

// ContentType returns "interactive".
func (Interactive) ContentType() string { return "interactive" }

// ContentType returns "raw": the type inside is the producer's word and stays sealed.
func (Raw) ContentType() string { return "raw" }
