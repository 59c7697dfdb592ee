package schemas

import "time"

// Validated is an accepted request: clear metadata, and recipient and content sealed under the transit window.
type Validated struct {
	Identity
	Source    Coordinates `avro:"source"`         // of the request
	SenderID  string      `avro:"sender_id,null"` // as requested
	ExpiresAt time.Time   `avro:"expires_at"`     // timestamp-micros; capped to the delivery window
	Clear
	Payload Sealed  `avro:"payload"` // a sealed Payload, purpose transit
	Seed    SeedRef `avro:"seed"`    // of Payload
}

// Verdict is what route decided already and deliver makes final.
type Verdict struct {
	State  string `avro:"state"`  // suppressed, expired, failed
	Reason string `avro:"reason"` // of route's closed list
}

// Routed is a Validated with its way: the value of routed and of the retry lanes.
type Routed struct {
	Validated
	Route
	Verdict  *Verdict  `avro:"verdict,null"`
	Attempt  int32     `avro:"attempt"`        // sends tried so far; 0 from route
	DueAt    time.Time `avro:"due_at,null"`    // not before, in a lane
	InDoubt  string    `avro:"in_doubt,null"`  // claim id whose outcome is not known
	SettleBy time.Time `avro:"settle_by,null"` // when an in-doubt message becomes unknown (or is sent again)
	Origin   string    `avro:"origin"`         // routed, or the lane it was parked from
}

// Route is the sender a message goes out by, and on what basis it crosses borders.
type Route struct {
	Sender        string `avro:"route_sender_id"` // Meta's phone number id; "" only beside a verdict
	WABA          string `avro:"waba_id"`
	Region        string `avro:"region"`         // of the sender
	Processor     string `avro:"processor"`      // who gets the data: "meta"
	TransferBasis string `avro:"transfer_basis"` // same_region, adequacy, scc, none
}

// AttemptClass says what an Attempt record tells.
type AttemptClass string

// A claim, and the outcomes of attempts. Final classes end a message; Retry and NotSent leave it open.
const (
	Claim             AttemptClass = "claim"
	OutcomeSent       AttemptClass = "sent"       // accepted by Meta
	OutcomeFailed     AttemptClass = "failed"     // refused for good
	OutcomeRetry      AttemptClass = "retry"      // refused for now
	OutcomeNotSent    AttemptClass = "not_sent"   // never left us
	OutcomeExpired    AttemptClass = "expired"    //
	OutcomeSuppressed AttemptClass = "suppressed" //
	OutcomeUnknown    AttemptClass = "unknown"    // settle time over, no evidence
)

// Final reports whether the class ends a message.
func (c AttemptClass) Final() bool {
	switch c {
	case OutcomeSent, OutcomeFailed, OutcomeExpired, OutcomeSuppressed, OutcomeUnknown:
		return true
	}
	return false
}

// Attempt is one entry in deliver's log: a claim before a call, or what became of it. The first outcome of a claim in
// the log counts; the append time of the final outcome starts the diagnostic window.
type Attempt struct {
	Identity
	Source       Coordinates  `avro:"source"`   // of the request
	Attempt      int32        `avro:"attempt"`  // from 1; 0 where no send was tried
	ClaimID      string       `avro:"claim_id"` // "" where no send was tried
	SenderID     string       `avro:"sender_id"`
	RecipientRef []byte       `avro:"recipient_ref"`
	Class        AttemptClass `avro:"class"`
	Reason       string       `avro:"reason,null"`
	ErrorCode    int32        `avro:"error_code"` // Meta's, 0 for none
	ProviderRef  []byte       `avro:"provider_ref,null"`
	RetryAt      time.Time    `avro:"retry_at,null"`
	LearnedRate  float64      `avro:"learned_rate"` // messages a second, 0 where nothing was learned
	Window       string       `avro:"window"`
	LatencyUS    int64        `avro:"latency_us"` // of the call, 0 without one
	Evidence     string       `avro:"evidence"`   // answer, callback, clock: where the outcome comes from
}

// Status is a reduced callback: no number, no text.
type Status struct {
	Identity
	Attempt         int32     `avro:"attempt"`
	Status          string    `avro:"status"` // sent, delivered, read, played, failed
	At              time.Time `avro:"at"`     // Meta's timestamp, whole seconds
	SenderID        string    `avro:"sender_id"`
	ProviderRef     []byte    `avro:"provider_ref"`
	ErrorCode       int32     `avro:"error_code"`
	PricingCategory string    `avro:"pricing_category,null"`
	Billable        *bool     `avro:"billable,null"`
	Category        Category  `avro:"category"`
	Country         string    `avro:"country"`
	ContentType     string    `avro:"content_type"`
	Window          string    `avro:"window"`
}

// Delivered is the diagnostic copy: the outcome, every seed the message was ever sealed under, and content and
// diagnostics sealed under the message's own window, or nil.
type Delivered struct {
	Identity
	Source Coordinates `avro:"source"`
	Route
	Clear
	Outcome     AttemptClass `avro:"outcome"`
	Reason      string       `avro:"reason,null"`
	ErrorCode   int32        `avro:"error_code"`
	Attempt     int32        `avro:"attempt"`
	ProviderRef []byte       `avro:"provider_ref,null"`
	OutcomeAt   time.Time    `avro:"outcome_at"` // append time of the outcome in attempts
	DueAt       time.Time    `avro:"due_at"`     // OutcomeAt + window
	Seeds       []SeedRef    `avro:"seeds"`
	Content     *Sealed      `avro:"content,null"`     // a sealed Payload, purpose diagnostic
	Diagnostics *Sealed      `avro:"diagnostics,null"` // a sealed Diagnostics, purpose diagnostic
}

// Redacted is what is left of a message after its window: no content, no personal data beyond refs.
type Redacted struct {
	Identity
	Source Coordinates `avro:"source"`
	Route
	Clear
	Outcome     AttemptClass `avro:"outcome"`
	Reason      string       `avro:"reason,null"`
	ErrorCode   int32        `avro:"error_code"`
	Attempt     int32        `avro:"attempt"`
	ProviderRef []byte       `avro:"provider_ref,null"`
	OutcomeAt   time.Time    `avro:"outcome_at"`
	DueAt       time.Time    `avro:"due_at"`
	Copy        Copy         `avro:"copy"` // which copy was stripped
}

// Rejected is a dead letter: a reason of a closed list and the original bytes, sealed for 24 h.
type Rejected struct {
	Source     Coordinates `avro:"source"`
	Stage      string      `avro:"stage"`
	Reason     string      `avro:"reason"`
	TenantID   string      `avro:"tenant_id"`  // "unknown" unless the tenant is known
	MessageID  string      `avro:"message_id"` // from the coordinates unless well formed
	AcceptedAt time.Time   `avro:"accepted_at"`
	SizeBytes  int64       `avro:"size_bytes"` // of the original value
	Original   Sealed      `avro:"original"`   // the first 512 KiB, purpose rejected; from route and deliver the envelope's bytes as they came
}
