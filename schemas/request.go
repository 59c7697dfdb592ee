package schemas

import "time"

// Category is Meta's message category, which decides price and which stops and objections apply.
type Category string

// The categories of a message.
const (
	Authentication Category = "authentication"
	Utility        Category = "utility"
	Marketing      Category = "marketing"
	Service        Category = "service"
)

// Recipient names whom a message is for, by phone (E.164), by business-scoped user id, or both.
type Recipient struct {
	Phone  string `avro:"phone,null"`
	UserID string `avro:"user_id,null"`
}

// MessageRequest is what a producer publishes to requests or requests.<tenant>: the one record with content in clear.
type MessageRequest struct {
	MessageID        string            `avro:"message_id"`             // ULID or UUID, chosen by the producer
	TenantID         string            `avro:"tenant_id"`              // ^[a-z0-9][a-z0-9_-]{2,63}$
	SenderID         string            `avro:"sender_id,null"`         // Meta's phone number id; "" lets route choose
	Recipient        Recipient         `avro:"recipient"`              //
	Category         Category          `avro:"category"`               //
	Content          Content           `avro:"content"`                //
	ReplyTo          string            `avro:"reply_to,null"`          // wamid of the message replied to
	CreatedAt        time.Time         `avro:"created_at"`             // timestamp-millis, the producer's clock, information only
	ExpiresAt        time.Time         `avro:"expires_at,null"`        // timestamp-millis; never sent after
	DiagnosticWindow string            `avro:"diagnostic_window,null"` // one of the windows or "0s"; "" takes the tenant's
	Labels           map[string]string `avro:"labels"`                 // at most 8, in clear for analysis
}
