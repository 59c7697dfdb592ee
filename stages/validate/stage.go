// Package validate decides whether a request may be sent, and takes apart what of it may travel in clear from what must be
// sealed.
//
// Its one invariant: whatever derives from content or names a recipient leaves only in Accepted.Payload and Plain, which
// the target seals; everything else of Accepted is the same for any two requests alike in type, size class, template,
// category, country and labels. The same request gives the same answer, for ever: time is the broker's append time.
//
// It may import schemas, pipeline and pure libraries.
package validate

import (
	"fmt"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
)

// Request is a decoded request and where it came from. Its strings are UTF-8, as the codec guarantees.
type Request struct {
	schemas.MessageRequest
	Source     pipeline.Position
	AcceptedAt time.Time // the broker's append time
	Bound      string    // the tenant whose own topic this is, "" on the gateway's
}

// Accepted is a request that may be sent.
type Accepted struct {
	Validated     schemas.Validated // all but Payload and Seed, which the target fills by sealing Plain
	Payload       schemas.Payload
	Plain         []byte        // Payload, encoded
	TransitWindow time.Duration // of the key topic to seal under
	Outcomes      bool          // the tenant wants outcomes
}

// Stage holds the registers and defaults that requests are judged by.
type Stage struct {
	Tenant func(id string) (schemas.Tenant, bool)
	// Ref is the tenant's pseudonym of a value: 16 bytes. Kinds are phone (E.164 with plus), user_id and template
	// (name|language). An error is the world's.
	Ref              func(tenant, kind, value string) ([]byte, error)
	Windows          []time.Duration // diagnostic windows that exist, ascending; one at least
	DeliveryWindow   time.Duration   // of a tenant that sets none; at most 24 h
	DiagnosticWindow time.Duration   // of a tenant that sets none
	PolicyVersion    string
	Suppressed       func(tenant string, refs [][]byte, category schemas.Category) bool // nil: nobody is
}

// Step accepts a request, or rejects it with one of Reasons. Any other error is that of Ref.
func (s *Stage) Step(r Request) ([]Accepted, error) {
	tenant, reason := s.tenant(&r)
	if reason == "" {
		reason = envelope(&r, &tenant)
	}
	if reason != "" {
		return nil, pipeline.Reject(reason)
	}
	to, reason := readRecipient(r.Recipient, r.Category, tenant.AllowedCountries)
	if reason != "" {
		return nil, pipeline.Reject(reason)
	}
	expires, transit, reason := s.deadline(&r, &tenant)
	if reason != "" {
		return nil, pipeline.Reject(reason)
	}
	window, reason := s.window(&r, &tenant)
	if reason == "" {
		reason = content(r.Content, r.Category)
	}
	if reason != "" {
		return nil, pipeline.Reject(reason)
	}
	payload := schemas.Payload{Recipient: to.Recipient, Content: r.Content, ReplyTo: r.ReplyTo}
	plain, class, reason := encode(&payload)
	if reason != "" {
		return nil, pipeline.Reject(reason)
	}
	templateRef, recipientRefs, err := s.refs(&r, to)
	if err != nil {
		return nil, err
	}
	if s.Suppressed != nil && s.Suppressed(r.TenantID, recipientRefs, r.Category) {
		return nil, pipeline.Reject(ReasonOptedOut)
	}
	labels := r.Labels
	if labels == nil {
		labels = map[string]string{}
	}
	return []Accepted{{
		Validated: schemas.Validated{
			Identity:  schemas.Identity{TenantID: r.TenantID, MessageID: r.MessageID, AcceptedAt: r.AcceptedAt},
			Source:    schemas.Coordinates{Topic: r.Source.Topic, Partition: int32(r.Source.Partition), Offset: r.Source.Offset},
			SenderID:  r.SenderID,
			ExpiresAt: expires,
			Clear: schemas.Clear{
				Category: r.Category, ContentType: r.Content.ContentType(), SizeClass: class, Country: to.country,
				TemplateRef: templateRef, RecipientRefs: recipientRefs, Window: window, Labels: labels,
				PolicyVersion: s.PolicyVersion,
			},
		},
		Payload: payload, Plain: plain, TransitWindow: transit, Outcomes: tenant.Outcomes,
	}}, nil
}

// refs derives the pseudonyms of a request: of its template, nil without one, and of every alias of its recipient.
func (s *Stage) refs(r *Request, to recipient) (template []byte, recipients [][]byte, err error) {
	if t, ok := r.Content.(schemas.Template); ok {
		if template, err = s.Ref(r.TenantID, "template", t.Name+"|"+t.Language); err != nil {
			return nil, nil, fmt.Errorf("derive template ref: %w", err)
		}
	}
	recipients = make([][]byte, len(to.aliases))
	for i, a := range to.aliases {
		if recipients[i], err = s.Ref(r.TenantID, a.kind, a.value); err != nil {
			return nil, nil, fmt.Errorf("derive recipient ref: %w", err)
		}
	}
	return template, recipients, nil
}

// sizeClasses are the upper bounds of a payload's encoded bytes; the last is the largest payload there is.
var sizeClasses = []struct {
	bytes int
	name  string
}{{64, "64"}, {256, "256"}, {1 << 10, "1k"}, {4 << 10, "4k"}, {64 << 10, "64k"}}

func encode(p *schemas.Payload) (plain []byte, class, reason string) {
	plain, err := schemas.Payloads.Encode(p)
	if err != nil {
		// What cannot be encoded did not come out of a codec; it would fail again.
		return nil, "", schemas.ReasonUndecodable
	}
	for _, c := range sizeClasses {
		if len(plain) <= c.bytes {
			return plain, c.name, ""
		}
	}
	return nil, "", ReasonContentTooLarge
}
