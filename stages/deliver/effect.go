package deliver

import (
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
)

// Effect is one thing a Partition wants done. cmd/deliver performs it and hands back the result named with each.
type Effect interface{ cause() *work }

// AppendClaim appends a claim to attempts. Result: ignored; the claim counts when it is read back.
type AppendClaim struct {
	Attempt schemas.Attempt
	w       *work
}

// AppendOutcome appends an outcome to attempts. Result: ignored; it counts when it is read back.
type AppendOutcome struct {
	Attempt schemas.Attempt
	w       *work
}

// Dial opens the payload and calls the Cloud API under Claim, unless Deadline is over by then: the claim's life, on the
// monotonic clock, or the message's, whichever is shorter. It is never repeated once a byte of the request may have left. Result: Answer.
type Dial struct {
	Routed    schemas.Routed
	Claim     schemas.Attempt
	ClaimedAt time.Time
	Deadline  time.Time
	w         *work
}

// Park appends Routed to Lane. Result: pipeline.Position of the copy.
type Park struct {
	Routed schemas.Routed
	Lane   string
	w      *work
}

// Copy makes the diagnostic copy of a message whose outcome is final (see Place for where it goes). Result:
// *schemas.Copy, nil when none was written.
type Copy struct {
	Routed      schemas.Routed
	Outcome     schemas.Attempt
	OutcomeAt   time.Time // append time of Outcome in attempts
	Plain       Plaintext // nil: open the payload
	Diagnostics *schemas.Diagnostics
	Resealed    bool // only names the seed of Routed, a transit copy beside that of the message: no content, nothing is told
	w           *work
}

// Emit appends events and outcomes for the producer. Result: ignored.
type Emit struct {
	Events   []schemas.Event
	Outcomes []schemas.Outcome
	w        *work
}

// SetStop writes a stop to its register. Result: ignored.
type SetStop struct {
	Stop schemas.Stop
	w    *work
}

// Suppress writes suppressions to their register. Result: ignored.
type Suppress struct {
	Suppressions []schemas.Suppression
	w            *work
}

// Reject appends a record that cannot be worked on to rejected, with its event. Result: ignored.
type Reject struct {
	Record pipeline.Record
	Reason string
	Of     *schemas.Validated // the message, nil where the record could not be read
	w      *work
}

// ReadBack reads some of the attempts appended from From up to, not including, To: from offset Next on where it is not 0.
// Result: Older.
type ReadBack struct {
	From, To time.Time
	Next     int64
}

// Older is a part of what a ReadBack asked for, of bounded size.
type Older struct {
	Records []pipeline.Record
	Next    int64 // where the rest begins, 0 when there is none
}

// Reread reads one record of attempts again. Result: pipeline.Record, its Value nil when it is gone.
type Reread struct {
	At pipeline.Position
	w  *work
}

// Recall reads one parked record again, out of its turn. Result: pipeline.Record, its Value nil when it is gone.
type Recall struct {
	At pipeline.Position
}

func (e AppendClaim) cause() *work   { return e.w }
func (e AppendOutcome) cause() *work { return e.w }
func (e Dial) cause() *work          { return e.w }
func (e Park) cause() *work          { return e.w }
func (e Copy) cause() *work          { return e.w }
func (e Emit) cause() *work          { return e.w }
func (e SetStop) cause() *work       { return e.w }
func (e Suppress) cause() *work      { return e.w }
func (e Reject) cause() *work        { return e.w }
func (e Reread) cause() *work        { return e.w }
func (ReadBack) cause() *work        { return nil }
func (Recall) cause() *work          { return nil }
