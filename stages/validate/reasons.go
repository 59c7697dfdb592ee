package validate

import (
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
)

// Tenant and identity: the reasons of a rejection; meanings says what each tells.
const (
	ReasonInvalidTenantID  = "invalid_tenant_id"
	ReasonTenantMismatch   = "tenant_mismatch"
	ReasonUnknownTenant    = "unknown_tenant"
	ReasonTenantSuspended  = "tenant_suspended"
	ReasonTenantClosed     = "tenant_closed"
	ReasonInvalidMessageID = "invalid_message_id"
)

// Envelope: the reasons of a rejection; meanings says what each tells.
const (
	ReasonUnknownCategory = "unknown_category"
	ReasonUnknownSender   = "unknown_sender"
	ReasonInvalidReplyTo  = "invalid_reply_to"
	ReasonReactionAsReply = "reaction_as_reply"
	ReasonTooManyLabels   = "too_many_labels"
	ReasonUndeclaredLabel = "undeclared_label"
	ReasonInvalidLabel    = "invalid_label"
)

// Recipient: the reasons of a rejection; meanings says what each tells.
const (
	ReasonNoRecipient              = "no_recipient"
	ReasonInvalidUserID            = "invalid_user_id"
	ReasonInvalidPhone             = "invalid_phone"
	ReasonAuthenticationNeedsPhone = "authentication_needs_phone"
	ReasonCountryNotAllowed        = "country_not_allowed"
	ReasonOptedOut                 = "opted_out"
)

// Times: the reasons of a rejection; meanings says what each tells.
const (
	ReasonExpired       = "expired"
	ReasonUnknownWindow = "unknown_window"
)

// Content: the reasons of a rejection; meanings says what each tells.
const (
	ReasonNoContent              = "no_content"
	ReasonContentTooLarge        = "content_too_large"
	ReasonTextEmpty              = "text_empty"
	ReasonTextTooLong            = "text_too_long"
	ReasonMediaUnknownKind       = "media_unknown_kind"
	ReasonMediaSource            = "media_source"
	ReasonMediaInvalidID         = "media_invalid_id"
	ReasonMediaInvalidLink       = "media_invalid_link"
	ReasonMediaPartNotAllowed    = "media_part_not_allowed"
	ReasonMediaCaptionTooLong    = "media_caption_too_long"
	ReasonLocationOutOfRange     = "location_out_of_range"
	ReasonContactsEmpty          = "contacts_empty"
	ReasonContactsTooMany        = "contacts_too_many"
	ReasonContactNameIncomplete  = "contact_name_incomplete"
	ReasonContactEntryEmpty      = "contact_entry_empty"
	ReasonContactInvalidBirthday = "contact_invalid_birthday"
	ReasonReactionInvalidTarget  = "reaction_invalid_target"
	ReasonReactionInvalidEmoji   = "reaction_invalid_emoji"
)

// Templates: the reasons of a rejection; meanings says what each tells.
const (
	ReasonTemplateInvalidName       = "template_invalid_name"
	ReasonTemplateInvalidLanguage   = "template_invalid_language"
	ReasonTemplateUnknownComponent  = "template_unknown_component"
	ReasonTemplateComponentRepeated = "template_component_repeated"
	ReasonTemplateInvalidButton     = "template_invalid_button"
	ReasonTemplateTooManyParameters = "template_too_many_parameters"
	ReasonTemplateParameterType     = "template_parameter_type"
	ReasonTemplateParameterEmpty    = "template_parameter_empty"
	ReasonTemplateParameterName     = "template_parameter_name"
	ReasonTemplateTextSpacing       = "template_text_spacing"
	ReasonTemplateHeaderTooLong     = "template_header_too_long"
	ReasonTemplateBodyTooLong       = "template_body_too_long"
	ReasonTemplateURLTooLong        = "template_url_too_long"
	ReasonTemplateCouponTooLong     = "template_coupon_too_long"
	ReasonTemplateInvalidAction     = "template_invalid_action"
	ReasonOTPNotText                = "otp_not_text"
	ReasonOTPTooLong                = "otp_too_long"
	ReasonOTPNotPlain               = "otp_not_plain"
)

// Interactive messages: the reasons of a rejection; meanings says what each tells.
const (
	ReasonInteractiveUnknownType           = "interactive_unknown_type"
	ReasonInteractivePartMissing           = "interactive_part_missing"
	ReasonInteractivePartNotAllowed        = "interactive_part_not_allowed"
	ReasonInteractiveInvalidAction         = "interactive_invalid_action"
	ReasonInteractiveInvalidParameters     = "interactive_invalid_parameters"
	ReasonInteractiveInvalidHeader         = "interactive_invalid_header"
	ReasonInteractiveHeaderTooLong         = "interactive_header_too_long"
	ReasonInteractiveBodyTooLong           = "interactive_body_too_long"
	ReasonInteractiveFooterTooLong         = "interactive_footer_too_long"
	ReasonInteractiveEntryIncomplete       = "interactive_entry_incomplete"
	ReasonInteractiveEntryRepeated         = "interactive_entry_repeated"
	ReasonInteractiveTooManyButtons        = "interactive_too_many_buttons"
	ReasonInteractiveTooManySections       = "interactive_too_many_sections"
	ReasonInteractiveTooManyRows           = "interactive_too_many_rows"
	ReasonInteractiveTooManyProducts       = "interactive_too_many_products"
	ReasonInteractiveButtonTitleTooLong    = "interactive_button_title_too_long"
	ReasonInteractiveButtonIDTooLong       = "interactive_button_id_too_long"
	ReasonInteractiveSectionTitleTooLong   = "interactive_section_title_too_long"
	ReasonInteractiveRowIDTooLong          = "interactive_row_id_too_long"
	ReasonInteractiveRowTitleTooLong       = "interactive_row_title_too_long"
	ReasonInteractiveRowDescriptionTooLong = "interactive_row_description_too_long"
)

// Raw: the reasons of a rejection; meanings says what each tells.
const (
	ReasonRawInvalidType  = "raw_invalid_type"
	ReasonRawReservedType = "raw_reserved_type"
	ReasonRawInvalidJSON  = "raw_invalid_json"
)

// meanings lists every reason in the order of the checks, and what it tells the producer. Lengths are UTF-16 units.
var meanings = []struct{ reason, meaning string }{
	{schemas.ReasonEmpty, "the record has no value"},
	{schemas.ReasonTooLarge, "the value is longer than the codec reads"},
	{schemas.ReasonUnknownEncoding, "neither Avro single-object encoding nor, with a registry, the Confluent wire format"},
	{schemas.ReasonUnknownSchema, "written with a schema nobody here knows"},
	{schemas.ReasonIncompatibleSchema, "written with a schema that cannot be read as a MessageRequest"},
	{schemas.ReasonUndecodable, "the bytes are no value of their schema: truncated, too much, out of range"},
	{schemas.ReasonInvalidUTF8, "a string is not UTF-8"},
	{pipeline.ReasonPanic, "the record made the stage panic: a defect of ours, please report it"},
	{ReasonInvalidTenantID, "tenant_id is not ^[a-z0-9][a-z0-9_-]{2,63}$ with fewer than 7 digits in a row"},
	{ReasonTenantMismatch, "tenant_id is not the tenant whose topic this is"},
	{ReasonUnknownTenant, "there is no such tenant"},
	{ReasonTenantSuspended, "the tenant is suspended"},
	{ReasonTenantClosed, "the tenant is closed"},
	{ReasonInvalidMessageID, "message_id is neither a ULID nor a UUID"},
	{ReasonUnknownCategory, "category is none of authentication, utility, marketing, service"},
	{ReasonUnknownSender, "sender_id is none of the tenant's senders"},
	{ReasonInvalidReplyTo, "reply_to is no WhatsApp message id"},
	{ReasonReactionAsReply, "a reaction cannot be a reply"},
	{ReasonTooManyLabels, "more than 8 labels"},
	{ReasonUndeclaredLabel, "the tenant has not declared this label key"},
	{ReasonInvalidLabel, "a label value is not ^[a-z0-9_.-]{1,48}$ with fewer than 7 digits in all"},
	{ReasonNoRecipient, "neither phone nor user_id"},
	{ReasonInvalidUserID, "user_id is no business-scoped user id (CC.… or CC.ENT.…)"},
	{ReasonInvalidPhone, "phone is no valid international number with a plus that a person can have WhatsApp on"},
	{ReasonAuthenticationNeedsPhone, "authentication messages go to phone numbers only (Meta's 131062)"},
	{ReasonCountryNotAllowed, "the recipient's country is not among the tenant's allowed_countries"},
	{ReasonOptedOut, "the recipient objected to messages of this category"},
	{ReasonExpired, "expires_at is not after the time of acceptance"},
	{ReasonUnknownWindow, "diagnostic_window is neither 0s nor one of the windows in service"},
	{ReasonNoContent, "there is no content"},
	{ReasonContentTooLarge, "recipient and content take more than 64 KiB when encoded"},
	{ReasonTextEmpty, "the body is empty"},
	{ReasonTextTooLong, "the body is longer than 4,096"},
	{ReasonMediaUnknownKind, "kind is none of image, video, audio, document, sticker"},
	{ReasonMediaSource, "exactly one of id and link is needed"},
	{ReasonMediaInvalidID, "id is no media id"},
	{ReasonMediaInvalidLink, "link is no http or https address"},
	{ReasonMediaPartNotAllowed, "caption, filename or voice on a kind that has none"},
	{ReasonMediaCaptionTooLong, "the caption is longer than 1,024"},
	{ReasonLocationOutOfRange, "latitude beyond 90 or longitude beyond 180 degrees, or no number"},
	{ReasonContactsEmpty, "no contact card"},
	{ReasonContactsTooMany, "more than 257 contact cards"},
	{ReasonContactNameIncomplete, "a card needs formatted_name and one other part of the name"},
	{ReasonContactEntryEmpty, "a phone, e-mail or web address of a card is empty"},
	{ReasonContactInvalidBirthday, "birthday is no date YYYY-MM-DD"},
	{ReasonReactionInvalidTarget, "message_id is no WhatsApp message id"},
	{ReasonReactionInvalidEmoji, "emoji is no single emoji"},
	{ReasonTemplateInvalidName, "name is not 1 to 512 lower-case letters, digits and underscores"},
	{ReasonTemplateInvalidLanguage, "language is no locale code such as en or en_US"},
	{ReasonTemplateUnknownComponent, "a component is none of header, body, button"},
	{ReasonTemplateComponentRepeated, "a header, a body or a button's index stands twice"},
	{ReasonTemplateInvalidButton, "a button's sub_type is unknown or its index not 0 to 9, or another component has them"},
	{ReasonTemplateTooManyParameters, "more parameters than the component can hold (header and button 1, body 204)"},
	{ReasonTemplateParameterType, "the component does not take this type of parameter"},
	{ReasonTemplateParameterEmpty, "the parameter's value is missing or incomplete"},
	{ReasonTemplateParameterName, "parameter_name is malformed, stands twice, or only some parameters have one"},
	{ReasonTemplateTextSpacing, "a text parameter holds a new line, a tab or more than 4 spaces in a row (Meta's 132018)"},
	{ReasonTemplateHeaderTooLong, "a header's parameter is longer than 60"},
	{ReasonTemplateBodyTooLong, "a body's parameters are longer than 1,024 together"},
	{ReasonTemplateURLTooLong, "a URL button's parameter is longer than 2,000"},
	{ReasonTemplateCouponTooLong, "a coupon code is longer than 20"},
	{ReasonTemplateInvalidAction, "action is no JSON object"},
	{ReasonOTPNotText, "an authentication template takes text only"},
	{ReasonOTPTooLong, "a one-time password is longer than 15"},
	{ReasonOTPNotPlain, "a one-time password holds an address or an emoji"},
	{ReasonInteractiveUnknownType, "type is not modelled; send it as Raw"},
	{ReasonInteractivePartMissing, "a part that this type needs is missing"},
	{ReasonInteractivePartNotAllowed, "a part that this type does not have is set"},
	{ReasonInteractiveInvalidAction, "action_name is not the one of this type"},
	{ReasonInteractiveInvalidParameters, "parameters is no JSON object or lacks what this type needs"},
	{ReasonInteractiveInvalidHeader, "the header is not one of text, image, video, document without caption, or not text where only text goes"},
	{ReasonInteractiveHeaderTooLong, "the header is longer than 60"},
	{ReasonInteractiveBodyTooLong, "the body is longer than 1,024 (list: 4,096)"},
	{ReasonInteractiveFooterTooLong, "the footer is longer than 60"},
	{ReasonInteractiveEntryIncomplete, "a button, row, product or section lacks its id, title or entries"},
	{ReasonInteractiveEntryRepeated, "two buttons or rows have the same id, or two buttons the same title"},
	{ReasonInteractiveTooManyButtons, "more than 3 buttons"},
	{ReasonInteractiveTooManySections, "more than 10 sections"},
	{ReasonInteractiveTooManyRows, "more than 10 rows in all sections"},
	{ReasonInteractiveTooManyProducts, "more than 30 products in all sections"},
	{ReasonInteractiveButtonTitleTooLong, "a button's title, or the label of a list or of a link, is longer than 20"},
	{ReasonInteractiveButtonIDTooLong, "a button's id is longer than 256"},
	{ReasonInteractiveSectionTitleTooLong, "a section's title is longer than 24"},
	{ReasonInteractiveRowIDTooLong, "a row's id is longer than 200"},
	{ReasonInteractiveRowTitleTooLong, "a row's title is longer than 24"},
	{ReasonInteractiveRowDescriptionTooLong, "a row's description is longer than 72"},
	{ReasonRawInvalidType, "type is not 1 to 64 lower-case letters, digits and underscores, a letter first"},
	{ReasonRawReservedType, "type is a key of Meta's call that is no kind of message"},
	{ReasonRawInvalidJSON, "json is no JSON object"},
}

// Reasons is the closed list of the reasons for which this stage rejects, its decoder's and the loop's among them.
var Reasons = func() []string {
	all := make([]string, len(meanings))
	for i, m := range meanings {
		all[i] = m.reason
	}
	return all
}()

// Meaning is one line about a reason, "" for one that is not of this stage.
func Meaning(reason string) string {
	for _, m := range meanings {
		if m.reason == reason {
			return m.meaning
		}
	}
	return ""
}
