package wire

import (
	"context"
	"errors"
	"time"

	"github.com/whatsapplink/cloud/pipeline/seal"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/sinks/cloudapi"
	"github.com/whatsapplink/cloud/stages/deliver"
)

// dial opens the payload and makes the one call of a claim. All that can fail for the world's sake is done before the
// call; after it nothing returns an error, because the effect would be repeated.
func (d *deliverPart) dial(ctx context.Context, e deliver.Dial) (any, error) {
	m := &e.Routed
	d.metrics.claims.Observe(time.Since(e.ClaimedAt).Seconds())
	short, cancel := context.WithDeadline(ctx, e.Deadline)
	defer cancel()
	call, plain, reason, err := d.prepare(short, e)
	switch {
	case short.Err() != nil && ctx.Err() == nil:
		return deliver.Answer{Reason: deliver.ReasonClaimOver}, nil
	case err != nil:
		return nil, err
	case reason != "":
		return deliver.Answer{Reason: reason}, nil
	}
	select {
	case d.slots <- struct{}{}:
		defer func() { <-d.slots }()
	case <-short.Done():
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return deliver.Answer{Reason: deliver.ReasonClaimOver}, nil
	}
	now := time.Now()
	if !now.Before(e.Deadline) { // a claim that is over, by the monotonic clock: others may act
		return deliver.Answer{Reason: deliver.ReasonClaimOver}, nil
	}
	if reason := d.lookups.Shut(now, m); reason != "" { // an objection or a stop that came meanwhile
		return deliver.Answer{Reason: reason}, nil
	}
	call.Until = e.Deadline
	a := d.api.Send(ctx, call)
	d.metrics.sent(&a)
	answer := deliver.Answer{
		Phase: phases[a.Phase], Reason: deliver.ReasonUnreachable, Code: int32(a.Code), RetryAfter: a.RetryAfter, Latency: a.Latency,
		Accepted: a.Parsed && a.WAMID != "", Refused: a.Parsed && a.WAMID == "", Plain: plain,
	}
	if a.Phase == cloudapi.NotSent && !time.Now().Before(e.Deadline) {
		answer.Reason = deliver.ReasonClaimOver
	}
	if a.Phase == cloudapi.Answered {
		answer.Diagnostics = &schemas.Diagnostics{
			WAMID: a.WAMID, WaID: a.WaID, HTTPStatus: int32(a.HTTPStatus), ErrorText: a.ErrorText, TraceID: a.TraceID,
		}
	}
	if a.WAMID != "" {
		answer.ProviderRef, _ = d.refs.Ref(ctx, m.TenantID, seal.RefProvider, a.WAMID) // its key was warmed before the call
	}
	return answer, nil
}

var phases = map[cloudapi.Phase]deliver.Phase{
	cloudapi.NotSent: deliver.NotSent, cloudapi.Ambiguous: deliver.Ambiguous, cloudapi.Answered: deliver.Answered,
}

// prepare makes the call ready, or gives the reason why it cannot be made.
func (d *deliverPart) prepare(ctx context.Context, e deliver.Dial) (call cloudapi.Message, plain []byte, reason string, err error) {
	m := &e.Routed
	if _, err := d.refs.Ref(ctx, m.TenantID, seal.RefProvider, ""); err != nil && !errors.Is(err, seal.ErrNoRefsKey) {
		return call, nil, "", err
	}
	token, ok := d.tokens.get(m.Sender)
	if !ok {
		return call, nil, deliver.ReasonNoCredential, nil
	}
	plain, err = d.opener.Open(ctx, m.Payload, m.TenantID, m.MessageID, seal.Transit)
	switch {
	case errors.Is(err, seal.ErrGone):
		return call, nil, deliver.ReasonContentGone, nil
	case errors.Is(err, seal.ErrErased):
		return call, nil, deliver.ReasonErased, nil
	case errors.Is(err, seal.ErrCorrupt):
		return call, nil, deliver.ReasonUnrenderable, nil
	case err != nil:
		return call, nil, "", err
	}
	payload, err := schemas.Payloads.Decode(plain)
	if err != nil {
		return call, nil, deliver.ReasonUnrenderable, nil
	}
	body, err := deliver.Render(payload, schemas.CallbackData{
		Identity: m.Identity, Attempt: e.Claim.Attempt, Category: m.Category, Country: m.Country,
		ContentType: m.ContentType, Window: m.Window,
	})
	if err != nil {
		return call, nil, deliver.ReasonUnrenderable, nil
	}
	return cloudapi.Message{SenderID: m.Sender, Token: token, Body: body}, plain, "", nil
}
