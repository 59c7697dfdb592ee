package deliver

import (
	"maps"
	"slices"
)

// Reasons is the closed list of reasons on deliver's outcomes and parked events, what route's verdicts bring and the
// codec's reasons of rejected records apart. Those that come from Meta's error codes stand in the table of rules.
func Reasons() []string {
	all := map[string]bool{}
	for _, r := range []string{
		reasonDeadline, reasonStopped, reasonTenant, reasonClosed, reasonUnknown, reasonOptedOut, reasonStale,
		reasonInDoubt, reasonPaced, reasonNoEvidence, reasonDraining, reasonLate,
		ReasonClaimOver, ReasonUnreachable, ReasonNoCredential, ReasonContentGone, ReasonUnrenderable, ReasonErased,
		unlisted.Reason,
	} {
		all[r] = true
	}
	for _, r := range rules {
		all[r.Reason] = true
	}
	return slices.Sorted(maps.Keys(all))
}
