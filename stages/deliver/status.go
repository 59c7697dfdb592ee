package deliver

import (
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
)

// status takes a reduced callback: evidence for a claim without an outcome, or for a message that was given up as unknown,
// else nothing (listen has told of it, except of sent).
func (p *Partition) status(now time.Time, r pipeline.Record) {
	s, err := schemas.Statuses.Decode(r.Value)
	if err != nil {
		p.reject(r, err)
		return
	}
	done := &work{from: []pipeline.Position{r.Position}, over: true}
	if m := p.known(keyOf(s.TenantID, s.MessageID)); m != nil {
		st := m.stand(s.AcceptedAt.UnixMicro(), p.cfg.Horizon)
		for _, c := range st.open {
			if outcome, ok := evidence(c.Attempt, &s); ok {
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
