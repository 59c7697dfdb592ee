package deliver

import (
	"time"

	"github.com/whatsapplink/cloud/schemas"
)

// Reasons of outcomes and of parking that are deliver's own; the closed list is Reasons.
const (
	reasonDeadline   = "deadline"           // past expires_at
	reasonStopped    = "stopped"            // a stop stood until the deadline
	reasonTenant     = "tenant_suspended"   //
	reasonClosed     = "tenant_closed"      //
	reasonUnknown    = "tenant_unknown"     //
	reasonOptedOut   = "opted_out"          //
	reasonStale      = "suppressions_stale" // the register is too old to be trusted
	reasonInDoubt    = "in_doubt"           // parked: a call's outcome is not known
	reasonPaced      = "paced"              // parked: its number's turn is later
	reasonNoEvidence = "no_evidence"        // unknown: the settlement time is over
	reasonDraining   = "draining"           // not sent: the process was asked to stop
	reasonLate       = "late"               // sent: evidence came after unknown
	evidenceAnswer   = "answer"
	staleMarketing   = time.Minute
	staleEverything  = 10 * time.Minute
	// recheck is how soon a message looks again whether what keeps it is over, where nothing says when, or after a
	// recheckShare-th of its age where that is longer: each look writes it anew.
	recheck      = time.Minute
	recheckShare = 6
)

// gate is what keeps a message from being sent: an end, or a wait. The zero value is open.
type gate struct {
	class  schemas.AttemptClass // of an end
	until  time.Time            // of a wait
	reason string
}

func (g gate) shut() bool { return g.reason != "" }

// gate checks all that may keep a message: at its turn, and again once its claim is read back.
func (p *Partition) gate(now time.Time, w *work) gate {
	return p.cfg.Registers.gate(now, &w.routed, p.stop)
}

// Shut says why a message must not be sent, by what the registers show now; empty if it may. It is asked last before the
// call, whose preparation may take seconds, from any goroutine.
func (r *Registers) Shut(now time.Time, m *schemas.Routed) (reason string) {
	return r.gate(now, m, r.stop).reason
}

// stops looks up what stands for an id of a scope, as far as it is about a category.
type stops func(now time.Time, scope, id string, c schemas.Category) (schemas.Stop, bool)

func (r *Registers) gate(now time.Time, m *schemas.Routed, stops stops) gate {
	stop, stopped := stops.hold(now, m)
	if !now.Before(m.ExpiresAt) {
		if stopped {
			return gate{class: schemas.OutcomeExpired, reason: reasonStopped}
		}
		return gate{class: schemas.OutcomeExpired, reason: reasonDeadline}
	}
	again := now.Add(max(recheck, now.Sub(m.AcceptedAt)/recheckShare))
	tenant, ok := r.Tenant(m.TenantID)
	switch {
	case !ok:
		return gate{until: again, reason: reasonUnknown}
	case tenant.Status == "closed":
		return gate{class: schemas.OutcomeSuppressed, reason: reasonClosed}
	case tenant.Status != "active":
		return gate{until: again, reason: reasonTenant}
	case r.Suppressed(m.TenantID, m.RecipientRefs, m.Category):
		return gate{class: schemas.OutcomeSuppressed, reason: reasonOptedOut}
	case r.stale(now, m.Category):
		return gate{until: again, reason: reasonStale}
	case stopped && stop.Until.IsZero():
		return gate{until: again, reason: reasonStopped}
	case stopped:
		return gate{until: stop.Until, reason: reasonStopped}
	case r.Credential != nil && !r.Credential(m.Sender):
		return gate{until: again, reason: ReasonNoCredential}
	}
	return gate{}
}

func (r *Registers) stale(now time.Time, c schemas.Category) bool {
	if r.SuppressionsAge == nil {
		return false
	}
	old := r.SuppressionsAge(now)
	return old > staleEverything || (old > staleMarketing && c == schemas.Marketing)
}

// hold returns the first stop that holds a message.
func (look stops) hold(now time.Time, m *schemas.Routed) (schemas.Stop, bool) {
	type scope struct{ scope, id string }
	scopes := [7]scope{
		{"tenant", m.TenantID}, {"account", m.WABA}, {"number", m.Sender}, {"credential", m.Sender},
		{"message", m.TenantID + "/" + m.MessageID}, {"recipient", ""}, {"template", ""},
	}
	if len(m.TemplateRef) > 0 {
		scopes[6].id = schemas.StopID(m.TenantID, m.TemplateRef)
	}
	for _, s := range scopes {
		if s.id == "" {
			continue
		}
		if stop, ok := look(now, s.scope, s.id, m.Category); ok {
			return stop, true
		}
	}
	for _, ref := range m.RecipientRefs {
		if stop, ok := look(now, "recipient", schemas.StopID(m.TenantID, ref), m.Category); ok {
			return stop, true
		}
	}
	return schemas.Stop{}, false
}

// stop looks one up, in the register and among those set here that the register may not show yet.
func (p *Partition) stop(now time.Time, scope, id string, c schemas.Category) (schemas.Stop, bool) {
	stop, ok := p.cfg.Registers.Stop(scope, id)
	if len(p.stops) > 0 {
		k := scope + "/" + id
		if own, mine := p.stops[k]; mine {
			if ok && !stop.SetAt.Before(own.SetAt) {
				delete(p.stops, k)
			} else {
				stop, ok = own, true
			}
		}
	}
	return stop, ok && stands(now, &stop, c)
}

// stop looks one up in the register.
func (r *Registers) stop(now time.Time, scope, id string, c schemas.Category) (schemas.Stop, bool) {
	stop, ok := r.Stop(scope, id)
	return stop, ok && stands(now, &stop, c)
}

func stands(now time.Time, s *schemas.Stop, c schemas.Category) bool {
	over := !s.Until.IsZero() && !now.Before(s.Until)
	return s.Effect != "" && !over && (s.Category == "" || s.Category == string(c))
}

// divert ends or parks a message at a shut gate. One in doubt ends as unknown: it may have been sent.
func (p *Partition) divert(now time.Time, w *work, g gate) {
	st := w.msg.stand(w.send.accepted, p.cfg.Horizon)
	switch {
	case g.class == "" && len(st.open) > 0:
		p.park(now, w, g.until, reasonInDoubt)
	case g.class == "":
		p.wait(now, w, g.until, g.reason)
	case len(st.open) > 0:
		p.giveUp(w, &st.open[len(st.open)-1])
	default:
		p.end(w, g.class, g.reason)
	}
}
