package simulator

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"time"
	"unicode/utf16"
)

// update is one status of one send, due at a time.
type update struct {
	due          time.Time // when it comes
	at           time.Time // when it happened
	seq          uint64    // order of coming among those due at once
	status       string
	waba, sender string
	wamid        string
	waID, userID string // one of them
	callbackData string
	category     string
	code         int // of status failed

	double, reordered bool // comes a second time; comes out of order
}

type (
	envelopeJSON struct {
		Object string      `json:"object"`
		Entry  []entryJSON `json:"entry"`
	}
	entryJSON struct {
		ID      string       `json:"id"`
		Changes []changeJSON `json:"changes"`
	}
	changeJSON struct {
		Field string    `json:"field"`
		Value valueJSON `json:"value"`
	}
	valueJSON struct {
		Product  string        `json:"messaging_product"`
		Metadata metadataJSON  `json:"metadata"`
		Contacts []contactJSON `json:"contacts,omitempty"`
		Statuses []statusJSON  `json:"statuses"`
	}
	metadataJSON struct {
		Display string `json:"display_phone_number"`
		ID      string `json:"phone_number_id"`
	}
	contactJSON struct {
		Profile struct {
			Name string `json:"name"`
		} `json:"profile"`
		WaID   string `json:"wa_id,omitempty"`
		UserID string `json:"user_id,omitempty"`
	}
	statusJSON struct {
		ID           string       `json:"id"`
		Status       string       `json:"status"`
		Timestamp    string       `json:"timestamp"`
		RecipientID  string       `json:"recipient_id,omitempty"`
		UserID       string       `json:"recipient_user_id,omitempty"`
		CallbackData string       `json:"biz_opaque_callback_data,omitempty"`
		Pricing      *pricingJSON `json:"pricing,omitempty"`
		Errors       []errorJSON  `json:"errors,omitempty"`
	}
	pricingJSON struct {
		Billable bool   `json:"billable"`
		Model    string `json:"pricing_model"`
		Type     string `json:"type"`
		Category string `json:"category"`
	}
	errorJSON struct {
		Code    int    `json:"code"`
		Title   string `json:"title"`
		Message string `json:"message"`
		Data    struct {
			Details string `json:"details"`
		} `json:"error_data"`
	}
)

// profileName stands in every contact: text that is not ASCII, which Meta escapes.
const profileName = "Zoë Пример"

// envelope is the body of one callback, statuses in the order given, one change per run of the same sender.
func envelope(updates []update) []byte {
	e := envelopeJSON{Object: "whatsapp_business_account"}
	for i := range updates {
		u := &updates[i]
		if i == 0 || updates[i-1].waba != u.waba {
			e.Entry = append(e.Entry, entryJSON{ID: u.waba})
		}
		entry := &e.Entry[len(e.Entry)-1]
		if len(entry.Changes) == 0 || entry.Changes[len(entry.Changes)-1].Value.Metadata.ID != u.sender {
			metadata := metadataJSON{Display: "+1 555 " + u.sender, ID: u.sender}
			entry.Changes = append(entry.Changes, changeJSON{Field: "messages", Value: valueJSON{Product: "whatsapp", Metadata: metadata}})
		}
		value := &entry.Changes[len(entry.Changes)-1].Value
		value.Statuses = append(value.Statuses, u.json())
		if u.status != "failed" {
			contact := contactJSON{WaID: u.waID, UserID: u.userID}
			contact.Profile.Name = profileName
			value.Contacts = append(value.Contacts, contact)
		}
	}
	body, err := json.Marshal(e)
	if err != nil {
		panic(err) // strings and numbers only
	}
	return escape(body)
}

func (u *update) json() statusJSON {
	s := statusJSON{
		ID: u.wamid, Status: u.status, Timestamp: strconv.FormatInt(u.at.Unix(), 10),
		RecipientID: u.waID, UserID: u.userID, CallbackData: u.callbackData,
	}
	switch u.status {
	case "sent", "delivered":
		s.Pricing = &pricingJSON{Billable: true, Model: "PMP", Type: "regular", Category: u.category}
	case "failed":
		e := errorJSON{Code: u.code, Title: codes[u.code].title, Message: codes[u.code].title}
		e.Data.Details = "simulated"
		s.Errors = []errorJSON{e}
	}
	return s
}

// escape writes everything beyond ASCII as \uXXXX in lower-case hex, as Meta does.
func escape(body []byte) []byte {
	var out bytes.Buffer
	out.Grow(len(body) + len(body)/16)
	for _, r := range string(body) {
		if r < 0x80 {
			out.WriteByte(byte(r))
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			out.WriteString(`\u`)
			out.WriteString(hex.EncodeToString([]byte{byte(unit >> 8), byte(unit)}))
		}
	}
	return out.Bytes()
}

// signature is the value of X-Hub-Signature-256 over exactly these bytes.
func signature(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}
