package route

// Reasons of verdicts: route's closed list.
const (
	ReasonTenantUnknown   = "tenant_unknown"    // the tenant has left the register since the message was accepted
	ReasonTenantClosed    = "tenant_closed"     // the tenant was closed since the message was accepted
	ReasonExpired         = "expired"           // its expires_at has passed
	ReasonOptedOut        = "opted_out"         // an objection stands for one of the recipient's refs
	ReasonSenderUnknown   = "sender_unknown"    // the requested sender is not, or no longer, one of the tenant's
	ReasonNoTransferBasis = "no_transfer_basis" // no sender's region may serve this tenant and country
)

// Reasons lists every reason, for documentation and tests.
var Reasons = []string{
	ReasonTenantUnknown, ReasonTenantClosed, ReasonExpired, ReasonOptedOut, ReasonSenderUnknown, ReasonNoTransferBasis,
}
