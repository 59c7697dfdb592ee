// Package custody decides what a tenant, a person or the law may have of content.
//
// Its one invariant: every control yields exactly one decision with exactly one audit record, which is written before the
// effect; whatever is not explicitly allowed is refused. What an asker typed enters an audit record only where it has the
// form of an id. It imports schemas and pure libraries: no adapter, no clock, no key.
package custody

import (
	"crypto/sha256"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/whatsapplink/cloud/schemas"
)

// The verbs that are carried out.
const (
	Show         = "show"          // a message's content, on its way or in its diagnostic copy, sealed to the asker
	ShowRejected = "show_rejected" // a dead letter's original, sealed to the asker; message_id holds its source coordinates
	Redrive      = "redrive"       // publish a dead letter's original again, shown to nobody; message_id as above
)

// Asked is a control with what it asks for; nil where none was found.
type Asked struct {
	Control   schemas.Control
	Delivered *schemas.Delivered // of show
	Transit   bool               // Delivered stands for the copy of a message on its way; OutcomeAt is zero while it has no outcome
	Letter    *Letter            // of show_rejected and redrive
	Now       time.Time
}

// Decision is the answer to a control. The audit record is appended, acknowledged, with ReadTo and ReadHash filled by who
// appends it, before anything is opened. Event is nil when the control is refused, and when nobody sees content.
type Decision struct {
	Allow  bool
	Reason string // of a refusal
	Audit  schemas.AuditRecord
	Event  *schemas.Event
}

// Stage holds the register and the policy a decision rests on.
type Stage struct {
	Tenant        func(id string) (schemas.Tenant, bool)
	PolicyVersion string
}

// patience is how long an answer is kept: a control older than that has nobody waiting, so a replay of the log of
// controls shows nothing twice.
const patience = 10 * time.Minute

// Step decides one control. The same control decides alike at a repeat within the window, under the same audit id.
func (s *Stage) Step(in Asked) ([]Decision, error) {
	d := Decision{Reason: s.Refusal(&in)}
	d.Allow = d.Reason == ""
	d.Audit = s.audit(&in, d.Reason)
	if d.Allow {
		d.Event = s.event(&in)
	}
	return []Decision{d}, nil
}

// Refusal returns why a control is refused at in.Now, "" when it is allowed. Who carries it out asks again before the effect:
// the audit, the key topic and the keeper can take until the window is over.
func (s *Stage) Refusal(in *Asked) string {
	c := &in.Control
	switch {
	case !verbs[c.Verb]:
		return ReasonUnknownVerb
	case c.Verb != Show && c.Verb != ShowRejected && c.Verb != Redrive:
		return ReasonNotSupportedYet
	case !wellFormedULID(c.ControlID):
		return ReasonBadControlID
	case !wellFormedName(c.Actor):
		return ReasonNoActor
	case c.Purpose != "debug" && c.Purpose != "support":
		return ReasonPurposeNotAllowed
	case !wellFormedName(c.IncidentID):
		return ReasonNoIncident
	case in.Now.Sub(c.At) > patience:
		return ReasonStale
	case c.Verb != Redrive && !usableKey(c.PublicKey):
		return ReasonBadPublicKey
	}
	if c.Verb != Show {
		return in.Letter.Refusal(in)
	}
	if _, known := s.Tenant(c.TenantID); !known {
		return ReasonUnknownTenant
	}
	return unreadable(in)
}

// unreadable says why the copy may not be read, "" when it may.
func unreadable(in *Asked) string {
	d := in.Delivered
	switch {
	case d == nil || d.TenantID != in.Control.TenantID || d.MessageID != in.Control.MessageID:
		return ReasonNotFound
	case in.Transit && d.OutcomeAt.IsZero(): // readable from its acceptance on
		return ""
	case !in.Now.Before(readableUntil(d)):
		return ReasonWindowOver
	case d.Content == nil:
		return ReasonNoContent
	}
	return ""
}

// readableUntil is outcome + the message's own window, whatever lane the copy is in; a window that cannot be read is none.
func readableUntil(d *schemas.Delivered) time.Time {
	window, err := time.ParseDuration(d.Window)
	if err != nil {
		return time.Time{}
	}
	return d.OutcomeAt.Add(window)
}

// auditID is derived from the control, so that a repeat of it audits the same row.
func auditID(c *schemas.Control) string {
	var id ulid.ULID
	sum := sha256.Sum256([]byte("audit\x00" + c.ControlID + "\x00" + c.Verb))
	copy(id[6:], sum[:10])
	if asked, err := ulid.ParseStrict(c.ControlID); err == nil {
		copy(id[:6], asked[:6]) // the time the control was made
	}
	return id.String()
}
