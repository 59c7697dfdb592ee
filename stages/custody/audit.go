package custody

import (
	"bytes"
	"crypto/ecdh"
	"regexp"

	"github.com/oklog/ulid/v2"

	"github.com/whatsapplink/cloud/schemas"
)

// verbs are the contract's; those that are not carried out are refused until their own issue.
var verbs = map[string]bool{
	Show: true, ShowRejected: true, Redrive: true,
	"hold": true, "approve": true, "release": true, "grant": true, "erase": true, "suspend": true, "resume": true,
}

// actions say in the audit what a verb does, and what was refused of it.
var actions = map[string]struct{ done, refused string }{
	Show:         {"content_shown", "content_refused"},
	ShowRejected: {"rejected_shown", "rejected_refused"},
	Redrive:      {"rejected_redriven", "rejected_refused"},
}

// purposes may stand in an audit record.
var purposes = map[string]bool{"debug": true, "support": true, "legal": true}

func (s *Stage) audit(in *Asked, reason string) schemas.AuditRecord {
	c := &in.Control
	action, ok := actions[c.Verb]
	if !ok {
		action = actions[Show]
	}
	a := schemas.AuditRecord{AuditID: auditID(c), Action: action.done, Detail: reason, At: in.Now, PolicyVersion: s.PolicyVersion}
	if reason != "" {
		a.Action = action.refused
	}
	if wellFormedName(c.Actor) {
		a.Actor = c.Actor
	}
	if wellFormedULID(c.ControlID) {
		a.ControlID = c.ControlID
	}
	if purposes[c.Purpose] {
		a.Purpose = c.Purpose
	}
	if wellFormedName(c.IncidentID) {
		a.IncidentID = c.IncidentID
	}
	if _, known := s.Tenant(c.TenantID); known {
		a.TenantID = c.TenantID
	}
	message := c.MessageID
	if reason == "" && c.Verb != Show { // then the letter is of our writing
		message, a.Detail = in.Letter.MessageID, in.Letter.Source.String()
	}
	if a.TenantID != "" && schemas.WellFormedMessageID(message) {
		a.MessageID = message
	}
	return a
}

// event tells that content was shown; a redrive shows none.
func (s *Stage) event(in *Asked) *schemas.Event {
	var e schemas.Event
	switch in.Control.Verb {
	case Show:
		d := in.Delivered
		e = schemas.NewEvent(schemas.KindShown, "custody", d.Identity, &d.Clear, in.Now)
		e.Attempt, e.DueAt = d.Attempt, d.DueAt
		e.SenderID, e.Region, e.Processor, e.TransferBasis = d.Sender, d.Region, d.Processor, d.TransferBasis
	case ShowRejected:
		l := in.Letter
		id := schemas.Identity{TenantID: l.TenantID, MessageID: l.MessageID, AcceptedAt: l.AcceptedAt}
		e = schemas.NewEvent(schemas.KindShown, "custody", id, &schemas.Clear{}, in.Now)
		e.DueAt = l.AppendedAt.Add(LetterWindow)
	default:
		return nil
	}
	e.Detail, e.Reason, e.PolicyVersion = in.Control.ControlID, in.Control.Purpose, s.PolicyVersion
	return &e
}

var name = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._-]{0,47}$`)

// wellFormedName accepts ids of staff and of incidents: a letter first and at most seven digits in all, so that neither a
// phone number nor an e-mail address passes.
func wellFormedName(s string) bool {
	digits := 0
	for i := range len(s) {
		if s[i] >= '0' && s[i] <= '9' {
			digits++
		}
	}
	return digits <= 7 && name.MatchString(s)
}

func wellFormedULID(s string) bool {
	_, err := ulid.ParseStrict(s)
	return err == nil
}

// probe is any private key: agreeing with it tells a usable public key from one of low order.
var probe, _ = ecdh.X25519().NewPrivateKey(bytes.Repeat([]byte{1}, 32))

// usableKey says whether an answer can be sealed to a key: 32 bytes, and not of low order, where the secret would be
// zero and known to all (RFC 7748, section 6.1).
func usableKey(b []byte) bool {
	key, err := ecdh.X25519().NewPublicKey(b)
	if err != nil {
		return false
	}
	_, err = probe.ECDH(key)
	return err == nil
}
