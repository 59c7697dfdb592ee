package deliver

import (
	"hash/fnv"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
)

// state is where a message in memory stands.
type state int

const (
	idle       state = iota // between two decisions, or waiting for a ReadBack
	held                    // waits for its timer
	queued                  // waits for its turn at its sender
	claiming                // its claim is on its way through the log
	dialing                 // a call is out
	concluding              // its outcome is on its way through the log
	ending                  // its last effects are being performed
)

// work is one unfinished record in memory.
type work struct {
	routed schemas.Routed
	from   []pipeline.Position // the records that end with it
	msg    *message
	send   *send
	seq    uint64
	back   bool // came back from a lane
	state  state
	timer  *timer // its only one

	recipient *recipient       // of its sender, while queued or in flight
	claim     *schemas.Attempt // its own, newest
	claimedAt time.Time        // when the claim was begun, with a monotonic reading
	resend    string           // the claim in doubt that a second one may stand beside
	parkedFor string           // why it is being parked
	plain     Plaintext
	answer    *schemas.Diagnostics

	pending int  // effects asked for and not yet performed
	over    bool // nothing is left to be decided
}

// priorities is how many there are; see priority.
const priorities = 3

// priority is a message's place among those of its number, 0 first.
func (w *work) priority() int {
	switch w.routed.Category {
	case schemas.Authentication:
		return 0
	case schemas.Marketing:
		return 2
	default:
		return 1
	}
}

// finish decides nothing more about w: its records are finished once its effects are performed.
func (p *Partition) finish(w *work) {
	w.over = true
	p.unmind(w)
	p.settleUp(w)
}

func (p *Partition) settleUp(w *work) {
	if !w.over || w.pending > 0 {
		return
	}
	p.next.Finished = append(p.next.Finished, w.from...)
	w.from = nil
	if w.send != nil && w.send.live == w {
		w.send.live = nil
		if w.send.parked.Topic != "" && w.msg.stand(w.send.accepted, p.cfg.Horizon).final != nil {
			p.recall(w.send) // it settled while it was being parked
		}
	}
	if w.msg != nil {
		p.retire(w.msg)
	}
}

// recall fetches a parked message that has settled, so that it is copied now and not when its turn comes.
func (p *Partition) recall(s *send) {
	if p.caughtUp && !p.draining {
		p.do(Recall{At: s.parked})
	}
}

// advance decides what comes next for a message from what the log says of it.
func (p *Partition) advance(now time.Time, w *work) {
	w.state = idle
	accepted := w.send.accepted
	st := w.msg.stand(accepted, p.cfg.Horizon)
	if st.repeatOf == 0 && st.attempts == 0 && st.final == nil {
		st.repeatOf = w.msg.repeatInMemory(accepted, p.cfg.Horizon)
	}
	if st.final == nil {
		w.plain, w.answer = nil, nil // opened again for the next call: nothing lies open while a message waits
	}
	source, logged := w.msg.source(accepted)
	switch {
	case st.repeatOf != 0:
		p.repeated(now, w, time.UnixMicro(st.repeatOf).UTC())
	case logged && source != w.send.source:
		p.repeated(now, w, w.routed.AcceptedAt)
	case st.final != nil && st.final.stub():
		p.do(Reread{At: pipeline.Position{Topic: TopicAttempts, Partition: p.number, Offset: st.final.offset}, w: w})
	case st.final != nil:
		p.conclude(now, w, st.final)
	case len(st.open) > 0:
		p.settle(now, w, st)
	case w.routed.Verdict != nil:
		p.end(w, schemas.AttemptClass(w.routed.Verdict.State), w.routed.Verdict.Reason)
	case st.last != nil && !st.last.RetryAt.Before(w.routed.ExpiresAt):
		p.end(w, schemas.OutcomeExpired, reasonDeadline)
	case st.last != nil && st.last.RetryAt.After(now):
		p.wait(now, w, st.last.RetryAt, st.last.Reason)
	default:
		p.enqueue(now, w)
	}
}

// logged tells a message of a record of its own in the log.
func (p *Partition) logged(now time.Time, w *work, e entry) {
	switch {
	case w.state == claiming && e.Class == schemas.Claim && e.ClaimID == w.claim.ClaimID:
		p.judge(now, w, e)
	case w.state == concluding && e.Class != schemas.Claim:
		p.advance(now, w)
	}
}

// end appends the final outcome of a message that needs no further call.
func (p *Partition) end(w *work, class schemas.AttemptClass, reason string) {
	o := w.attempt(w.attempts(p.cfg.Horizon), "")
	o.Class, o.Reason, o.Evidence = class, reason, "clock"
	w.state = concluding
	p.do(AppendOutcome{Attempt: o, w: w})
}

// attempts is how many sends of w were tried.
func (w *work) attempts(horizon time.Duration) int32 {
	return w.msg.stand(w.send.accepted, horizon).attempts
}

// attempt is the frame of a record of w in the log.
func (w *work) attempt(n int32, claim string) schemas.Attempt {
	return schemas.Attempt{
		Identity: w.routed.Identity, Source: w.routed.Source, Attempt: n, ClaimID: claim,
		SenderID: w.routed.Sender, RecipientRef: w.routed.RecipientRef(), Window: w.routed.Window,
	}
}

// repeated ends a request whose message another request already is.
func (p *Partition) repeated(now time.Time, w *work, first time.Time) {
	w.state = ending
	w.msg.forget(w.send)
	e := event(&w.routed, schemas.KindRepeated, now)
	e.AcceptedAt = first
	e.Detail = w.routed.Source.String()
	p.do(Emit{Events: []schemas.Event{e}, w: w})
	p.finish(w)
}

// settle deals with a message in doubt: a claim of it has no outcome, by a time-out of ours or the death of its owner.
func (p *Partition) settle(now time.Time, w *work, st standing) {
	c := st.open[len(st.open)-1]
	tenant, _ := p.cfg.Registers.Tenant(w.routed.TenantID)
	by := c.at.Add(settleAfter(tenant))
	if now.Before(by) {
		w.routed.InDoubt, w.routed.SettleBy = c.ClaimID, by
		p.park(now, w, earlier(by, now.Add(settleStep)), reasonInDoubt)
		return
	}
	next := c.at.Add(ClaimLife + HTTPTimeout + resendSlack) // by then the claimant has dialled or never will
	if st.last != nil {                                     // the second send was refused, or never left
		next = later(next, st.last.RetryAt)
	}
	if tenant.OnUnknown == "resend" && len(st.open) == 1 && now.Before(w.routed.ExpiresAt) {
		if now.Before(next) {
			p.wait(now, w, next, reasonInDoubt)
			return
		}
		w.resend = c.ClaimID
		p.enqueue(now, w)
		return
	}
	p.giveUp(w, &c)
}

// giveUp ends a message in doubt as unknown.
func (p *Partition) giveUp(w *work, claim *entry) {
	o := w.attempt(claim.Attempt.Attempt, claim.ClaimID)
	o.Class, o.Reason, o.Evidence = schemas.OutcomeUnknown, reasonNoEvidence, "clock"
	w.state = concluding
	p.do(AppendOutcome{Attempt: o, w: w})
}

// settleAfter is a tenant's settlement time, at most a day.
func settleAfter(t schemas.Tenant) time.Duration {
	d, err := time.ParseDuration(t.SettleAfter)
	if err != nil || d <= 0 {
		return defaultSettle
	}
	return min(d, deliveryWindow)
}

// conclude makes the copy of a message whose outcome stands in the log, then tells of it, then finishes. All of it may
// be done again by a later owner: a copy is keyed by the message, an event by its identity.
func (p *Partition) conclude(now time.Time, w *work, final *entry) {
	w.state = ending
	if s := suppressions(&w.routed, final); len(s) > 0 {
		p.do(Suppress{Suppressions: s, w: w})
	}
	c := Copy{Routed: w.routed, Outcome: *final.Attempt, OutcomeAt: final.at, w: w}
	if t, ok := p.cfg.Registers.Tenant(w.routed.TenantID); ok {
		c.Routed.Window = windowNow(&w.routed, &t)
	}
	if w.claim != nil && final.ClaimID == w.claim.ClaimID {
		c.Diagnostics = w.answer
	}
	c.Plain, w.plain, w.answer = w.plain, nil, nil
	p.do(c)
}

// reread goes on with a message that ended under a former owner, of whose outcome only the class was kept.
func (p *Partition) reread(now time.Time, w *work, r pipeline.Record) {
	final := w.msg.stand(w.send.accepted, p.cfg.Horizon).final
	outcome := *final
	if a, err := schemas.Attempts.Decode(r.Value); err == nil && a.Identity == w.routed.Identity {
		outcome.Attempt = &a
	} else { // gone from the log: what was kept has to do
		o := w.attempt(0, "")
		o.Class = final.Class
		outcome.Attempt = &o
	}
	p.conclude(now, w, &outcome)
}

// resealed has the seed of a further transit copy named, beside w: validate seals anew what it did not commit, and a receipt
// may say that all is erased only when each seed of a message is gone.
func (p *Partition) resealed(now time.Time, w *work, s *send, record schemas.Routed) {
	if seedOf(record.Seed) == s.seed {
		return
	}
	c := Copy{Routed: record, Outcome: schemas.Attempt{Class: schemas.OutcomeUnknown, Reason: schemas.ReasonResealed}, OutcomeAt: now.UTC(), Resealed: true, w: w}
	if t, ok := p.cfg.Registers.Tenant(record.TenantID); ok {
		c.Routed.Window = windowNow(&record, &t)
	}
	p.do(c)
}

// seedOf is short, to keep memory small.
func seedOf(s schemas.SeedRef) uint32 {
	h := fnv.New32a()
	_, _ = h.Write(s.SeedID)
	return h.Sum32()
}

func (p *Partition) copied(now time.Time, w *work, c Copy, made *schemas.Copy) {
	p.tell(outcomeEvent(&c, made), w)
	w.send.done = true
	if final := w.msg.stand(w.send.accepted, p.cfg.Horizon).final; final != nil {
		w.msg.compact(w.send.accepted, *final)
	}
	p.finish(w)
}

// recalled goes on with a parked message that settled before its turn.
func (p *Partition) recalled(now time.Time, r pipeline.Record) {
	record, err := schemas.Routeds.Decode(r.Value)
	if err != nil {
		return // gone or unreadable: its turn in the lane decides
	}
	m := p.message(keyOf(record.TenantID, record.MessageID), now)
	s := m.send(record.AcceptedAt.UnixMicro())
	if s == nil || s.live != nil || s.done {
		return
	}
	p.begin(now, m, s, record, nil, true)
}

// tell tells of a final state: an event, and an outcome if the tenant's producer wants to hear.
func (p *Partition) tell(e schemas.Event, w *work) {
	emit := Emit{Events: []schemas.Event{e}, w: w}
	if t, ok := p.cfg.Registers.Tenant(e.TenantID); ok && t.Outcomes {
		emit.Outcomes = []schemas.Outcome{{
			TenantID: e.TenantID, MessageID: e.MessageID, State: e.Kind, Reason: e.Reason, ErrorCode: e.ErrorCode,
			Attempt: e.Attempt, At: e.At, Labels: e.Labels,
		}}
	}
	p.do(emit)
}

// late moves a message's state up when evidence of its call comes after it was given up as unknown.
func (p *Partition) late(m *message, e entry) {
	st := m.stand(e.accepted, p.cfg.Horizon)
	if st.final == nil || st.final.Class != schemas.OutcomeUnknown || st.final.offset >= e.offset {
		return
	}
	a := e.Attempt
	p.tell(schemas.Event{
		Identity: a.Identity, Kind: schemas.KindSent, Attempt: a.Attempt, At: e.at, Stage: "deliver", Reason: reasonLate,
		SenderID: a.SenderID, RecipientRef: a.RecipientRef, ProviderRef: a.ProviderRef, Window: a.Window, LatencyUS: a.LatencyUS,
	}, nil)
}
