// Package listen says whether a callback of Meta's is genuine, and reduces it to what may be kept.
//
// Its one invariant: no number, name or text of a callback leaves Reduce, only refs, states, codes of closed lists and
// ids that are ours. It knows no HTTP: the body and the header come as arguments. It imports schemas, pipeline and pure
// libraries: no adapter, no clock, no key (Ref holds the one that opens no content).
package listen

import (
	"fmt"
	"time"

	"github.com/whatsapplink/cloud/schemas"
)

// Reasons of rejected bodies, the closed list. Such a body can never pass; it is answered 200, or Meta sends it for days.
const (
	ReasonTooLarge       = "too_large"        // over MaxBody
	ReasonTooDeep        = "too_deep"         // nested deeper than any callback
	ReasonTooManyUpdates = "too_many_updates" // over MaxUpdates
	ReasonNotJSON        = "not_json"         // no JSON text
)

// Reasons lists every reason, for documentation and tests.
var Reasons = []string{ReasonTooLarge, ReasonTooDeep, ReasonTooManyUpdates, ReasonNotJSON}

// Deps is what Reduce asks of the world. All fields are needed.
type Deps struct {
	// Ref returns the 16-byte pseudonym of a value under the tenant's key; kind is phone, user_id, template or provider.
	// Its error is the world's: the callback is answered 5xx and comes again.
	Ref func(tenant, kind, value string) ([]byte, error)
	// Tenant, SenderTenant and AccountTenant look into the register by tenant id, phone number id and WABA id.
	Tenant        func(id string) (schemas.Tenant, bool)
	SenderTenant  func(phoneNumberID string) (tenant string, ok bool)
	AccountTenant func(waba string) (tenant string, ok bool)
	// Stopped looks into the register of stops, so that a callback neither shortens a stop nor sets a lifted one again.
	Stopped       func(scope, id string) (schemas.Stop, bool)
	ReceivedAt    time.Time
	PolicyVersion string // the policy in force now; stamped on events
}

// Reduction is what is left of a callback. Statuses tell deliver, Events are delivered, read, played and failed (sent is
// deliver's to tell), Outcomes are for tenants that asked for them.
type Reduction struct {
	Statuses     []schemas.Status
	Events       []schemas.Event
	Stops        []schemas.Stop
	Suppressions []schemas.Suppression
	Outcomes     []schemas.Outcome
	Ignored      int // updates that say nothing to us: foreign, unknown, or inbound
	Malformed    int // updates without the parts that make them one
}

// Reduce reduces one verified body. An error is a pipeline.Rejection for the body's fault, else the world's; either way
// the Reduction is empty. The same body gives the same records but for times Meta did not state.
func Reduce(body []byte, deps Deps) (Reduction, error) {
	c, err := parse(body)
	if err != nil {
		return Reduction{}, err
	}
	r := reducer{Deps: deps}
	if len(c.Entry) == 0 {
		r.out.Malformed++
	}
	for i := range c.Entry {
		for j := range c.Entry[i].Changes {
			change := &c.Entry[i].Changes[j]
			if c.Object != "whatsapp_business_account" {
				r.out.Ignored++
				continue
			}
			if err := r.change(&c.Entry[i], change); err != nil {
				return Reduction{}, err
			}
		}
	}
	return r.out, nil
}

type reducer struct {
	Deps
	out Reduction
}

func (r *reducer) change(e *entry, c *change) error {
	switch c.Field {
	case "messages":
		return r.messages(e, &c.Value)
	case "user_preferences":
		return r.preferences(e, &c.Value)
	case "message_template_status_update":
		return r.template(e, &c.Value)
	case "account_update":
		r.account(e, &c.Value)
	default:
		r.out.Ignored++
	}
	return nil
}

func (r *reducer) messages(e *entry, v *value) error {
	sender := string(v.Metadata.PhoneNumberID)
	tenant, owned := r.SenderTenant(sender)
	if !owned { // callbacks go on coming for the messages of a number that its tenant has given up
		sender = "" // nobody vouches for it any more: it might be a person's
		tenant, owned = r.AccountTenant(string(e.ID))
	}
	if !owned {
		r.out.Ignored += max(1, len(v.Statuses)+len(v.Messages)+len(v.Errors))
		return nil
	}
	for i := range v.Statuses {
		if err := r.status(tenant, sender, &v.Statuses[i]); err != nil {
			return err
		}
	}
	for i := range v.Messages {
		if err := r.inbound(tenant, v, &v.Messages[i]); err != nil {
			return err
		}
	}
	for i := range v.Errors {
		if !r.stopByCode(tenant, sender, codeOf(v.Errors[i:i+1]), r.ReceivedAt) {
			r.out.Ignored++
		}
	}
	return nil
}

func (r *reducer) ref(tenant, kind, value string) ([]byte, error) {
	ref, err := r.Ref(tenant, kind, value)
	if err != nil {
		return nil, fmt.Errorf("make a %s ref: %w", kind, err)
	}
	return ref, nil
}

// when is Meta's time, in whole seconds. None, one before the service existed, and one of the future are the time of
// receipt: an objection must not be dated ahead of its own withdrawal.
func (r *reducer) when(seconds number) time.Time {
	if at := time.Unix(int64(seconds), 0).UTC(); seconds > earliest && at.Before(r.ReceivedAt) {
		return at
	}
	return r.ReceivedAt
}

const earliest = 1_577_836_800 // 2020-01-01
