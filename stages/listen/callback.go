package listen

import (
	"encoding/json"
	"errors"

	"github.com/whatsapplink/cloud/pipeline"
)

// The parts of Meta's callbacks that are read, as in "Webhooks" of the Cloud API; everything else is accepted and left.

type callback struct {
	Object text    `json:"object"`
	Entry  []entry `json:"entry"`
}

type entry struct {
	ID      text     `json:"id"`   // WABA
	Time    number   `json:"time"` // account-level fields only
	Changes []change `json:"changes"`
}

type change struct {
	Field text  `json:"field"`
	Value value `json:"value"`
}

type value struct {
	Metadata struct {
		PhoneNumberID text `json:"phone_number_id"`
	} `json:"metadata"`
	Contacts    []person     `json:"contacts"`
	Statuses    []status     `json:"statuses"`
	Messages    []inbound    `json:"messages"`
	Errors      []fault      `json:"errors"`
	Preferences []preference `json:"user_preferences"`

	Event            text `json:"event"` // account-level fields
	TemplateName     text `json:"message_template_name"`
	TemplateLanguage text `json:"message_template_language"`
	OtherInfo        struct {
		Title text `json:"title"`
	} `json:"other_info"`
	BanInfo struct {
		State text `json:"waba_ban_state"`
	} `json:"ban_info"`
	Restrictions []struct {
		Expiration number `json:"expiration"`
	} `json:"restriction_info"`
}

type person struct {
	WaID         text `json:"wa_id"`
	UserID       text `json:"user_id"`
	ParentUserID text `json:"parent_user_id"`
}

type status struct {
	ID                    text   `json:"id"`
	Status                text   `json:"status"`
	Timestamp             number `json:"timestamp"`
	RecipientID           text   `json:"recipient_id"`
	RecipientUserID       text   `json:"recipient_user_id"`
	ParentRecipientUserID text   `json:"parent_recipient_user_id"`
	ParentUserID          text   `json:"parent_user_id"`
	CallbackData          text   `json:"biz_opaque_callback_data"`
	Pricing               struct {
		Billable flag `json:"billable"`
		Category text `json:"category"`
	} `json:"pricing"`
	Errors []fault `json:"errors"`
}

type fault struct {
	Code number `json:"code"`
}

type inbound struct {
	From             text   `json:"from"`
	FromUserID       text   `json:"from_user_id"`
	FromParentUserID text   `json:"from_parent_user_id"`
	Timestamp        number `json:"timestamp"`
	Text             struct {
		Body text `json:"body"`
	} `json:"text"`
	Button struct {
		Payload text `json:"payload"`
		Text    text `json:"text"`
	} `json:"button"`
	Interactive struct {
		ButtonReply reply `json:"button_reply"`
		ListReply   reply `json:"list_reply"`
	} `json:"interactive"`
}

type reply struct {
	ID    text `json:"id"`
	Title text `json:"title"`
}

type preference struct {
	person
	Value     text   `json:"value"`
	Timestamp number `json:"timestamp"`
}

// Limits of one callback, Meta's for bytes and updates.
const (
	MaxBody    = 3 << 20
	MaxUpdates = 1000
	maxNesting = 32
)

// parse reads a body within the limits. A part of the wrong type is a missing part. Its errors are rejections and quote
// nothing.
func parse(body []byte) (callback, error) {
	var c callback
	if len(body) > MaxBody {
		return c, pipeline.Reject(ReasonTooLarge)
	}
	if nesting(body) > maxNesting {
		return c, pipeline.Reject(ReasonTooDeep)
	}
	var mistyped *json.UnmarshalTypeError
	if err := json.Unmarshal(body, &c); err != nil && !errors.As(err, &mistyped) {
		return c, pipeline.Reject(ReasonNotJSON)
	}
	if c.updates() > MaxUpdates {
		return c, pipeline.Reject(ReasonTooManyUpdates)
	}
	return c, nil
}

func (c *callback) updates() int {
	n := 0
	for i := range c.Entry {
		for j := range c.Entry[i].Changes {
			v := &c.Entry[i].Changes[j].Value
			n += max(1, len(v.Statuses)+len(v.Messages)+len(v.Errors)+len(v.Preferences))
		}
	}
	return n
}
