package listen

import (
	"encoding/hex"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/whatsapplink/cloud/schemas"
)

// SuppressionKey is the key of a fact in the register: scope, tenant, ref, category, state, effective_at and source, so
// that compaction removes only exact repeats and readers merge the rest.
func SuppressionKey(s schemas.Suppression) string {
	return strings.Join([]string{
		s.Scope, s.TenantID, hex.EncodeToString(s.Ref), s.Category, s.State, strconv.FormatInt(s.EffectiveAt.UnixMicro(), 10), s.Source,
	}, "/")
}

// objection is an objection, or the end of one, before it is said whose.
type objection struct {
	tenant, category, state, source string
	at                              time.Time
}

// suppress records an objection for every distinct identifier of a person; none says that there was no usable one.
func (r *reducer) suppress(o objection, ids []text) (none bool, err error) {
	var done []string
	for _, id := range ids {
		kind, value := identify(string(id))
		if kind == "" || slices.Contains(done, value) {
			continue
		}
		done = append(done, value)
		ref, err := r.ref(o.tenant, kind, value)
		if err != nil {
			return false, err
		}
		r.out.Suppressions = append(r.out.Suppressions, schemas.Suppression{
			Scope: "recipient", TenantID: o.tenant, Ref: ref, Category: o.category, State: o.state, EffectiveAt: o.at, Source: o.source,
		})
	}
	return len(done) == 0, nil
}

var (
	digits = regexp.MustCompile(`^\+?[0-9]{5,15}$`)
	userID = regexp.MustCompile(`^[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}$`)
)

// identify tells a phone number (made E.164: callbacks leave the plus out) from a business-scoped user id; either can
// stand in any field. kind is "" for anything else.
func identify(id string) (kind, value string) {
	switch {
	case userID.MatchString(id):
		return "user_id", id
	case digits.MatchString(id) && id[0] == '+':
		return "phone", id
	case digits.MatchString(id):
		return "phone", "+" + id
	}
	return "", ""
}

// inbound reads a message of a person for a wish to stop; whatever else it says is dropped here.
func (r *reducer) inbound(tenant string, v *value, m *inbound) error {
	if !m.wantsStop() {
		r.out.Ignored++
		return nil
	}
	who := []text{m.From, m.FromUserID, m.FromParentUserID}
	if len(v.Contacts) == 1 && len(v.Messages) == 1 { // else it is not said whose contact it is
		who = append(who, v.Contacts[0].ids()...)
	}
	none, err := r.suppress(objection{tenant, "marketing", "stop", "keyword", r.when(m.Timestamp)}, who)
	if none {
		r.out.Malformed++
	}
	return err
}

// preferences reads what people chose in WhatsApp itself. Resuming and signing up there are explicit opt-ins.
func (r *reducer) preferences(e *entry, v *value) error {
	tenant, owned := r.SenderTenant(string(v.Metadata.PhoneNumberID))
	if !owned {
		tenant, owned = r.AccountTenant(string(e.ID))
	}
	if !owned {
		r.out.Ignored += max(1, len(v.Preferences))
		return nil
	}
	for i := range v.Preferences {
		p := &v.Preferences[i]
		state, known := map[text]string{"stop": "stop", "resume": "resume", "signup": "resume"}[p.Value]
		if !known {
			r.out.Ignored++
			continue
		}
		none, err := r.suppress(objection{tenant, "marketing", state, "preference", r.when(p.Timestamp)}, p.ids())
		if err != nil {
			return err
		}
		if none {
			r.out.Malformed++
		}
	}
	return nil
}

func (p *person) ids() []text { return []text{p.WaID, p.UserID, p.ParentUserID} }
