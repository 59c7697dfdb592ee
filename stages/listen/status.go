package listen

import (
	"regexp"
	"time"

	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/stages/deliver"
)

// kinds are the states of a status that are passed on; "" makes no event.
var kinds = map[text]schemas.Kind{
	"sent": "", "delivered": schemas.KindDelivered, "read": schemas.KindRead, "played": schemas.KindPlayed, "failed": schemas.KindFailed,
}

// ReasonProvider stands on failed events of this stage: Meta took the message and gave up later; error_code says why.
const ReasonProvider = "provider_failed"

func (r *reducer) status(tenant, sender string, s *status) error {
	if s.ID == "" || s.Status == "" {
		r.out.Malformed++
		return nil
	}
	kind, known := kinds[s.Status]
	data, ours := schemas.ParseCallbackData(string(s.CallbackData))
	if !known || !ours || data.TenantID != tenant || !r.plausible(&data) {
		r.out.Ignored++
		return nil
	}
	provider, err := r.ref(tenant, "provider", string(s.ID))
	if err != nil {
		return err
	}
	reduced := schemas.Status{
		Identity: data.Identity, Attempt: data.Attempt, Status: string(s.Status), At: r.when(s.Timestamp), SenderID: sender,
		ProviderRef: provider, PricingCategory: pricingCategory(s.Pricing.Category), Billable: s.Pricing.Billable.value,
		Category: data.Category, Country: data.Country, ContentType: data.ContentType, Window: data.Window,
	}
	if kind == schemas.KindFailed {
		reduced.ErrorCode = codeOf(s.Errors)
		if err := r.aftermath(&reduced, s); err != nil {
			return err
		}
	}
	r.out.Statuses = append(r.out.Statuses, reduced)
	if kind != "" {
		r.tell(kind, &reduced)
	}
	return nil
}

// tell makes the event, and the outcome if the tenant wants to hear.
func (r *reducer) tell(kind schemas.Kind, s *schemas.Status) {
	reason := ""
	if kind == schemas.KindFailed {
		reason = ReasonProvider
	}
	tenant, _ := r.Tenant(s.TenantID)
	region := ""
	for i := range tenant.Senders {
		if tenant.Senders[i].PhoneNumberID == s.SenderID {
			region = tenant.Senders[i].Region
		}
	}
	r.out.Events = append(r.out.Events, schemas.Event{
		Identity: s.Identity, Kind: kind, Attempt: s.Attempt, At: s.At, Stage: "listen", Reason: reason,
		SenderID: s.SenderID, Region: region, Processor: "meta", Country: s.Country, Category: string(s.Category),
		ContentType: s.ContentType, ProviderRef: s.ProviderRef, ErrorCode: s.ErrorCode, Window: s.Window,
		PricingCategory: s.PricingCategory, Billable: s.Billable, Labels: map[string]string{}, PolicyVersion: r.PolicyVersion,
	})
	if tenant.Outcomes {
		r.out.Outcomes = append(r.out.Outcomes, schemas.Outcome{
			TenantID: s.TenantID, MessageID: s.MessageID, State: kind, Reason: reason, ErrorCode: s.ErrorCode,
			Attempt: s.Attempt, At: s.At, Labels: map[string]string{},
		})
	}
}

// aftermath applies what an asynchronous error says beyond its message: the message's state is final, its stop or
// objection holds for the next ones.
func (r *reducer) aftermath(reduced *schemas.Status, s *status) error {
	r.stopByCode(reduced.TenantID, reduced.SenderID, reduced.ErrorCode, reduced.At)
	category := deliver.RuleFor(reduced.ErrorCode).Suppress
	if category == "" {
		return nil
	}
	who := []text{s.RecipientID, s.RecipientUserID, s.ParentRecipientUserID, s.ParentUserID}
	_, err := r.suppress(objection{reduced.TenantID, category, "stop", "error", reduced.At}, who)
	return err
}

var (
	country  = regexp.MustCompile(`^([A-Z]{2}|[0-9]{3})?$`)
	tenantID = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{2,63}$`)

	categories = map[schemas.Category]bool{
		schemas.Authentication: true, schemas.Utility: true, schemas.Marketing: true, schemas.Service: true,
	}
	contentTypes = map[string]bool{
		"text": true, "image": true, "video": true, "audio": true, "document": true, "sticker": true, "location": true,
		"contacts": true, "reaction": true, "template": true, "interactive": true, "raw": true,
	}
	pricingCategories = map[text]bool{
		"marketing": true, "marketing_lite": true, "utility": true, "authentication": true, "authentication-international": true,
		"authentication_international": true, "service": true, "referral_conversion": true,
	}
)

const (
	maxAttempt = 10_000
	oldest     = 90 * 24 * time.Hour // Meta keeps a message 30 days and repeats a callback for 7
	ahead      = 24 * time.Hour
)

// plausible says whether callback data can be ours. Whoever holds a tenant's token can send with data of their own, so
// every part that travels on in clear must have its form: no number or text may hide in it.
func (r *reducer) plausible(d *schemas.CallbackData) bool {
	window, err := time.ParseDuration(d.Window)
	age := r.ReceivedAt.Sub(d.AcceptedAt)
	return tenantID.MatchString(d.TenantID) && schemas.WellFormedMessageID(d.MessageID) && d.Attempt <= maxAttempt &&
		age < oldest && age > -ahead && categories[d.Category] && contentTypes[d.ContentType] &&
		country.MatchString(d.Country) && err == nil && window >= 0 && len(d.Window) <= 8
}

// pricingCategory keeps Meta's names; a new one is "other" until it is listed, so that no text gets through.
func pricingCategory(t text) string {
	if t == "" || pricingCategories[t] {
		return string(t)
	}
	return "other"
}

// codeOf is the first error code; codes of Meta's have at most seven digits, anything else is 0.
func codeOf(faults []fault) int32 {
	for _, f := range faults {
		if f.Code > 0 && f.Code < 10_000_000 {
			return int32(f.Code)
		}
	}
	return 0
}
