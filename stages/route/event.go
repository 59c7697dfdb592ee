package route

import (
	"time"

	"github.com/whatsapplink/cloud/schemas"
)

// Event tells of a routed record; its reason is the verdict's, if there is one.
func (s *Stage) Event(r *schemas.Routed, at time.Time) schemas.Event {
	e := schemas.NewEvent(schemas.KindRouted, "route", r.Identity, &r.Clear, at)
	e.SenderID, e.Region, e.Processor, e.TransferBasis = r.Sender, r.Region, r.Processor, r.TransferBasis
	e.PolicyVersion = s.PolicyVersion
	if r.Verdict != nil {
		e.Reason = r.Verdict.Reason
	}
	return e
}
