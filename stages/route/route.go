package route

import (
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/whatsapplink/cloud/schemas"
)

// Validated is a record of validated at the time it is routed.
type Validated struct {
	schemas.Validated
	Now time.Time
}

// Stage holds the registers and the policy a decision rests on. All fields are needed.
type Stage struct {
	Tenant        func(id string) (schemas.Tenant, bool)
	Stopped       func(scope, id string) (schemas.Stop, bool)
	Suppressed    func(tenant string, refs [][]byte, category schemas.Category) bool
	Transfers     Transfers
	PolicyVersion string // the policy in force now; stamped on events
}

const (
	origin    = "routed" // the topic a message is first delivered from
	processor = "meta"   // who gets the data of a send
)

// Step returns the one Routed of a Validated: with a way, or with a verdict and the transfer basis none. It never fails.
func (s *Stage) Step(v Validated) ([]schemas.Routed, error) {
	way, verdict := s.decide(&v)
	return []schemas.Routed{{Validated: v.Validated, Route: way, Verdict: verdict, Origin: origin}}, nil
}

func (s *Stage) decide(v *Validated) (schemas.Route, *schemas.Verdict) {
	tenant, known := s.Tenant(v.TenantID)
	switch {
	case !known:
		return end("failed", ReasonTenantUnknown)
	case tenant.Status == "closed": // a suspension is deliver's to wait out: it may lift while there is time
		return end("failed", ReasonTenantClosed)
	case !v.Now.Before(v.ExpiresAt):
		return end("expired", ReasonExpired)
	case s.Suppressed(v.TenantID, v.RecipientRefs, v.Category):
		return end("suppressed", ReasonOptedOut)
	case v.SenderID != "":
		return s.requested(v, &tenant)
	}
	return s.chosen(v, &tenant)
}

func end(state, reason string) (schemas.Route, *schemas.Verdict) {
	return schemas.Route{TransferBasis: None}, &schemas.Verdict{State: state, Reason: reason}
}

// requested takes the sender the producer named. A stop of it is deliver's to wait out: the producer wants this one.
func (s *Stage) requested(v *Validated, tenant *schemas.Tenant) (schemas.Route, *schemas.Verdict) {
	for i := range tenant.Senders {
		sender := &tenant.Senders[i]
		if sender.PhoneNumberID != v.SenderID {
			continue
		}
		basis, ok := s.Transfers.Basis(tenant.Region, sender.Region, v.Country)
		if !ok {
			return end("failed", ReasonNoTransferBasis)
		}
		return by(sender, basis), nil
	}
	return end("failed", ReasonSenderUnknown)
}

// chosen takes the allowed sender of the highest rank for this recipient (rendezvous hashing): the same recipient gets
// the same sender, and a new sender takes only its own share from the others. A blocked sender is passed over while
// another one is allowed.
func (s *Stage) chosen(v *Validated, tenant *schemas.Tenant) (schemas.Route, *schemas.Verdict) {
	var best *schemas.Sender
	var bestBasis string
	var bestRank uint64
	var bestOpen bool
	for i := range tenant.Senders {
		sender := &tenant.Senders[i]
		basis, ok := s.Transfers.Basis(tenant.Region, sender.Region, v.Country)
		if !ok {
			continue
		}
		open, r := !s.blocked(sender, v), rank(v.RecipientRef(), sender.PhoneNumberID)
		if best == nil || (open && !bestOpen) || (open == bestOpen && r > bestRank) {
			best, bestBasis, bestRank, bestOpen = sender, basis, r, open
		}
	}
	if best == nil {
		return end("failed", ReasonNoTransferBasis)
	}
	return by(best, bestBasis), nil
}

func by(sender *schemas.Sender, basis string) schemas.Route {
	return schemas.Route{
		Sender: sender.PhoneNumberID, WABA: sender.WABA, Region: sender.Region, Processor: processor, TransferBasis: basis,
	}
}

// rank is XXH64 over the recipient's ref and the sender's id; it is frozen by a test, since a change would move
// recipients to other senders.
func rank(ref []byte, sender string) uint64 {
	var d xxhash.Digest
	d.Reset()
	_, _ = d.Write(ref)
	_, _ = d.WriteString(sender)
	return d.Sum64()
}

// blocked says whether a stop without a near end stands on the number, its account or its credential.
func (s *Stage) blocked(sender *schemas.Sender, v *Validated) bool {
	return s.block("number", sender.PhoneNumberID, v) ||
		s.block("account", sender.WABA, v) ||
		s.block("credential", sender.PhoneNumberID, v)
}

func (s *Stage) block(scope, id string, v *Validated) bool {
	stop, ok := s.Stopped(scope, id)
	return ok && stop.Effect == "block" &&
		(stop.Category == "" || stop.Category == string(v.Category)) &&
		(stop.Until.IsZero() || v.Now.Before(stop.Until))
}
