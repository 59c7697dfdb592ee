package deliver

import (
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/whatsapplink/cloud/schemas"
)

// Phase says how far a call got.
type Phase int

// NotSent is provably before the first byte of the request, Answered has a whole answer, Ambiguous is all between.
const (
	NotSent Phase = iota
	Ambiguous
	Answered
)

// Why a call was not made; the closed list of Answer.Reason.
const (
	ReasonClaimOver    = "claim_over"    // the claim was too old to dial
	ReasonUnreachable  = "unreachable"   // dial or TLS
	ReasonNoCredential = "no_credential" // no token file for the sender
	ReasonContentGone  = "content_gone"  // the transit seed is no longer there
	ReasonUnrenderable = "unrenderable"  // the content cannot be put in Meta's form
	ReasonErased       = "erased"        // the message's key was destroyed on request
)

// Plaintext is an opened payload on its way from the call to the diagnostic copy. It prints as [plaintext].
type Plaintext []byte

// Format prints [plaintext] for every verb.
func (Plaintext) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[plaintext]") }

// LogValue logs [plaintext].
func (Plaintext) LogValue() slog.Value { return slog.StringValue("[plaintext]") }

// Answer is the result of a Dial: what the Cloud API said, or how far the call got.
type Answer struct {
	Phase       Phase
	Reason      string // of NotSent
	Accepted    bool   // a message id came back
	Refused     bool   // an error.code came back
	Code        int32  // error.code, which may be 0
	RetryAfter  time.Duration
	Latency     time.Duration
	ProviderRef []byte
	Plain       Plaintext            // the opened payload, nil where it was not opened
	Diagnostics *schemas.Diagnostics // nil without an answer
}
