package deliver

import (
	"container/heap"
	"slices"
	"time"

	"github.com/whatsapplink/cloud/schemas"
)

// sender is one number: its pace, and the people it has messages for.
type sender struct {
	id         string
	limiter    *limiter
	checkedAt  time.Time             // when the configured rate was looked up last
	slots      [priorities]time.Time // when a message that comes new from routed would go
	recipients map[string]*recipient
	ready      recipients // who may get a message now
	queued     [priorities]int
	flight     int  // claims and calls under way
	unread     int  // claims that were not read back yet
	asleep     bool // waits for its turn; a timer wakes it
	crowded    bool // waits in Partition.crowded
}

// recipient is one person as one number sees them: messages go in order, one in flight.
type recipient struct {
	sender  *sender
	ref     string
	queue   []*work
	busy    bool
	pair    pair
	blocked time.Time // Meta refused the pair until then
	timed   bool      // a timer is set
	index   int       // in ready, -1 outside
}

// recipients is a heap by priority, then age of the head.
type recipients []*recipient

func (r recipients) Len() int { return len(r) }
func (r recipients) Less(i, j int) bool {
	a, b := r[i].queue[0], r[j].queue[0]
	if x, y := a.priority(), b.priority(); x != y {
		return x < y
	}
	if a.send.accepted != b.send.accepted {
		return a.send.accepted < b.send.accepted
	}
	return a.seq < b.seq
}
func (r recipients) Swap(i, j int) {
	r[i], r[j] = r[j], r[i]
	r[i].index, r[j].index = i, j
}

// Push appends a recipient; for container/heap.
func (r *recipients) Push(x any) {
	q := x.(*recipient)
	q.index = len(*r)
	*r = append(*r, q)
}

// Pop removes the last recipient; for container/heap.
func (r *recipients) Pop() any {
	old := *r
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*r = old[:len(old)-1]
	last.index = -1
	return last
}

func (p *Partition) senderOf(now time.Time, tenant, id string) *sender {
	s := p.senders[id]
	if s == nil {
		s = &sender{id: id, limiter: newLimiter(now, p.rateOf(tenant, id)), checkedAt: now, recipients: make(map[string]*recipient)}
		p.senders[id] = s
	}
	if now.Sub(s.checkedAt) > time.Second {
		s.checkedAt = now
		s.limiter.allow(now, p.rateOf(tenant, id))
	}
	return s
}

func (p *Partition) rateOf(tenant, id string) float64 {
	t, _ := p.cfg.Registers.Tenant(tenant)
	for _, s := range t.Senders {
		if s.PhoneNumberID == id {
			return s.Rate
		}
	}
	return 0
}

func (s *sender) recipient(ref string) *recipient {
	r := s.recipients[ref]
	if r == nil {
		r = &recipient{sender: s, ref: ref, index: -1}
		s.recipients[ref] = r
	}
	return r
}

// enqueue gives a message its place at its sender, or parks it when its turn is further away than memory should hold.
func (p *Partition) enqueue(now time.Time, w *work) {
	if g := p.gate(now, w); g.shut() {
		p.divert(now, w, g)
		return
	}
	s := p.senderOf(now, w.routed.TenantID, w.routed.Sender)
	if at := p.slotOf(now, s, w); at.Sub(now) > holdTime {
		p.park(now, w, at, reasonPaced)
		return
	}
	w.state, w.recipient = queued, s.recipient(string(w.routed.RecipientRef()))
	w.recipient.queue = append(w.recipient.queue, w)
	s.queued[w.priority()]++
	p.remind(w, earlier(now.Add(overdueTime), w.routed.ExpiresAt))
	p.refresh(now, w.recipient)
	p.run(now, s)
}

// slotOf projects when a message will go: behind those of its category's priority and of higher ones, and before all others,
// which it pushes back. One that is new from routed goes behind all such that came before it, parked ones included; one back
// from a lane is itself among those and goes behind what is in memory.
func (p *Partition) slotOf(now time.Time, s *sender, w *work) time.Time {
	turn := time.Duration(float64(time.Second) / (s.limiter.rate() * margin))
	if w.back {
		ahead := 0
		for _, n := range s.queued[:w.priority()+1] {
			ahead += n
		}
		return now.Add(time.Duration(ahead) * turn)
	}
	at := later(s.slots[w.priority()], now)
	for i := w.priority(); i < priorities; i++ {
		s.slots[i] = later(s.slots[i], now).Add(turn)
	}
	return at
}

// refresh puts a recipient among the ready ones if its next message may go now, else sets a timer for when it may.
func (p *Partition) refresh(now time.Time, r *recipient) {
	s := r.sender
	if r.busy || len(r.queue) == 0 {
		if r.index >= 0 {
			heap.Remove(&s.ready, r.index)
		}
		if !r.busy && !r.pair.repaid().After(now) && !r.blocked.After(now) {
			delete(s.recipients, r.ref)
		} else if !r.busy {
			p.remindRecipient(r, later(r.pair.repaid(), r.blocked))
		}
		return
	}
	if at := later(r.pair.ready(now), r.blocked); at.After(now) {
		if r.index >= 0 {
			heap.Remove(&s.ready, r.index)
		}
		p.remindRecipient(r, at)
		return
	}
	if r.index >= 0 {
		heap.Fix(&s.ready, r.index)
		return
	}
	heap.Push(&s.ready, r)
}

func (p *Partition) remindRecipient(r *recipient, at time.Time) {
	if !r.timed {
		r.timed = true
		heap.Push(&p.timers, &timer{at: at, recipient: r})
	}
}

// run lets a sender's ready messages go while its pace and its calls in flight allow.
func (p *Partition) run(now time.Time, s *sender) {
	for !p.draining && !s.asleep && len(s.ready) > 0 {
		r := s.ready[0]
		w := r.queue[0]
		if g := p.gate(now, w); g.shut() {
			p.leave(now, w)
			p.divert(now, w, g)
			continue
		}
		if !p.mayClaim(w) {
			p.leave(now, w)
			p.advance(now, w)
			continue
		}
		if !p.room(s) {
			return
		}
		if wait := s.limiter.take(now); wait > 0 {
			s.asleep = true
			heap.Push(&p.timers, &timer{at: now.Add(wait), sender: s})
			return
		}
		r.busy = true
		p.leave(now, w)
		r.pair.take(now)
		p.claim(now, w)
	}
}

// room says whether a number may have one more call under way: at most as many as are left to all others together. So
// however many numbers are slow, as many calls as each of them has stay free for those that are not. And of claims that were
// not read back no more than half a second's worth: after a stall of the log all of them are called at once.
func (p *Partition) room(s *sender) bool {
	if s.unread >= max(1, int(s.limiter.rate()/2)) {
		return false // each that is read back runs it again
	}
	if s.flight < min(flight, flightOfAll-p.flight) {
		return true
	}
	if s.flight == 0 && !s.crowded { // no answer of its own will run it again
		s.crowded = true
		p.crowded = append(p.crowded, s)
	}
	return false
}

// leave takes a queued message out of its recipient's queue.
func (p *Partition) leave(now time.Time, w *work) {
	r := w.recipient
	if i := slices.Index(r.queue, w); i >= 0 {
		r.queue = slices.Delete(r.queue, i, i+1)
		r.sender.queued[w.priority()]--
	}
	p.unmind(w)
	w.state = idle
	p.refresh(now, r)
}

// release ends a message's time in flight.
func (p *Partition) release(now time.Time, w *work) {
	r := w.recipient
	if r == nil || !w.inFlight() {
		return
	}
	w.recipient = nil
	r.busy = false
	r.sender.flight--
	p.flight--
	p.refresh(now, r)
	if len(p.crowded) > 0 {
		first := p.crowded[0]
		first.crowded, p.crowded = false, p.crowded[1:]
		p.run(now, first)
	}
	p.run(now, r.sender)
}

func (w *work) inFlight() bool { return w.state == claiming || w.state == dialing }

// observe takes over from the log what others' claims and outcomes mean for the pace.
func (p *Partition) observe(now time.Time, m *message, e entry) {
	if e.SenderID == "" || now.Sub(e.at) > pairBurst*2*pairWindow {
		return
	}
	s := p.senderOf(now, e.TenantID, e.SenderID)
	if e.LearnedRate > 0 && !p.caughtUp {
		s.limiter.learn(now, e.LearnedRate)
	}
	if e.Class != schemas.Claim {
		return
	}
	if own := m.send(e.accepted); own != nil && own.live != nil && own.live.claim != nil && own.live.claim.ClaimID == e.ClaimID {
		return // counted when it was made
	}
	if now.Sub(e.at) < time.Second {
		s.limiter.take(now)
	}
	r := s.recipient(string(e.RecipientRef))
	r.pair.take(e.at)
	p.refresh(now, r)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
