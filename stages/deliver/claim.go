package deliver

import (
	"encoding/hex"
	"strconv"
	"time"

	"github.com/whatsapplink/cloud/schemas"
)

// mayClaim says whether the log and memory still leave a queued message to be sent.
func (p *Partition) mayClaim(w *work) bool {
	st := w.msg.stand(w.send.accepted, p.cfg.Horizon)
	if st.repeatOf != 0 || st.final != nil {
		return false
	}
	if st.attempts == 0 && w.msg.repeatInMemory(w.send.accepted, p.cfg.Horizon) != 0 {
		return false
	}
	return len(st.open) == 0 || (len(st.open) == 1 && st.open[0].ClaimID == w.resend)
}

// claim begins an attempt: the claim's life counts from now, before it is appended.
func (p *Partition) claim(now time.Time, w *work) {
	n := w.attempts(p.cfg.Horizon) + 1
	id := hex.EncodeToString(w.msg.key[:4]) + "-" + strconv.Itoa(int(n)) + "-" + p.cfg.NewID()
	c := w.attempt(n, id)
	c.Class = schemas.Claim
	w.claim, w.claimedAt, w.state = &c, now, claiming
	w.recipient.sender.flight++
	w.recipient.sender.unread++
	p.flight++
	p.do(AppendClaim{Attempt: c, w: w})
}

// judge decides on a claim that was read back: it dials only one that won, is young, and still meets an open gate.
func (p *Partition) judge(now time.Time, w *work, e entry) {
	s := w.recipient.sender
	s.unread--
	defer p.run(now, s)
	won := false
	for _, c := range w.msg.stand(w.send.accepted, p.cfg.Horizon).open {
		won = won || c.ClaimID == w.claim.ClaimID
	}
	if !won {
		p.release(now, w)
		p.advance(now, w)
		return
	}
	switch g := p.gate(now, w); {
	case now.Sub(w.claimedAt) > ClaimLife:
		p.notSent(now, w, ReasonClaimOver)
	case p.draining:
		p.notSent(now, w, reasonDraining)
	case g.shut():
		p.notSent(now, w, g.reason)
	default:
		w.state = dialing
		claimed := event(&w.routed, schemas.KindClaimed, e.at)
		claimed.Attempt, claimed.Detail = w.claim.Attempt, w.claim.ClaimID
		p.do(Emit{Events: []schemas.Event{claimed}, w: w})
		p.do(Dial{
			Routed: w.routed, Claim: *w.claim, ClaimedAt: w.claimedAt, Deadline: earlier(w.claimedAt.Add(ClaimLife), w.routed.ExpiresAt), w: w,
		})
	}
}

// notSent gives a claim the outcome that nothing left under it.
func (p *Partition) notSent(now time.Time, w *work, reason string) {
	o := *w.claim
	o.Class, o.Reason, o.Evidence = schemas.OutcomeNotSent, reason, "clock"
	o.RetryAt = now.Add(notSentRule.delay(w.msg.notSent(w.send.accepted), o.ClaimID))
	p.outcome(now, w, o)
}

// outcome appends what became of w's own claim and lets the next message of the recipient go.
func (p *Partition) outcome(now time.Time, w *work, o schemas.Attempt) {
	o.Class = beside(o.Class, w.msg.stand(w.send.accepted, p.cfg.Horizon).open)
	p.release(now, w)
	w.state = concluding
	p.do(AppendOutcome{Attempt: o, w: w})
}

// beside is what the end of one claim says of its message. Another one in doubt may have been sent: the message is unknown then.
func beside(class schemas.AttemptClass, open []entry) schemas.AttemptClass {
	if len(open) > 1 && class.Final() && class != schemas.OutcomeSent {
		return schemas.OutcomeUnknown
	}
	return class
}

// answered turns an answer into the claim's outcome. Without a whole answer of Meta's there is none: in doubt.
func (p *Partition) answered(now time.Time, w *work, a Answer) {
	w.plain, w.answer = a.Plain, a.Diagnostics
	o := *w.claim
	o.ProviderRef, o.LatencyUS, o.Evidence = a.ProviderRef, a.Latency.Microseconds(), evidenceAnswer
	switch {
	case a.Phase == NotSent:
		p.neverLeft(now, w, o, a.Reason)
	case a.Phase == Answered && a.Accepted:
		o.Class = schemas.OutcomeSent
		p.outcome(now, w, o)
	case a.Phase == Answered && a.Refused:
		p.refused(now, w, o, a)
	default:
		p.release(now, w)
		p.advance(now, w)
	}
}

func (p *Partition) neverLeft(now time.Time, w *work, o schemas.Attempt, reason string) {
	o.Reason, o.LatencyUS = reason, 0
	switch reason {
	case ReasonContentGone:
		o.Class = schemas.OutcomeExpired
	case ReasonErased:
		o.Class = schemas.OutcomeSuppressed
	case ReasonUnrenderable:
		o.Class = schemas.OutcomeFailed
	default:
		p.notSent(now, w, reason)
		return
	}
	p.outcome(now, w, o)
}

// refused does what the table says of an error code.
func (p *Partition) refused(now time.Time, w *work, o schemas.Attempt, a Answer) {
	rule := RuleFor(a.Code)
	n := w.msg.refusals(w.send.accepted, a.Code)
	o.ErrorCode, o.Reason = a.Code, rule.Reason
	if rule.Fail || (rule.Tries > 0 && n >= rule.Tries) {
		o.Class = schemas.OutcomeFailed
		p.outcome(now, w, o)
		return
	}
	o.Class = schemas.OutcomeRetry
	o.RetryAt = now.Add(max(rule.delay(n, o.ClaimID), a.RetryAfter))
	if rule.Stop != "" {
		p.setStop(now, w, rule, &a)
		if _, holds := stops(p.stop).hold(now, &w.routed); !holds { // of another category, or of a template it does not have
			o.RetryAt = now.Add(10 * time.Minute)
		}
	}
	if rule.Slow {
		l := w.recipient.sender.limiter
		l.cut(now)
		o.LearnedRate = l.rate()
	}
	if rule.Pair {
		w.recipient.blocked = o.RetryAt
	}
	p.outcome(now, w, o)
}

// setStop stops what an answer says must stop: here at once, everywhere through the register. The stop parks the message
// itself, too, so that its retry need not wait. One that only an operator lifts blocks: route passes over it for others.
func (p *Partition) setStop(now time.Time, w *work, rule Rule, a *Answer) {
	m := &w.routed
	stop := schemas.Stop{
		Scope: rule.Stop, Effect: "block", Reason: rule.Reason, Category: rule.Category, ErrorCode: a.Code,
		SetAt: now.UTC().Truncate(time.Millisecond), Source: m.Source,
	}
	switch rule.Stop {
	case "template":
		stop.ID = schemas.StopID(m.TenantID, m.TemplateRef)
	case "account":
		stop.ID = m.WABA
	default:
		stop.ID = m.Sender
	}
	if rule.For > 0 {
		stop.Effect, stop.Until = "park", stop.SetAt.Add(max(rule.For, a.RetryAfter))
	}
	if _, known := p.stop(now, stop.Scope, stop.ID, m.Category); known {
		return // calls in flight bring the same news
	}
	p.stops[stop.Scope+"/"+stop.ID] = stop
	p.do(SetStop{Stop: stop, w: w})
	p.do(Emit{Events: []schemas.Event{schemas.StopEvent(schemas.KindStopped, "deliver", m.TenantID, &stop)}, w: w})
}
