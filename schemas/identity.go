package schemas

import (
	"strconv"
	"time"
)

// Coordinates say where a record stands in Kafka.
type Coordinates struct {
	Topic     string `avro:"topic"` // without the prefix
	Partition int32  `avro:"partition"`
	Offset    int64  `avro:"offset"`
}

// Identity names one send. (TenantID, MessageID) is the message; AcceptedAt tells a reuse after the horizon apart.
type Identity struct {
	TenantID   string    `avro:"tenant_id"`
	MessageID  string    `avro:"message_id"`
	AcceptedAt time.Time `avro:"accepted_at"` // timestamp-micros, the broker's append time of the request
}

// Clear holds the fields about a message that may travel and be stored in clear: all that analysts see of it.
type Clear struct {
	Category      Category          `avro:"category"`
	ContentType   string            `avro:"content_type"`
	SizeClass     string            `avro:"size_class"` // 64, 256, 1k, 4k, 64k: upper bound of the payload's bytes
	Country       string            `avro:"country"`    // ISO 3166-1 alpha-2 of the recipient, "" when unknown
	TemplateRef   []byte            `avro:"template_ref,null"`
	RecipientRefs [][]byte          `avro:"recipient_refs"` // 16 bytes each, one per alias, the first is the primary
	Window        string            `avro:"window"`         // diagnostic window: a Go duration, "0s" for none
	Labels        map[string]string `avro:"labels"`
	PolicyVersion string            `avro:"policy_version"`
}

// RecipientRef returns the primary ref, or nil.
func (c *Clear) RecipientRef() []byte {
	if len(c.RecipientRefs) == 0 {
		return nil
	}
	return c.RecipientRefs[0]
}

// String returns topic/partition/offset, the form in which coordinates stand in Event.Detail.
func (c Coordinates) String() string {
	return c.Topic + "/" + strconv.Itoa(int(c.Partition)) + "/" + strconv.FormatInt(c.Offset, 10)
}
