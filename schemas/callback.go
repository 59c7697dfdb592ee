package schemas

import (
	"strconv"
	"strings"
	"time"
)

// CallbackData rides in biz_opaque_callback_data of a send and comes back in every status callback of it, so that a
// callback names its send without a look-up. Clear metadata only; Meta allows 512 characters.
type CallbackData struct {
	Identity
	Attempt     int32
	Category    Category
	Country     string
	ContentType string
	Window      string
}

const callbackVersion = "v1"

// String returns v1|tenant|message id|attempt|accepted_at|category|country|content_type|window, accepted_at in Unix
// milliseconds (the resolution of the broker's append time).
func (c CallbackData) String() string {
	return strings.Join([]string{
		callbackVersion, c.TenantID, c.MessageID,
		strconv.FormatInt(int64(c.Attempt), 10), strconv.FormatInt(c.AcceptedAt.UnixMilli(), 10),
		string(c.Category), c.Country, c.ContentType, c.Window,
	}, "|")
}

// ParseCallbackData reads what String wrote; ok is false for anything else.
func ParseCallbackData(s string) (c CallbackData, ok bool) {
	parts := strings.Split(s, "|")
	if len(s) > 512 || len(parts) != 9 || parts[0] != callbackVersion || parts[1] == "" || parts[2] == "" {
		return CallbackData{}, false
	}
	attempt, err := strconv.ParseInt(parts[3], 10, 32)
	if err != nil || attempt < 1 {
		return CallbackData{}, false
	}
	millis, err := strconv.ParseInt(parts[4], 10, 64)
	if err != nil || millis < 0 {
		return CallbackData{}, false
	}
	return CallbackData{
		Identity: Identity{TenantID: parts[1], MessageID: parts[2], AcceptedAt: time.UnixMilli(millis).UTC()},
		Attempt:  int32(attempt), Category: Category(parts[5]), Country: parts[6], ContentType: parts[7], Window: parts[8],
	}, true
}
