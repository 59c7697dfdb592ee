package deliver

import (
	"slices"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
)

// wait keeps a message until a moment: in memory when that is near, else parked.
func (p *Partition) wait(now time.Time, w *work, until time.Time, reason string) {
	if until.Sub(now) <= shortRetry {
		p.hold(w, until)
		return
	}
	p.park(now, w, until, reason)
}

func (p *Partition) hold(w *work, until time.Time) {
	w.state = held
	p.remind(w, earlier(until, w.routed.ExpiresAt))
}

// laneFor picks the lane next below a wait, else the shortest; none when even that ends at or past the limit.
func laneFor(wait, limit time.Duration) (Lane, bool) {
	for i := len(Lanes) - 1; i >= 0; i-- {
		if l := Lanes[i]; l.Delay < limit && (l.Delay <= wait || i == 0) {
			return l, true
		}
	}
	return Lane{}, false
}

// park puts a message in a lane to come back at about until, never past its deadline unless it is in doubt. Where no lane
// ends before the deadline it waits in memory.
func (p *Partition) park(now time.Time, w *work, until time.Time, reason string) {
	limit := w.routed.ExpiresAt.Sub(now)
	if reason == reasonInDoubt {
		limit = deliveryWindow
	} else {
		w.routed.InDoubt, w.routed.SettleBy = "", time.Time{}
	}
	lane, ok := laneFor(until.Sub(now), limit)
	if !ok {
		p.hold(w, until)
		return
	}
	w.state = ending
	r := w.routed
	r.Attempt = w.attempts(p.cfg.Horizon)
	r.DueAt, r.Origin = now.Add(lane.Delay), TopicRouted
	if len(w.from) > 0 {
		r.Origin = w.from[0].Topic
	}
	w.parkedFor = reason
	p.do(Park{Routed: r, Lane: lane.Topic, w: w})
}

func (p *Partition) parked(now time.Time, w *work, e Park, at pipeline.Position) {
	early := slices.Index(w.from, at)
	if early < 0 {
		w.send.parked = at
	} else { // the copy fell due before its append was known: it is no second copy, to end with w, but what w goes on as
		w.from = slices.Delete(w.from, early, early+1)
	}
	told := event(&w.routed, schemas.KindParked, now)
	told.Attempt, told.Reason = e.Routed.Attempt, w.parkedFor
	told.DueAt, told.Detail = e.Routed.DueAt, e.Routed.DueAt.UTC().Format("2006-01-02T15:04:05.000Z")
	p.do(Emit{Events: []schemas.Event{told}, w: w})
	p.finish(w)
	if early >= 0 {
		p.begin(now, w.msg, w.send, e.Routed, []pipeline.Position{at}, true)
	}
}

// Placement is where a diagnostic copy goes.
type Placement struct {
	Window  time.Duration // of its lane and of the key that seals it
	Content bool          // false: the record is written without content, for its receipt
	DueAt   time.Time     // when reading it ends; without content, when its turn in the lane comes
}

// Place picks the lane of a copy. A copy in time goes to the lane of its own window. One more than a bucket late, or of a
// window that is no more, goes to the longest window that ends no later than it should. Where there is none, and for
// window zero, the record goes without content to the shortest lane, due with what is written there now: a lane is first-in
// first-out, and receipts are by due time. windows are those that exist, ascending, at least
// one; bucket is the bucket of a window.
func Place(window time.Duration, outcomeAt, now time.Time, windows []time.Duration, bucket func(time.Duration) time.Duration) Placement {
	due := outcomeAt.Add(window)
	best := Placement{Window: windows[0], DueAt: now.Add(windows[0])}
	if window == 0 {
		return best
	}
	for _, w := range windows {
		if w == window && now.Sub(outcomeAt) <= bucket(window) {
			return Placement{Window: w, Content: true, DueAt: due}
		}
		if ends := now.Add(w); !ends.After(due) {
			best = Placement{Window: w, Content: true, DueAt: ends}
		}
	}
	return best
}
