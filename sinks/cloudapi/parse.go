package cloudapi

import (
	"encoding/json"
	"strings"
)

// reply is Meta's success and error body in one. Everything is optional: plain Graph errors lack error_data, some APIs
// send it as a string, proxies send no JSON at all.
type reply struct {
	Contacts []struct {
		WaID   string `json:"wa_id"`
		UserID string `json:"user_id"`
	} `json:"contacts"`
	Messages []struct {
		ID     string `json:"id"`
		Status string `json:"message_status"`
	} `json:"messages"`
	Error *struct {
		Message string          `json:"message"`
		Code    json.Number     `json:"code"`
		Data    json.RawMessage `json:"error_data"`
		TraceID string          `json:"fbtrace_id"`
	} `json:"error"`
}

// parse fills what the body says into a, and leaves Parsed false where it is not Meta's. A part of another type than
// expected is a missing part: it must not hide the message id of an accepted send.
func parse(body []byte, a *Answer) {
	var r reply
	if !json.Valid(body) {
		return
	}
	_ = json.Unmarshal(body, &r)
	taken := len(r.Messages) > 0 && r.Messages[0].ID != ""
	if r.Error != nil {
		if taken { // it may have been accepted: to try again may be to send twice
			return
		}
		code, err := r.Error.Code.Int64()
		if err != nil || code != int64(int32(code)) {
			return
		}
		a.Code, a.Parsed, a.TraceID = int(code), true, r.Error.TraceID
		a.ErrorText = strings.TrimSpace(r.Error.Message + " " + details(r.Error.Data))
		return
	}
	if !taken {
		return
	}
	a.Parsed, a.WAMID, a.MessageStatus = true, r.Messages[0].ID, r.Messages[0].Status
	if len(r.Contacts) > 0 {
		a.WaID, a.UserID = r.Contacts[0].WaID, r.Contacts[0].UserID
	}
}

// details reads error_data as an object with details, or as a string.
func details(raw json.RawMessage) string {
	var object struct {
		Details string `json:"details"`
	}
	if json.Unmarshal(raw, &object) == nil {
		return object.Details
	}
	var text string
	_ = json.Unmarshal(raw, &text)
	return text
}
