package deliver

import (
	"container/heap"
	"slices"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
)

// earlyTime is how long a callback waits for its claim to be read: far longer than the reading of attempts lags.
const earlyTime = 5 * time.Second

// limitNews is how old a callback may be to tell of a limit: Meta repeats callbacks for days.
const limitNews = time.Minute

// status takes a reduced callback. One whose claim must stand in attempts and was not read yet, as a former owner's may that
// was made after this one began, waits for it.
func (p *Partition) status(now time.Time, r pipeline.Record) {
	s, err := schemas.Statuses.Decode(r.Value)
	if err != nil {
		p.reject(r, err)
		return
	}
	p.limited(now, &s)
	k := keyOf(s.TenantID, s.MessageID)
	if !p.early(p.known(k), &s) {
		p.prove(r, &s)
		return
	}
	if p.waiting == nil {
		p.waiting = map[key][]pipeline.Record{}
	}
	p.waiting[k] = append(p.waiting[k], r)
	heap.Push(&p.timers, &timer{at: now.Add(earlyTime), status: &k})
}

// limited lowers a number's rate when a callback says that it was too fast after its last cut. The message has failed for good.
func (p *Partition) limited(now time.Time, s *schemas.Status) {
	if s.Status != "failed" || s.SenderID == "" || !RuleFor(s.ErrorCode).Slow || now.Sub(s.At) > limitNews {
		return
	}
	if l := p.senderOf(now, s.TenantID, s.SenderID).limiter; s.At.After(l.cutAt) {
		l.cut(now)
	}
}

// early says that memory, which has every attempt since p.since, does not know a callback's claim.
func (p *Partition) early(m *message, s *schemas.Status) bool {
	if s.AcceptedAt.Before(p.since) {
		return false
	}
	return m == nil || !slices.ContainsFunc(m.entries, func(e entry) bool {
		return e.accepted == s.AcceptedAt.UnixMicro() && (e.over || e.Attempt.Attempt >= s.Attempt)
	})
}

// claimRead goes on with callbacks that waited for a claim.
func (p *Partition) claimRead(now time.Time, k key) {
	waiting := p.waiting[k]
	delete(p.waiting, k)
	for _, r := range waiting {
		p.status(now, r)
	}
}

// claimMissing takes the callbacks whose claim did not come as they are.
func (p *Partition) claimMissing(k key) {
	for _, r := range p.waiting[k] {
		s, _ := schemas.Statuses.Decode(r.Value) // it was decoded before
		p.prove(r, &s)
	}
	delete(p.waiting, k)
}

// prove takes a callback as evidence for a claim without an outcome, or for a message that was given up as unknown. Else it is
// nothing (listen has told of it, except of sent).
func (p *Partition) prove(r pipeline.Record, s *schemas.Status) {
	done := &work{from: []pipeline.Position{r.Position}, over: true}
	if m := p.known(keyOf(s.TenantID, s.MessageID)); m != nil {
		st := m.stand(s.AcceptedAt.UnixMicro(), p.cfg.Horizon)
		for _, c := range st.open {
			if outcome, ok := evidence(c.Attempt, s); ok {
				outcome.Class = beside(outcome.Class, st.open)
				p.do(AppendOutcome{Attempt: outcome, w: done})
			}
		}
		if st.final != nil && st.final.Class == schemas.OutcomeUnknown && s.Status == "sent" {
			p.tell(schemas.Event{
				Identity: s.Identity, Kind: schemas.KindSent, Attempt: s.Attempt, At: s.At, Stage: "deliver", Reason: reasonLate,
				SenderID: s.SenderID, ProviderRef: s.ProviderRef, Window: s.Window,
				Category: string(s.Category), Country: s.Country, ContentType: s.ContentType,
			}, done)
		}
	}
	p.settleUp(done)
}

// evidence is the outcome of a claim that a callback proves.
func evidence(claim *schemas.Attempt, s *schemas.Status) (schemas.Attempt, bool) {
	if claim.Attempt != s.Attempt {
		return schemas.Attempt{}, false
	}
	outcome := *claim
	outcome.ProviderRef, outcome.Evidence = s.ProviderRef, "callback"
	switch s.Status {
	case "sent", "delivered", "read", "played":
		outcome.Class = schemas.OutcomeSent
	case "failed":
		outcome.Class, outcome.ErrorCode, outcome.Reason = schemas.OutcomeFailed, s.ErrorCode, RuleFor(s.ErrorCode).Reason
	default:
		return schemas.Attempt{}, false
	}
	return outcome, true
}
