package listen

import (
	"slices"
	"strings"
	"time"

	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/stages/deliver"
)

// rule says what an error or an account's event stops. A zero lasts is until an operator lifts it.
type rule struct {
	scope, effect, reason string
	category              schemas.Category
	lasts                 time.Duration
}

// templatePauses are the lengths of Meta's pauses of a template; any other pause lasts until it is lifted.
var templatePauses = map[text]time.Duration{"FIRST_PAUSE": 3 * time.Hour, "SECOND_PAUSE": 6 * time.Hour}

// templateEvents are the events of message_template_status_update that stop the template, and those that free it (of no
// effect).
var templateEvents = map[text]rule{
	"PAUSED":           {scope: "template", effect: "park", reason: "template_paused"},
	"LOCKED":           {scope: "template", effect: "park", reason: "template_locked"},
	"LIMIT_EXCEEDED":   {scope: "template", effect: "park", reason: "template_limit", lasts: 24 * time.Hour},
	"DISABLED":         {scope: "template", effect: "block", reason: "template_disabled"},
	"REJECTED":         {scope: "template", effect: "block", reason: "template_rejected"},
	"DELETED":          {scope: "template", effect: "block", reason: "template_deleted"},
	"PENDING_DELETION": {scope: "template", effect: "block", reason: "template_deleted"},
	"ARCHIVED":         {scope: "template", effect: "block", reason: "template_archived"},
	"APPROVED":         {scope: "template", reason: "template_approved"},
	"REINSTATED":       {scope: "template", reason: "template_approved"},
}

// ofAccounts are the reasons of the account stops that a reinstatement lifts; payment and the like it says nothing of.
var ofAccounts = []string{"account_disabled", "account_restricted", "account_blocked", "account_locked", "account_reinstated"}

// stopByCode sets what an error code stops beyond its message; ok is false when it stops nothing. No callback says which
// template its message was of: a stopped template comes by its own callback.
func (r *reducer) stopByCode(tenantID, sender string, code int32, at time.Time) (ok bool) {
	says := deliver.RuleFor(code)
	id := sender
	switch says.Stop {
	case "account":
		id = r.accountOf(tenantID, sender)
	case "number", "credential":
	default:
		return false
	}
	if id == "" || code == 0 { // 0 is no error here, and a code of Meta's in answers
		return false
	}
	rule := rule{scope: says.Stop, effect: "block", reason: says.Reason, category: schemas.Category(says.Category), lasts: says.For}
	if says.For > 0 {
		rule.effect = "park"
	}
	r.stop(rule, tenantID, id, code, at)
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
	id, at := schemas.StopID(tenant, ref), r.when(e.Time)
	if rule.effect == "" {
		r.lift(rule, tenant, id, at)
	} else {
		r.stop(rule, tenant, id, 0, at)
	}
	return nil
}

func (r *reducer) account(e *entry, v *value) {
	at := r.when(e.Time)
	rule := rule{scope: "account", effect: "block"}
	switch {
	case v.Event == "DISABLED_UPDATE" && v.BanInfo.State == "DISABLE":
		rule.reason = "account_disabled"
	case v.Event == "DISABLED_UPDATE" && v.BanInfo.State == "REINSTATE":
		rule.effect, rule.reason = "", "account_reinstated"
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
	tenant, owned := r.AccountTenant(string(e.ID))
	switch standing, ok := r.Stopped(rule.scope, string(e.ID)); {
	case !owned || rule.reason == "":
		r.out.Ignored++
	case rule.effect != "":
		r.stop(rule, tenant, string(e.ID), 0, at)
	case ok && !slices.Contains(ofAccounts, standing.Reason):
		r.out.Ignored++
	default:
		r.lift(rule, tenant, string(e.ID), at)
	}
}

// stop adds a stop unless it is over already, has been lifted since, or one that stands covers it: the register keeps one
// stop of an id, and a short one must not end a long one.
func (r *reducer) stop(rule rule, tenant, id string, code int32, at time.Time) {
	s := schemas.Stop{
		Scope: rule.scope, ID: id, Effect: rule.effect, Reason: rule.reason, Category: string(rule.category), ErrorCode: code, SetAt: at,
	}
	if rule.lasts > 0 {
		s.Until = at.Add(rule.lasts)
		if !s.Until.After(r.ReceivedAt) {
			return
		}
	}
	if standing, ok := r.standing(s.Scope, s.ID); !ok || !covers(&standing, &s) && !lifted(&standing, &s) {
		r.set(s, schemas.KindStopped, tenant, &s)
	}
}

// lift ends the stop of an id that was set before. Callbacks come out of order: the register keeps the lifting even of a stop
// that does not stand, so that an older callback does not set it again.
func (r *reducer) lift(rule rule, tenant, id string, at time.Time) {
	s := schemas.Stop{Scope: rule.scope, ID: id, Reason: rule.reason, SetAt: at}
	switch standing, ok := r.standing(s.Scope, s.ID); {
	case ok && !standing.SetAt.Before(at):
	case ok && standing.Effect != "":
		s.Source = standing.Source
		r.set(s, schemas.KindResumed, tenant, &standing)
	default:
		r.put(s)
	}
}

// standing is the stop of an id as the register will have it after what this callback changed so far.
func (r *reducer) standing(scope, id string) (schemas.Stop, bool) {
	if i := r.pending(scope, id); i >= 0 {
		return r.out.Stops[i], true
	}
	return r.Stopped(scope, id)
}

func (r *reducer) pending(scope, id string) int {
	return slices.IndexFunc(r.out.Stops, func(s schemas.Stop) bool { return s.Scope == scope && s.ID == id })
}

// put keeps one record of an id.
func (r *reducer) put(s schemas.Stop) {
	if i := r.pending(s.Scope, s.ID); i >= 0 {
		r.out.Stops[i] = s
		return
	}
	r.out.Stops = append(r.out.Stops, s)
}

// set changes the register and tells of it.
func (r *reducer) set(s schemas.Stop, kind schemas.Kind, tenant string, of *schemas.Stop) {
	r.put(s)
	e := schemas.StopEvent(kind, "listen", tenant, of)
	e.At, e.PolicyVersion = s.SetAt, r.PolicyVersion
	r.out.Events = append(r.out.Events, e)
}

// lifted says whether an operator has lifted a stop since the cause of another: a callback that comes again must not set
// it again.
func lifted(a, b *schemas.Stop) bool { return a.Effect == "" && a.SetAt.After(b.SetAt) }

// covers says whether a stop is as strong as another, lasts as long, and holds for all it holds for.
func covers(a, b *schemas.Stop) bool {
	return (a.Effect == b.Effect || a.Effect == "block") && (a.Category == "" || a.Category == b.Category) &&
		(a.Until.IsZero() || !b.Until.IsZero() && !a.Until.Before(b.Until))
}
