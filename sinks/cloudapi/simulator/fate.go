package simulator

import (
	"maps"
	"slices"
)

// Fate is what becomes of an accepted send: its last status, or never.
type Fate string

// The fates.
const (
	FateSent      Fate = "sent"
	FateDelivered Fate = "delivered"
	FateRead      Fate = "read"
	FateFailed    Fate = "failed"
	FateNever     Fate = "never" // no callback ever comes
)

// statuses are the callbacks of a fate, in order.
var statuses = map[Fate][]string{
	FateSent: {"sent"}, FateDelivered: {"sent", "delivered"}, FateRead: {"sent", "delivered", "read"}, FateFailed: {"sent", "failed"},
}

// fate decides a send's fate by its dice; code is that of a failure.
func (s *Simulator) fate(r *request, d dice) (f Fate, code int) {
	if r.kind == "reaction" {
		return FateSent, 0
	}
	shares, at := &s.config.Fates, d.roll("fate")
	for _, c := range slices.Sorted(maps.Keys(shares.Failed)) {
		if at -= shares.Failed[c]; at < 0 {
			return FateFailed, c
		}
	}
	for _, x := range []struct {
		fate  Fate
		share float64
	}{{FateNever, shares.Never}, {FateSent, shares.Sent}, {FateRead, shares.Read}} {
		if at -= x.share; at < 0 {
			return x.fate, 0
		}
	}
	return FateDelivered, 0
}
