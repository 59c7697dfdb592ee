package deliver

import (
	"time"

	"github.com/whatsapplink/cloud/schemas"
)

// event tells of a message in the clear fields of its record.
func event(r *schemas.Routed, kind schemas.Kind, at time.Time) schemas.Event {
	e := schemas.NewEvent(kind, "deliver", r.Identity, &r.Clear, at)
	e.SenderID, e.Region, e.Processor, e.TransferBasis = r.Sender, r.Region, r.Processor, r.TransferBasis
	return e
}

// outcomeEvent tells how a message ended. At is the append time of the outcome, alike at every repeat.
func outcomeEvent(c *Copy, made *schemas.Copy) schemas.Event {
	e := event(&c.Routed, schemas.Kind(c.Outcome.Class), c.OutcomeAt) // final classes are named like their kinds
	e.Attempt, e.Reason, e.ErrorCode = c.Outcome.Attempt, c.Outcome.Reason, c.Outcome.ErrorCode
	e.LatencyUS, e.ProviderRef, e.Copy = c.Outcome.LatencyUS, c.Outcome.ProviderRef, made
	if window, err := time.ParseDuration(c.Routed.Window); err == nil {
		e.DueAt = c.OutcomeAt.Add(window)
	}
	return e
}

// suppressions are what an outcome teaches about its recipient, one for each of its refs.
func suppressions(r *schemas.Routed, final *entry) []schemas.Suppression {
	category := RuleFor(final.ErrorCode).Suppress
	if category == "" || final.Class != schemas.OutcomeFailed || final.Evidence != evidenceAnswer {
		return nil
	}
	var all []schemas.Suppression
	for _, ref := range r.RecipientRefs {
		all = append(all, schemas.Suppression{
			Scope: "recipient", TenantID: r.TenantID, Ref: ref, Category: category, State: "stop",
			EffectiveAt: final.at, Source: "error",
		})
	}
	return all
}
