package deliver

import (
	"container/heap"
	"time"
)

// timer is one moment somebody waits for: a work (stale once its version moved on), a sender, a recipient, or the callbacks
// of a message.
type timer struct {
	at        time.Time
	w         *work
	version   int
	sender    *sender
	recipient *recipient
	status    *key
}

// timers is a heap by time.
type timers []timer

func (t timers) Len() int           { return len(t) }
func (t timers) Less(i, j int) bool { return t[i].at.Before(t[j].at) }
func (t timers) Swap(i, j int)      { t[i], t[j] = t[j], t[i] }

// Push appends a timer; for container/heap.
func (t *timers) Push(x any) { *t = append(*t, x.(timer)) }

// Pop removes the last timer; for container/heap.
func (t *timers) Pop() any {
	old := *t
	last := old[len(old)-1]
	old[len(old)-1] = timer{}
	*t = old[:len(old)-1]
	return last
}

// remind sets a work's one timer.
func (p *Partition) remind(w *work, at time.Time) {
	w.timer++
	heap.Push(&p.timers, timer{at: at, w: w, version: w.timer})
}

// fire does what has fallen due.
func (p *Partition) fire(now time.Time) {
	for len(p.timers) > 0 && !p.timers[0].at.After(now) {
		t := heap.Pop(&p.timers).(timer)
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
		case t.w.timer == t.version:
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
