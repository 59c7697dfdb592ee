package listen

import (
	"strings"
	"time"

	"github.com/whatsapplink/cloud/schemas"
)

// rule says what an error or an account's event stops. A zero lasts is until an operator lifts it.
type rule struct {
	scope, effect, reason string
	category              schemas.Category
	lasts                 time.Duration
}

// stopsByCode are the errors that stop more than their message, where the callback says enough to know what; a stopped
// template comes by its own callback. A test holds it equal to deliver's table, which decides for answers.
var stopsByCode = map[int32]rule{
	33:     {scope: "number", effect: "block", reason: "number_deleted"},
	368:    {scope: "account", effect: "park", reason: "account_blocked", lasts: 24 * time.Hour},
	131031: {scope: "account", effect: "block", reason: "account_locked"},
	131037: {scope: "number", effect: "block", reason: "display_name_missing"},
	131042: {scope: "account", effect: "block", reason: "payment_problem"},
	131045: {scope: "number", effect: "block", reason: "number_unregistered"},
	131048: {scope: "number", effect: "park", reason: "spam_limited", lasts: 4 * time.Hour},
	131057: {scope: "number", effect: "park", reason: "maintenance", lasts: time.Minute},
	131063: {scope: "account", effect: "block", reason: "marketing_off", category: schemas.Marketing},
	131064: {scope: "account", effect: "park", reason: "category_limited", lasts: 24 * time.Hour},
	133010: {scope: "number", effect: "block", reason: "number_unregistered"},
}

// templatePauses are the lengths of Meta's pauses of a template; any other pause lasts until it is lifted.
var templatePauses = map[text]time.Duration{"FIRST_PAUSE": 3 * time.Hour, "SECOND_PAUSE": 6 * time.Hour}

// templateEvents are the events of message_template_status_update that stop the template. Those that would free it do
// not lift a stop: callbacks come late and out of order, so stops end by time or by an operator.
var templateEvents = map[text]rule{
	"PAUSED":           {scope: "template", effect: "park", reason: "template_paused"},
	"LOCKED":           {scope: "template", effect: "park", reason: "template_locked"},
	"LIMIT_EXCEEDED":   {scope: "template", effect: "park", reason: "template_limit", lasts: 24 * time.Hour},
	"DISABLED":         {scope: "template", effect: "block", reason: "template_disabled"},
	"REJECTED":         {scope: "template", effect: "block", reason: "template_rejected"},
	"DELETED":          {scope: "template", effect: "block", reason: "template_deleted"},
	"PENDING_DELETION": {scope: "template", effect: "block", reason: "template_deleted"},
	"ARCHIVED":         {scope: "template", effect: "block", reason: "template_archived"},
}

// stopByCode sets what an error code stops beyond its message; ok is false when it stops nothing.
func (r *reducer) stopByCode(tenantID, sender string, code int32, at time.Time) (ok bool) {
	rule, ok := stopsByCode[code]
	if !ok {
		return false
	}
	id := sender
	if rule.scope == "account" {
		id = r.accountOf(tenantID, sender)
	}
	if id == "" {
		return false
	}
	r.stop(rule, id, code, at)
	return true
}

// accountOf is the sender's WABA as the register has it: the one deliver checks.
func (r *reducer) accountOf(tenantID, sender string) string {
	tenant, _ := r.Tenant(tenantID)
	for i := range tenant.Senders {
		if tenant.Senders[i].PhoneNumberID == sender {
			return tenant.Senders[i].WABA
		}
	}
	return ""
}

func (r *reducer) template(e *entry, v *value) error {
	rule, stops := templateEvents[v.Event]
	tenant, owned := r.AccountTenant(string(e.ID))
	if !stops || !owned {
		r.out.Ignored++
		return nil
	}
	if v.TemplateName == "" || v.TemplateLanguage == "" {
		r.out.Malformed++
		return nil
	}
	if v.Event == "PAUSED" {
		rule.lasts = templatePauses[v.OtherInfo.Title]
	}
	// The callback may spell the language with a hyphen, requests never do.
	language := strings.ReplaceAll(string(v.TemplateLanguage), "-", "_")
	ref, err := r.ref(tenant, "template", string(v.TemplateName)+"|"+language)
	if err != nil {
		return err
	}
	r.stop(rule, schemas.StopID(tenant, ref), 0, r.when(e.Time))
	return nil
}

func (r *reducer) account(e *entry, v *value) {
	at := r.when(e.Time)
	rule := rule{scope: "account", effect: "block"}
	switch {
	case v.Event == "DISABLED_UPDATE" && v.BanInfo.State == "DISABLE":
		rule.reason = "account_disabled"
	case v.Event == "ACCOUNT_DELETED":
		rule.reason = "account_deleted"
	case v.Event == "PARTNER_REMOVED":
		rule.reason = "partner_removed"
	case v.Event == "ACCOUNT_RESTRICTION":
		rule.effect, rule.reason = "park", "account_restricted"
		var until number
		for _, restriction := range v.Restrictions {
			until = max(until, restriction.Expiration)
		}
		if until > 0 { // else until it is lifted
			rule.lasts = max(time.Unix(int64(until), 0).Sub(at), 1)
		}
	}
	if _, owned := r.AccountTenant(string(e.ID)); !owned || rule.reason == "" {
		r.out.Ignored++
		return
	}
	r.stop(rule, string(e.ID), 0, at)
}

// stop adds a stop unless it is over already, has been lifted since, or one that stands covers it: the register keeps one stop of an id, and a short one must not end a long one.
func (r *reducer) stop(rule rule, id string, code int32, at time.Time) {
	s := schemas.Stop{
		Scope: rule.scope, ID: id, Effect: rule.effect, Reason: rule.reason, Category: string(rule.category), ErrorCode: code, SetAt: at,
	}
	if rule.lasts > 0 {
		s.Until = at.Add(rule.lasts)
		if !s.Until.After(r.ReceivedAt) {
			return
		}
	}
	for i := range r.out.Stops {
		if pending := &r.out.Stops[i]; pending.Scope == s.Scope && pending.ID == s.ID {
			if !covers(pending, &s) {
				*pending = s
			}
			return
		}
	}
	if standing, ok := r.Stopped(s.Scope, s.ID); ok && (covers(&standing, &s) || lifted(&standing, &s)) {
		return
	}
	r.out.Stops = append(r.out.Stops, s)
}

// lifted says whether an operator has lifted a stop since the cause of another: a callback that comes again must not set
// it again.
func lifted(a, b *schemas.Stop) bool { return a.Effect == "" && a.SetAt.After(b.SetAt) }

// covers says whether a stop is as strong as another, lasts as long, and holds for all it holds for.
func covers(a, b *schemas.Stop) bool {
	return (a.Effect == b.Effect || a.Effect == "block") && (a.Category == "" || a.Category == b.Category) &&
		(a.Until.IsZero() || !b.Until.IsZero() && !a.Until.Before(b.Until))
}
