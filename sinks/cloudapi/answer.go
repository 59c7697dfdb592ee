// Package cloudapi sends messages through Meta's WhatsApp Cloud API (POST /{phone-number-id}/messages).
//
// Its one invariant: a Send is at most one request on the wire, and what became of it is a value, never an error. It
// decides nothing: stages/deliver says what an Answer means. It imports schemas nowhere and Kafka nowhere.
package cloudapi

import (
	"fmt"
	"io"
	"log/slog"
	"time"
)

// Phase says how far a request came, which decides whether it may be repeated.
type Phase int

const (
	// NotSent: provably no byte of the request left (dial or TLS failed, our own deadline passed before).
	NotSent Phase = iota
	// Ambiguous: the request, or a part of it, left and no complete answer came back. It may have been accepted.
	Ambiguous
	// Answered: a complete HTTP answer came back. It may still be without a JSON body.
	Answered
)

// String names the phase.
func (p Phase) String() string {
	return [...]string{"not_sent", "ambiguous", "answered"}[p]
}

// Secret is a token. It prints as [redacted] wherever it could print.
type Secret string

// Format prints [redacted] for every verb.
func (Secret) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[redacted]") }

// LogValue logs [redacted].
func (Secret) LogValue() slog.Value { return slog.StringValue("[redacted]") }

// MarshalText marshals to [redacted].
func (Secret) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }

// Message is one send.
type Message struct {
	SenderID string // Meta's phone number id
	Token    Secret
	Body     []byte    // JSON, as Meta wants it
	Until    time.Time // when the call may no longer begin, by the monotonic clock
}

// Answer is what became of a send. WAMID, WaID, UserID and ErrorText are personal data or content until proven
// otherwise: seal them, never log them.
type Answer struct {
	Phase         Phase
	HTTPStatus    int           // 0 unless Answered
	Code          int           // Meta's error.code; 0 for none
	Parsed        bool          // the body was Meta's JSON: a message id or an error.code
	WAMID         string        // messages[0].id
	WaID          string        // contacts[0].wa_id
	UserID        string        // contacts[0].user_id
	MessageStatus string        // accepted, held_for_quality_assessment, paused; "" where Meta says nothing
	RetryAfter    time.Duration // of the Retry-After header; 0 for none
	ErrorText     string        // error.message and error.error_data.details
	TraceID       string        // error.fbtrace_id
	Latency       time.Duration // of the whole call
}
