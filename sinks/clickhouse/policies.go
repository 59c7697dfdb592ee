package clickhouse

import (
	"strconv"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
)

// Policy is one setting of a tenant from a time on.
type Policy struct {
	TenantID, Setting, Value, PolicyVersion string
	EffectiveAt                             time.Time
}

// Policies inserts what held when, each once.
func Policies(db *DB) pipeline.Target[Policy] { return newTarget(db, policiesTable()) }

// TenantPolicies are the settings of a tenant that decide about people's data, as its record appended at a time has them.
// They hold from the record's effective_at on where it has one.
func TenantPolicies(t *schemas.Tenant, appended time.Time) ([]*Policy, error) {
	from := t.EffectiveAt
	if from.IsZero() {
		from = appended
	}
	override := ""
	if r := t.RetentionOverride; r != nil {
		override = r.Window
	}
	all := []*Policy{}
	for _, s := range [...][2]string{
		{"status", t.Status}, {"region", t.Region}, {"delivery_window", t.DeliveryWindow}, {"diagnostic_window", t.DiagnosticWindow},
		{"retention_override", override}, {"settle_after", t.SettleAfter}, {"on_unknown", t.OnUnknown}, {"outcomes", strconv.FormatBool(t.Outcomes)},
	} {
		if !word(t.TenantID, 64) || !word(s[1], 64) || !word(t.PolicyVersion, 64) || !inBounds(from) {
			return nil, pipeline.Reject(ReasonEvidence)
		}
		all = append(all, &Policy{t.TenantID, s[0], s[1], t.PolicyVersion, from.UTC()})
	}
	return all, nil
}

func policiesTable() table[Policy] {
	return table[Policy]{name: "policy_history", sum: sumPolicies, columns: []column[Policy]{
		values("object", lowCardinality, func(*Policy) string { return "tenant" }),
		values("object_id", lowCardinality, func(p *Policy) string { return p.TenantID }),
		values("setting", lowCardinality, func(p *Policy) string { return p.Setting }),
		values("value", lowCardinality, func(p *Policy) string { return p.Value }),
		values("policy_version", lowCardinality, func(p *Policy) string { return p.PolicyVersion }),
		values("effective_at", micros, func(p *Policy) time.Time { return p.EffectiveAt }),
	}}
}

func sumPolicies(rows []Policy) uint64 {
	h := xxhash.New()
	for i := range rows {
		sumStrings(h, rows[i].TenantID, rows[i].Setting, rows[i].Value)
		sumTimes(h, rows[i].EffectiveAt)
	}
	return h.Sum64()
}
