package schemas

import "encoding/hex"

// StopID is the id of a Stop whose scope belongs to a tenant: tenant/ref in hex for template and recipient, where ref is
// the tenant's keyed ref of the template or of the person. Scopes number, account and credential use Meta's own id.
func StopID(tenant string, ref []byte) string { return tenant + "/" + hex.EncodeToString(ref) }

// StopEvent tells that a stop was set or lifted. Its identity and detail are those of the stop, so that both events of one
// share them: what is stopped, and the request that caused it, or callback for what came by one.
func StopEvent(kind Kind, stage, tenant string, s *Stop) Event {
	cause := "callback"
	if s.Source != (Coordinates{}) {
		cause = s.Source.String()
	}
	return Event{
		Identity: Identity{TenantID: tenant, MessageID: "unknown", AcceptedAt: s.SetAt},
		Kind:     kind, At: s.SetAt, Stage: stage, Reason: s.Reason, ErrorCode: s.ErrorCode,
		Detail: s.Scope + "/" + s.ID + "/" + cause,
	}
}
