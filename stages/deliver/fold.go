package deliver

import (
	"crypto/sha256"
	"slices"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
)

// key is the message's identity, hashed to keep memory small.
type key [16]byte

func keyOf(tenant, message string) (k key) {
	sum := sha256.Sum256([]byte(tenant + "\x00" + message))
	copy(k[:], sum[:])
	return k
}

// entry is one record of attempts.
type entry struct {
	offset   int64
	at       time.Time
	accepted int64 // Unix microseconds: tells the sends of one message apart
	source   origin
	over     bool // all that is kept of a send that is over; of Attempt the class only, once this owner concluded it
	sum      bool // all that is kept of a send that rests in a lane: of Attempt what its newest outcome says
	refused  int  // of a sum: outcomes with the error code of Attempt
	unsent   int  // of a sum: calls that never left
	*schemas.Attempt
}

// send is one send of a message as this owner met it, besides what the log says of it.
type send struct {
	accepted int64
	source   origin            // of its request: another request of the same id and millisecond repeats it
	live     *work             // in memory
	parked   pipeline.Position // its copy in a lane; Topic "" for none
	done     bool              // concluded by this owner
	seed     uint32            // hash of the transit seed that its copy names
}

// message is all that is known of one (tenant, message id): the log in order, and the sends met.
type message struct {
	key     key
	since   time.Time // every attempt of it appended from here on is in entries
	entries []entry
	sends   []*send
}

// insert puts an entry at its place in the log; false when it stands there already, or is part of what was left out.
func (m *message) insert(e entry) bool {
	for i := range m.entries {
		if o := &m.entries[i]; (o.over || o.sum) && o.accepted == e.accepted && e.offset <= o.offset {
			return false
		}
	}
	if n := len(m.entries); n == 0 || m.entries[n-1].offset < e.offset {
		m.entries = append(m.entries, e)
		return true
	}
	i, found := slices.BinarySearchFunc(m.entries, e.offset, func(e entry, o int64) int { return int(e.offset - o) })
	if !found {
		m.entries = slices.Insert(m.entries, i, e)
	}
	return !found
}

func (m *message) send(accepted int64) *send {
	for _, s := range m.sends {
		if s.accepted == accepted {
			return s
		}
	}
	return nil
}

// source is whose request the log says a send was made for; ok is false before its first entry.
func (m *message) source(accepted int64) (source origin, ok bool) {
	for _, e := range m.entries {
		if e.accepted == accepted {
			return e.source, true
		}
	}
	return 0, false
}

func (m *message) forget(s *send) {
	m.sends = slices.DeleteFunc(m.sends, func(o *send) bool { return o == s })
}

// standing is what the log says of one send.
type standing struct {
	repeatOf int64   // accepted_at of the send this one repeats; 0 for none
	attempts int32   // the highest attempt that won its claim
	open     []entry // winning claims without an outcome, oldest first
	last     *entry  // the newest outcome that left the message open
	final    *entry  // what ended it
}

// stand reads the log: which claims won, and the first outcome of each. It is a function of the entries alone, so that
// every owner that sees the same log agrees, whatever it read first.
func (m *message) stand(accepted int64, horizon time.Duration) (st standing) {
	var anchors [4]int64
	met := anchors[:0]
	for i := range m.entries {
		e := &m.entries[i]
		if near(met, e.accepted, horizon) != 0 {
			continue // the claim of a repeat, made by an owner that had not met the first
		}
		if !slices.Contains(met, e.accepted) {
			met = append(met, e.accepted)
		}
		if e.accepted == accepted {
			st.apply(e)
		}
	}
	st.repeatOf = near(met, accepted, horizon)
	return st
}

// near returns a member of met other than accepted and at most horizon away from it, or 0.
func near(met []int64, accepted int64, horizon time.Duration) int64 {
	for _, a := range met {
		if d := a - accepted; d != 0 && max(d, -d) <= horizon.Microseconds() {
			return a
		}
	}
	return 0
}

func (st *standing) apply(e *entry) {
	switch {
	case e.over:
		st.final = e
	case e.sum:
		st.attempts, st.last = e.Attempt.Attempt, e
	case e.Class == schemas.Claim:
		if st.final == nil && e.Attempt.Attempt > st.attempts {
			st.attempts = e.Attempt.Attempt
			st.open = append(st.open, *e)
		}
	case st.final != nil:
	case e.ClaimID == "":
		// An outcome without a send does not count behind an open claim: that may have been sent.
		if len(st.open) == 0 && e.Class.Final() {
			st.final = e
		}
	default:
		i := slices.IndexFunc(st.open, func(c entry) bool { return c.ClaimID == e.ClaimID })
		if i < 0 {
			return
		}
		st.open = slices.Delete(st.open, i, i+1)
		if e.Class.Final() {
			st.final = e
		} else {
			st.last = e
		}
	}
}

// repeatInMemory returns the accepted_at of an earlier request of the same id that waits unclaimed, or 0.
func (m *message) repeatInMemory(accepted int64, horizon time.Duration) int64 {
	for _, s := range m.sends {
		if s.accepted < accepted && near([]int64{s.accepted}, accepted, horizon) != 0 {
			return s.accepted
		}
	}
	return 0
}

// refusals counts the outcomes of a send that carried code and left it open.
func (m *message) refusals(accepted int64, code int32) (n int) {
	for _, e := range m.entries {
		switch {
		case e.accepted != accepted || e.ErrorCode != code:
		case e.sum:
			n += e.refused
		case e.Class == schemas.OutcomeRetry:
			n++
		}
	}
	return n
}

// notSent counts the calls of a send that never left.
func (m *message) notSent(accepted int64) (n int) {
	for _, e := range m.entries {
		switch {
		case e.accepted != accepted:
		case e.sum:
			n += e.unsent
		case e.Class == schemas.OutcomeNotSent:
			n++
		}
	}
	return n
}
