package deliver

import (
	"time"

	"golang.org/x/time/rate"
)

// Pacing stays this share of a limit below it: claims are made ahead of the calls, whose spacing the network changes.
const margin = 0.97

// limiter paces one number. Its burst is a twentieth of a second's worth, so that no second holds much more than the rate.
type limiter struct {
	bucket  *rate.Limiter
	allowed float64   // messages a second, as configured
	learned float64   // lower rate learned from Meta's refusals; 0 for none
	cutAt   time.Time // of the last cut or step back up
}

const (
	cutEvery  = time.Second // many calls in flight bring the same news
	riseEvery = 10 * time.Second
)

func newLimiter(now time.Time, allowed float64) *limiter {
	l := &limiter{bucket: rate.NewLimiter(1, 1), allowed: -1}
	l.allow(now, allowed)
	return l
}

// allow sets the configured rate.
func (l *limiter) allow(now time.Time, allowed float64) {
	if allowed <= 0 {
		allowed = defaultRate
	}
	if allowed != l.allowed {
		l.allowed = allowed
		l.apply(now)
	}
}

func (l *limiter) rate() float64 {
	if l.learned > 0 {
		return l.learned
	}
	return l.allowed
}

func (l *limiter) apply(now time.Time) {
	l.bucket.SetLimitAt(now, rate.Limit(l.rate()*margin))
	l.bucket.SetBurstAt(now, max(1, int(l.rate()/20)))
}

// cut lowers the rate after a refusal.
func (l *limiter) cut(now time.Time) {
	if now.Sub(l.cutAt) < cutEvery {
		return
	}
	l.learn(now, max(1, l.rate()*0.7))
}

// learn takes a rate as learned at now; 0 or anything at or over the configured rate ends learning.
func (l *limiter) learn(now time.Time, learned float64) {
	if learned >= l.allowed {
		learned = 0
	}
	l.learned, l.cutAt = learned, now
	l.apply(now)
}

// take takes one message's turn, or returns when the next is.
func (l *limiter) take(now time.Time) (wait time.Duration) {
	if l.learned > 0 && now.Sub(l.cutAt) >= riseEvery {
		l.learn(now, l.learned*1.1)
	}
	r := l.bucket.ReserveN(now, 1)
	if wait = r.DelayFrom(now); wait > 0 {
		r.CancelAt(now)
	}
	return wait
}

// pair paces one number towards one person. Meta allows one message in six seconds and lends up to 45 at once, to be paid
// back at the same pace: after a burst of n nothing for n times six seconds.
type pair struct {
	start time.Time // of the running burst
	n     int       // messages in it
}

const (
	pairBurst  = 45
	pairWindow = 6 * time.Second
	pairPace   = 6186 * time.Millisecond // six seconds and the margin
)

// ready returns when the next message may go.
func (q *pair) ready(now time.Time) time.Time {
	if q.n < pairBurst && now.Sub(q.start) < pairWindow {
		return now
	}
	return q.repaid()
}

// repaid returns when nothing is owed any more.
func (q *pair) repaid() time.Time { return q.start.Add(time.Duration(q.n) * pairPace) }

// take counts a message that went at at.
func (q *pair) take(at time.Time) {
	if !at.Before(q.repaid()) {
		q.start, q.n = at, 0
	}
	q.n++
}
