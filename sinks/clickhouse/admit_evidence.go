package clickhouse

import (
	"strings"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
)

// ReasonEvidence is why a record beside the events is rejected: a field holds what its type does not.
const ReasonEvidence = "evidence"

// AdmitReceipt is Admit for receipts.
func AdmitReceipt(r *schemas.Receipt) ([]*schemas.Receipt, error) {
	ok := (r.State == "expired" || r.State == "erased") && word(r.Lane, 200) && word(r.PolicyVersion, 64) &&
		allInBounds(r.Bucket, r.Deadline, r.ObservedAt)
	for _, s := range r.Seeds {
		ok = ok && word(s.Topic, 200) && len(s.SeedID) == 16 && zeroOrInBounds(s.AppendedAt)
	}
	return admitted(r, ok)
}

// AdmitAudit is Admit for audit records. An actor is an id of staff, which may have the form of a mail address, and seven digits
// as custody takes them.
func AdmitAudit(a *schemas.AuditRecord) ([]*schemas.AuditRecord, error) {
	ok := detail(a.AuditID) && inBounds(a.At) && (len(a.ReadHash) == 0 || len(a.ReadHash) == 32) &&
		(a.MessageID == "" || messageID(a.MessageID)) && detail(a.ControlID) && detail(a.IncidentID) && detail(a.Detail)
	actor := strings.Replace(a.Actor, "@", "", 1)
	ok = ok && len(actor) <= 64 && digits(actor) <= 7 && detail(actor)
	for _, s := range [...]string{a.Action, a.TenantID, a.Purpose, a.PolicyVersion} {
		ok = ok && word(s, 64)
	}
	return admitted(a, ok)
}

// AdmitSuppression is Admit for objections.
func AdmitSuppression(s *schemas.Suppression) ([]*schemas.Suppression, error) {
	ok := (s.State == "stop" || s.State == "resume") && len(s.Ref) == 16 && inBounds(s.EffectiveAt)
	for _, w := range [...]string{s.TenantID, s.Scope, s.Category, s.Source} {
		ok = ok && word(w, 64)
	}
	return admitted(s, ok)
}

func allInBounds(all ...time.Time) bool {
	for _, t := range all {
		if !inBounds(t) {
			return false
		}
	}
	return true
}

func admitted[T any](v *T, ok bool) ([]*T, error) {
	if !ok {
		return nil, pipeline.Reject(ReasonEvidence)
	}
	return []*T{v}, nil
}
