package wire

import (
	"context"
	"errors"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/seal"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/stages/deliver"
	"github.com/whatsapplink/cloud/stages/listen"
)

// perform does one effect of deliver's reducer. An error is the world's and makes the keyed loop repeat the effect; a
// call that may have left never returns one.
func (d *deliverPart) perform(ctx context.Context, effect deliver.Effect) (any, error) {
	switch e := effect.(type) {
	case deliver.AppendClaim:
		return nil, d.append(ctx, d.attempts, d.here(Attempts, e.Attempt.TenantID, schemas.Attempts, &e.Attempt))
	case deliver.AppendOutcome:
		return nil, d.append(ctx, d.attempts, d.here(Attempts, e.Attempt.TenantID, schemas.Attempts, &e.Attempt))
	case deliver.Dial:
		return d.dial(ctx, e)
	case deliver.Park:
		return d.park(ctx, e)
	case deliver.Copy:
		return d.copy(ctx, e)
	case deliver.Emit:
		return nil, d.emit(ctx, e)
	case deliver.SetStop:
		return nil, d.append(ctx, d.log, record(StopsT, []byte(StopKey(e.Stop.Scope, e.Stop.ID)), schemas.Stops, &e.Stop))
	case deliver.Suppress:
		return nil, d.suppress(ctx, e)
	case deliver.Reject:
		return nil, d.reject(ctx, e)
	case deliver.ReadBack:
		return d.readBack(ctx, e)
	case deliver.Reread:
		return d.recall(ctx, e.At)
	case deliver.Recall:
		return d.recall(ctx, e.At)
	}
	return nil, pipeline.Permanent(errors.New("an effect that nobody performs"))
}

func (d *deliverPart) append(ctx context.Context, log pipeline.Log, outputs ...output) error {
	encoded, err := encodeAll(outputs...)
	if err != nil {
		return pipeline.Permanent(err)
	}
	_, err = log.Append(ctx, encoded)
	return err
}

// here is a record for this partition of a companion of routed.
func (d *deliverPart) here(topic, tenant string, codec *schemas.Codec[schemas.Attempt], a *schemas.Attempt) output {
	encode := record(topic, []byte(tenant), codec, a)
	return func() (pipeline.Output, error) {
		o, err := encode()
		o.Partition = d.number
		return o, err
	}
}

func (d *deliverPart) emit(ctx context.Context, e deliver.Emit) error {
	var outputs []output
	for i := range e.Events {
		outputs = append(outputs, record(EventsT, []byte(e.Events[i].MessageID), schemas.Events, &e.Events[i]))
	}
	for i := range e.Outcomes {
		o := &e.Outcomes[i]
		outputs = append(outputs, record(OutcomesOf(o.TenantID), []byte(o.MessageID), schemas.Outcomes, o))
	}
	return d.append(ctx, d.log, outputs...)
}

func (d *deliverPart) suppress(ctx context.Context, e deliver.Suppress) error {
	var outputs []output
	for i := range e.Suppressions {
		s := &e.Suppressions[i]
		outputs = append(outputs, record(Suppressions, []byte(listen.SuppressionKey(*s)), schemas.Suppressions, s))
	}
	return d.append(ctx, d.log, outputs...)
}

func (d *deliverPart) reject(ctx context.Context, e deliver.Reject) error {
	outputs, err := envelope(ctx, d.originals, "deliver", e.Record, e.Reason, e.Of)
	if err != nil {
		return err
	}
	d.process.Metrics.Rejected("deliver", e.Reason, 1)
	_, err = d.log.Append(ctx, outputs)
	return err
}

// copy makes the diagnostic copy: the content sealed again under the message's own window, the provider's answer beside
// it, and in clear every seed that ever sealed the message.
func (d *deliverPart) copy(ctx context.Context, e deliver.Copy) (any, error) {
	m := &e.Routed
	window, err := seal.ParseWindow(m.Window)
	if err != nil {
		window = 0 // nothing tells how long content may stay: it does not
	}
	place := d.place(window, e.OutcomeAt)
	place.Content = place.Content && !e.Resealed
	record := schemas.Delivered{
		Identity: m.Identity, Source: m.Source, Route: m.Route, Clear: m.Clear,
		Outcome: e.Outcome.Class, Reason: e.Outcome.Reason, ErrorCode: e.Outcome.ErrorCode, Attempt: e.Outcome.Attempt,
		ProviderRef: e.Outcome.ProviderRef, OutcomeAt: e.OutcomeAt, DueAt: place.DueAt, Seeds: []schemas.SeedRef{m.Seed},
	}
	if place.Content {
		if err := d.fill(ctx, &record, &e, place.Window); err != nil {
			return nil, err
		}
		if now := d.place(window, e.OutcomeAt); now.Window != place.Window || now.Content != place.Content {
			return nil, errLateCopy
		}
	}
	value, err := schemas.Delivereds.Encode(&record)
	if err != nil {
		return nil, pipeline.Permanent(err)
	}
	appended, err := d.log.Append(ctx, []pipeline.Output{{
		Topic: DeliveredLane(place.Window), Partition: pipeline.AnyPartition, Key: []byte(m.MessageID), Value: value,
	}})
	if err != nil {
		return nil, err
	}
	made := &schemas.Copy{Topic: appended[0].Topic, Partition: int32(appended[0].Partition), Offset: appended[0].Offset}
	if record.Content != nil {
		made.SeedID = record.Content.SeedID
	}
	return made, nil
}

// errLateCopy says that the keeper or the key topic took so long that the copy belongs in another lane: the next try puts
// it there.
var errLateCopy = errors.New("copy became late while it was sealed")

// place picks the lane of a copy made now.
func (d *deliverPart) place(window time.Duration, outcomeAt time.Time) deliver.Placement {
	return deliver.Place(window, outcomeAt, time.Now(), d.windows, func(w time.Duration) time.Duration {
		return seal.Bucket(w, MinBucket(d.windows[0]))
	})
}

// fill seals content and diagnostics into a copy. A message whose transit seed is gone gets none: nobody can open it.
func (d *deliverPart) fill(ctx context.Context, record *schemas.Delivered, e *deliver.Copy, window time.Duration) error {
	m := &e.Routed
	plain := []byte(e.Plain)
	if plain == nil {
		var err error
		plain, err = d.opener.Open(ctx, m.Payload, m.TenantID, m.MessageID, seal.Transit)
		if unopenable(err) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	content, seed, err := d.sealer.Seal(ctx, window, m.TenantID, m.MessageID, seal.Diagnostic, plain)
	if err != nil {
		return err
	}
	record.Content, record.Seeds = &content, append(record.Seeds, seed)
	if e.Diagnostics == nil {
		return nil
	}
	text, err := schemas.DiagnosticsCodec.Encode(e.Diagnostics)
	if err != nil {
		return pipeline.Permanent(err)
	}
	diagnostics, other, err := d.sealer.Seal(ctx, window, m.TenantID, m.MessageID, seal.Diagnostic, text)
	if err != nil {
		return err
	}
	record.Diagnostics = &diagnostics
	if string(other.SeedID) != string(seed.SeedID) {
		record.Seeds = append(record.Seeds, other)
	}
	return nil
}

// unopenable says that content is gone for good, not that the world is at fault.
func unopenable(err error) bool {
	return errors.Is(err, seal.ErrGone) || errors.Is(err, seal.ErrErased) || errors.Is(err, seal.ErrCorrupt)
}
