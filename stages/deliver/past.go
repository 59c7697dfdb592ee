package deliver

import (
	"hash/fnv"
	"math"
	"slices"
	"time"

	"github.com/whatsapplink/cloud/schemas"
)

// origin is a request's coordinates, hashed to keep memory small: it tells apart requests with one id that were accepted
// within the same microsecond.
type origin uint32

func originOf(c schemas.Coordinates) origin {
	h := fnv.New32a()
	_, _ = h.Write([]byte(c.String()))
	return origin(h.Sum32())
}

// past is all that stays of a message with one send, concluded: its repeats must find it for the horizon. There may be
// millions, so it holds no pointers for the collector to follow.
type past struct {
	accepted int64 // Unix microseconds
	offset   int64 // of the final outcome
	took     int32 // from accepted until it was appended, milliseconds, at most 24 days
	source   origin
	seed     uint32 // send.seed
	class    uint8  // of the final outcome, in finals: evidence may still move unknown up
	former   bool   // not concluded by this owner
}

// finals stand in for final outcomes of which only the class is kept.
var finals = func() (all []*schemas.Attempt) {
	for _, c := range []schemas.AttemptClass{
		schemas.OutcomeSent, schemas.OutcomeFailed, schemas.OutcomeExpired, schemas.OutcomeSuppressed, schemas.OutcomeUnknown,
	} {
		all = append(all, &schemas.Attempt{Class: c})
	}
	return all
}()

// finalOf returns the number of a final class in finals.
func finalOf(c schemas.AttemptClass) int {
	return slices.IndexFunc(finals, func(a *schemas.Attempt) bool { return a.Class == c })
}

// stub says that only the class of a final outcome was kept.
func (e *entry) stub() bool { return slices.Contains(finals, e.Attempt) }

// at is the append time of the final outcome, whose resolution is milliseconds.
func (o *past) at() time.Time {
	return time.UnixMilli(o.accepted / 1000).Add(time.Duration(o.took) * time.Millisecond).UTC()
}

// tookFrom is past.took; append times are of several brokers and may go back.
func tookFrom(accepted int64, at time.Time) int32 {
	return int32(min(max(math.MinInt32, at.UnixMilli()-accepted/1000), math.MaxInt32))
}

// message brings a past message back as it was.
func (o past) message(k key) *message {
	m := &message{key: k, entries: []entry{{
		offset: o.offset, at: o.at(), accepted: o.accepted, source: o.source, over: true, Attempt: finals[o.class],
	}}}
	if !o.former {
		m.sends = []*send{{accepted: o.accepted, source: o.source, done: true, seed: o.seed}}
	}
	return m
}

// compact keeps of a send that is over only that it is. Where the log tells of another one, too, all is kept: which of them
// repeats which follows from whose claim came first.
func (m *message) compact(accepted int64, final entry) {
	if slices.ContainsFunc(m.entries, func(e entry) bool { return e.accepted != accepted }) {
		return
	}
	final.source, _ = m.source(accepted)
	final.Attempt, final.over = finals[finalOf(final.Class)], true
	m.entries = []entry{final}
}

// retire makes a message past if nothing more is to come of it, and lays it to rest if nothing is before its turn in a lane.
func (p *Partition) retire(m *message) {
	if r, ok := m.rest(p.cfg.Horizon); ok && p.messages[m.key] == m {
		delete(p.messages, m.key)
		p.resting.put(m.key, r)
		return
	}
	if len(m.entries) != 1 || len(m.sends) > 1 || p.messages[m.key] != m || m.busy(p.cfg.Horizon) {
		return
	}
	e := &m.entries[0]
	if !e.over || !e.stub() || (len(m.sends) == 1 && (!m.sends[0].done || m.sends[0].accepted != e.accepted)) {
		return
	}
	delete(p.messages, m.key)
	o := past{
		accepted: e.accepted, offset: e.offset, took: tookFrom(e.accepted, e.at), source: e.source,
		class: uint8(finalOf(e.Class)), former: len(m.sends) == 0,
	}
	if !o.former {
		o.seed = m.sends[0].seed
	}
	p.past.put(m.key, o)
}

// known returns what is known of a message, nil for nothing. It is not to be changed: see message.
func (p *Partition) known(k key) *message {
	if m := p.messages[k]; m != nil {
		return m
	}
	if o, ok := p.past.get(k); ok {
		return o.message(k)
	}
	if r, ok := p.resting.get(k); ok {
		return r.message(k)
	}
	return nil
}

// message returns what is known of a message, to be added to.
func (p *Partition) message(k key, at time.Time) *message {
	m := p.known(k)
	if m == nil {
		m = &message{key: k}
	}
	if p.messages[k] != m {
		p.whole = append(p.whole, met{k, at.UnixMilli()})
		if _, rested := p.resting.get(k); !rested {
			m.since = p.since
		}
		p.messages[k] = m
		p.past.drop(k)
		p.resting.drop(k)
	}
	return m
}

// met says when a message came to be kept whole.
type met struct {
	key key
	at  int64 // Unix milliseconds
}

// pruneSlack is how much longer everything is kept at first.
const pruneSlack = 10 * time.Minute

// pruneAtOnce is how many of each kind a step looks at: more than it adds, so that all have their turn while many come.
const pruneAtOnce = 8

// longestLane is how long what lay in a lane at the start may take to come.
func longestLane() time.Duration { return Lanes[len(Lanes)-1].Delay }

// keepAll keeps everything until what the lanes hold has come: it may reach back as far as memory does now.
func (p *Partition) keepAll(now time.Time) { p.pruneFrom = now.Add(longestLane() + pruneSlack) }

// prune forgets messages that ended longer than the horizon and the longest lane ago. Whatever still names one, or lies
// as far back, reads back first.
func (p *Partition) prune(now time.Time) {
	may := p.caughtUp && len(p.reading) == 0 && !now.Before(p.pruneFrom)
	oldest := now.Add(-p.cfg.Horizon - longestLane()).UnixMilli()
	for range pruneAtOnce {
		p.pruneWhole(oldest, may)
		if !may {
			continue
		}
		if k, o, ok := p.past.next(); ok && o.at().UnixMilli() < oldest {
			p.past.drop(k)
			p.forgot(o.at().UnixMilli())
		}
		if k, r, ok := p.resting.next(); ok && r.lane == noLane && r.appended < oldest {
			p.resting.drop(k)
			p.forgot(r.appended)
		}
	}
}

// pruneWhole looks at the next message that is kept whole, or was.
func (p *Partition) pruneWhole(oldest int64, may bool) {
	if len(p.whole) == 0 {
		return
	}
	p.hand = (p.hand + 1) % len(p.whole)
	w := p.whole[p.hand]
	if m := p.messages[w.key]; m != nil {
		last := w.at
		if n := len(m.entries); n > 0 {
			last = m.entries[n-1].at.UnixMilli()
		}
		if !may || last >= oldest || m.busy(p.cfg.Horizon) {
			return
		}
		delete(p.messages, w.key)
		p.forgot(last)
	}
	end := len(p.whole) - 1
	p.whole[p.hand] = p.whole[end]
	p.whole = p.whole[:end]
}

// forgot notes up to when memory does not hold all that was appended.
func (p *Partition) forgot(last int64) {
	if at := time.UnixMilli(last).UTC(); !at.Before(p.since) {
		p.since = at.Add(time.Millisecond) // the resolution of append times
	}
}

// busy says that a send of the message is under way, parked or in doubt.
func (m *message) busy(horizon time.Duration) bool {
	for _, s := range m.sends {
		if s.live != nil || s.parked.Topic != "" {
			return true
		}
	}
	for _, e := range m.entries {
		if e.Class == schemas.Claim && len(m.stand(e.accepted, horizon).open) > 0 {
			return true
		}
	}
	return false
}
