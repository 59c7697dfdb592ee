package deliver

import (
	"container/heap"
	"time"
)

// timer is one moment somebody waits for: a work, a sender, a recipient, or the callbacks of a message.
type timer struct {
	at        time.Time
	w         *work
	sender    *sender
	recipient *recipient
	status    *key
	index     int // in timers
}

// timers is a heap by time.
type timers []*timer

func (t timers) Len() int           { return len(t) }
func (t timers) Less(i, j int) bool { return t[i].at.Before(t[j].at) }
func (t timers) Swap(i, j int) {
	t[i], t[j] = t[j], t[i]
	t[i].index, t[j].index = i, j
}

// Push appends a timer; for container/heap.
func (t *timers) Push(x any) {
	added := x.(*timer)
	added.index = len(*t)
	*t = append(*t, added)
}

// Pop removes the last timer; for container/heap.
func (t *timers) Pop() any {
	old := *t
	last := old[len(old)-1]
	old[len(old)-1] = nil
	*t = old[:len(old)-1]
	return last
}

// remind sets a work's one timer.
func (p *Partition) remind(w *work, at time.Time) {
	p.unmind(w)
	w.timer = &timer{at: at, w: w}
	heap.Push(&p.timers, w.timer)
}

// unmind takes a work's timer back: it would keep the work in memory until its time.
func (p *Partition) unmind(w *work) {
	if w.timer != nil {
		heap.Remove(&p.timers, w.timer.index)
		w.timer = nil
	}
}

// fire does what has fallen due.
func (p *Partition) fire(now time.Time) {
	for len(p.timers) > 0 && !p.timers[0].at.After(now) {
		t := heap.Pop(&p.timers).(*timer)
		switch {
		case t.sender != nil:
			t.sender.asleep = false
			p.run(now, t.sender)
		case t.recipient != nil:
			t.recipient.timed = false
			p.refresh(now, t.recipient)
			p.run(now, t.recipient.sender)
		case t.status != nil:
			p.claimMissing(*t.status)
		default:
			t.w.timer = nil
			p.expired(now, t.w)
		}
	}
}

// expired goes on with a work whose timer ran out.
func (p *Partition) expired(now time.Time, w *work) {
	if p.draining {
		return
	}
	switch w.state {
	case held:
		p.advance(now, w)
	case queued: // its number is slower than its slot promised
		p.leave(now, w)
		p.wait(now, w, now.Add(holdTime), reasonPaced)
	}
}
