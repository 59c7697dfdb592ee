package validate

import (
	"encoding/json"
	"strings"

	"github.com/whatsapplink/cloud/schemas"
)

const maxRawType = 64

// reserved are the keys of Meta's call that are not kinds of message. A Raw of such a type would take the place of the
// recipient, of our callback data or of the kind of call itself.
var reserved = map[string]bool{
	"messaging_product": true, "recipient_type": true, "to": true, "recipient": true, "type": true, "context": true,
	"biz_opaque_callback_data": true, "recipient_identity_key_hash": true, "category": true, "ttl_seconds": true,
	"product_policy": true, "message_activity_sharing": true,
	"status": true, "message_id": true, "typing_indicator": true, // the read receipt goes to the same address
}

// raw judges a kind not modelled here; its size is bounded with the payload's.
func raw(r schemas.Raw) string {
	switch {
	case r.Type == "" || len(r.Type) > maxRawType || !isLower(r.Type[0]) || !all(r.Type, isSnake):
		return ReasonRawInvalidType
	case reserved[r.Type]:
		return ReasonRawReservedType
	case len(r.JSON) > sizeClasses[len(sizeClasses)-1].bytes:
		return ReasonContentTooLarge
	case !isJSONObject(r.JSON):
		return ReasonRawInvalidJSON
	}
	return ""
}

func isJSONObject(s string) bool {
	return strings.HasPrefix(strings.TrimLeft(s, " \t\r\n"), "{") && json.Valid([]byte(s))
}

func isSnake(c byte) bool { return isLower(c) || isDigit(c) || c == '_' }
