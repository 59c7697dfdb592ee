// Package redact strips a diagnostic copy whose window is over, and keeps the evidence that it did.
//
// Its one invariant: what it lets through holds nothing sealed and nothing personal beyond refs; schemas.Redacted has no
// field that could. It holds no key, repeats harmlessly, and imports schemas and pipeline only: no adapter, no clock.
package redact

import (
	"errors"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
)

// Due is a copy at the head of its lane.
type Due struct {
	schemas.Delivered
	Position pipeline.Position // of the copy
	Now      time.Time
}

// Stripped is what is left of a copy: its record and event, and the seeds its receipt waits for.
type Stripped struct {
	Redacted schemas.Redacted
	Event    *schemas.Event // nil where it tells of no message's end, but of one more seed
	Seeds    []schemas.SeedRef
}

// Stage stamps events with the policy in force.
type Stage struct{ PolicyVersion string }

// errNotDue is the loop's fault, not the record's: the window is promised to the tenant, so an early copy waits.
var errNotDue = errors.New("copy is not due yet")

// Step strips one copy. The same copy gives the same record and an event of the same identity, whenever it is stripped.
func (s Stage) Step(d Due) ([]Stripped, error) {
	if d.Now.Before(d.DueAt) {
		return nil, errNotDue
	}
	c := schemas.Copy{Topic: d.Position.Topic, Partition: int32(d.Position.Partition), Offset: d.Position.Offset}
	if d.Content != nil {
		c.SeedID = d.Content.SeedID
	}
	stripped := Stripped{
		Redacted: schemas.Redacted{
			Identity: d.Identity, Source: d.Source, Route: d.Route, Clear: d.Clear,
			Outcome: d.Outcome, Reason: d.Reason, ErrorCode: d.ErrorCode, Attempt: d.Attempt, ProviderRef: d.ProviderRef,
			OutcomeAt: d.OutcomeAt, DueAt: d.DueAt, Copy: c,
		},
		Seeds: d.Seeds,
	}
	if d.Reason != schemas.ReasonResealed {
		e := s.event(&d, &c)
		stripped.Event = &e
	}
	return []Stripped{stripped}, nil
}

func (s Stage) event(d *Due, c *schemas.Copy) schemas.Event {
	e := schemas.NewEvent(schemas.KindRedacted, "redact", d.Identity, &d.Clear, d.Now)
	e.Attempt, e.Detail, e.Reason, e.ErrorCode = d.Attempt, d.Position.String(), d.Reason, d.ErrorCode
	e.SenderID, e.Region, e.Processor, e.TransferBasis = d.Sender, d.Region, d.Processor, d.TransferBasis
	e.ProviderRef, e.DueAt, e.Copy, e.PolicyVersion = d.ProviderRef, d.DueAt, c, s.PolicyVersion
	return e
}
