package custody

// Reasons of refusals: custody's closed list.
const (
	ReasonNotSupportedYet   = "not_supported_yet"   // a verb of the contract that custody does not carry out yet
	ReasonUnknownVerb       = "unknown_verb"        // no verb of the contract
	ReasonBadControlID      = "bad_control_id"      // the control's id is no ULID
	ReasonNoActor           = "no_actor"            // the asker has no well-formed id
	ReasonPurposeNotAllowed = "purpose_not_allowed" // what is carried out is for debug or support
	ReasonNoIncident        = "no_incident"         // no well-formed incident id
	ReasonStale             = "stale"               // asked longer ago than an answer is kept
	ReasonBadPublicKey      = "bad_public_key"      // no X25519 public key an answer could be sealed to
	ReasonUnknownTenant     = "unknown_tenant"      // not in the register
	ReasonNotFound          = "not_found"           // no copy of this message of this tenant, or no such letter
	ReasonWindowOver        = "window_over"         // the read window has passed: outcome + window, for a letter 24 h
	ReasonNoContent         = "no_content"          // the copy or letter was written without content
	ReasonNotARequest       = "not_a_request"       // only what came to a topic of requests is published again
	ReasonTruncated         = "truncated"           // the letter does not hold all of the original
)

// ReasonKeyGone is not the stage's but the answer's, where the window ends between the decision and the opening, or a send
// is in doubt past its deadline, which ended its transit key.
const ReasonKeyGone = "key_gone"

// Reasons lists every reason, for documentation and tests.
var Reasons = []string{
	ReasonNotSupportedYet, ReasonUnknownVerb, ReasonBadControlID, ReasonNoActor, ReasonPurposeNotAllowed, ReasonNoIncident,
	ReasonStale, ReasonBadPublicKey, ReasonUnknownTenant, ReasonNotFound, ReasonWindowOver, ReasonNoContent,
	ReasonNotARequest, ReasonTruncated,
}
