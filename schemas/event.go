package schemas

import "time"

// Kind is what an Event tells of a message.
type Kind string

// The kinds of events.
const (
	KindAccepted   Kind = "accepted"
	KindRepeated   Kind = "repeated"
	KindRejected   Kind = "rejected"
	KindRouted     Kind = "routed"
	KindParked     Kind = "parked"
	KindClaimed    Kind = "claimed"
	KindSent       Kind = "sent"
	KindDelivered  Kind = "delivered"
	KindRead       Kind = "read"
	KindPlayed     Kind = "played"
	KindFailed     Kind = "failed"
	KindUnknown    Kind = "unknown"
	KindExpired    Kind = "expired"
	KindSuppressed Kind = "suppressed"
	KindRedacted   Kind = "redacted"
	KindErased     Kind = "erased"
	KindHeld       Kind = "held"
	KindGranted    Kind = "granted"
	KindReleased   Kind = "released"
	KindShown      Kind = "shown"
	KindSuspended  Kind = "suspended"
	KindStopped    Kind = "stopped"
	KindResumed    Kind = "resumed"
)

// Copy names one copy of a message: where it stands and the seed that seals it.
type Copy struct {
	Topic     string `avro:"topic"`
	Partition int32  `avro:"partition"`
	Offset    int64  `avro:"offset"`
	SeedID    []byte `avro:"seed_id,null"`
}

// Event is one fact about a message, metadata only: the one type that goes to ClickHouse. Its identity is (TenantID,
// MessageID, AcceptedAt, Kind, Attempt, Detail); At may differ between repeats and the earliest counts. Nothing in it
// can hold content, a phone number or a wamid.
type Event struct {
	Identity                          // AcceptedAt is that of the send's first claim
	Kind            Kind              `avro:"kind"`
	Attempt         int32             `avro:"attempt"`
	Detail          string            `avro:"detail"` // per kind, see contract: coordinates, due time, claim id, …
	At              time.Time         `avro:"at"`     // timestamp-micros
	Stage           string            `avro:"stage"`
	Reason          string            `avro:"reason,null"`
	SenderID        string            `avro:"sender_id,null"`
	Region          string            `avro:"region,null"`
	Processor       string            `avro:"processor,null"`
	TransferBasis   string            `avro:"transfer_basis,null"`
	Country         string            `avro:"country,null"`
	Category        string            `avro:"category,null"`
	ContentType     string            `avro:"content_type,null"`
	SizeClass       string            `avro:"size_class,null"`
	TemplateRef     []byte            `avro:"template_ref,null"`
	RecipientRef    []byte            `avro:"recipient_ref,null"`
	ProviderRef     []byte            `avro:"provider_ref,null"`
	ErrorCode       int32             `avro:"error_code"`
	LatencyUS       int64             `avro:"latency_us"`
	Window          string            `avro:"window,null"`
	DueAt           time.Time         `avro:"due_at,null"`
	PricingCategory string            `avro:"pricing_category,null"`
	Billable        *bool             `avro:"billable,null"`
	Labels          map[string]string `avro:"labels"`
	Copy            *Copy             `avro:"copy,null"`
	PolicyVersion   string            `avro:"policy_version"`
}

// Outcome tells a producer what became of its message: final states and callbacks.
type Outcome struct {
	TenantID  string            `avro:"tenant_id"`
	MessageID string            `avro:"message_id"`
	State     Kind              `avro:"state"`
	Reason    string            `avro:"reason,null"`
	ErrorCode int32             `avro:"error_code"`
	Attempt   int32             `avro:"attempt"`
	At        time.Time         `avro:"at"`
	Labels    map[string]string `avro:"labels"`
}

// Receipt is redact's evidence for one lane partition and bucket: EXPIRED when reading is over and the copies are
// stripped, ERASED when the bytes of every seed are gone from every replica.
type Receipt struct {
	State         string    `avro:"state"` // expired, erased
	Lane          string    `avro:"lane"`  // delivered.<window>
	Partition     int32     `avro:"partition"`
	Bucket        time.Time `avro:"bucket"` // start of the bucket of due times
	FirstOffset   int64     `avro:"first_offset"`
	LastOffset    int64     `avro:"last_offset"`
	Count         int64     `avro:"count"`
	Deadline      time.Time `avro:"deadline"` // the latest due time in the bucket
	ObservedAt    time.Time `avro:"observed_at"`
	Seeds         []SeedRef `avro:"seeds"` // distinct, all of the bucket's messages
	PolicyVersion string    `avro:"policy_version"`
}

// NewEvent is an event about one send with its clear fields filled in; the caller adds what is its kind's own.
func NewEvent(kind Kind, stage string, id Identity, c *Clear, at time.Time) Event {
	return Event{
		Identity: id, Kind: kind, Stage: stage, At: at,
		Country: c.Country, Category: string(c.Category), ContentType: c.ContentType, SizeClass: c.SizeClass,
		TemplateRef: c.TemplateRef, RecipientRef: c.RecipientRef(), Window: c.Window, Labels: c.Labels,
		PolicyVersion: c.PolicyVersion,
	}
}
