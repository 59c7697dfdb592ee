package simulator

import (
	"time"

	"golang.org/x/time/rate"
)

// Meta's limits: reference "Throughput" of the Cloud API.
const (
	defaultRate = 80
	pairEvery   = 6 * time.Second
	pairLoan    = 45
)

// pair is the loan of one sender towards one recipient: up to 45 messages in 6 seconds, after n of them nothing for n
// times 6 seconds from the first.
type pair struct {
	start time.Time
	n     int
}

func (p pair) repaid() time.Time { return p.start.Add(time.Duration(p.n) * pairEvery) }

func (p pair) allows(now time.Time) bool {
	return !now.Before(p.repaid()) || p.n < pairLoan && now.Sub(p.start) < pairEvery
}

func (p pair) taken(now time.Time) pair {
	if !now.Before(p.repaid()) {
		return pair{start: now, n: 1}
	}
	p.n++
	return p
}

type pairKey struct{ sender, recipient string }

// limits are both limits of all senders. The caller locks.
type limits struct {
	numbers map[string]*rate.Limiter
	pairs   map[pairKey]pair
	sweepAt int // size at which repaid pairs are forgotten
}

const leastSweep = 10_000

func newLimits(senders map[string]Sender) limits {
	l := limits{numbers: map[string]*rate.Limiter{}, pairs: map[pairKey]pair{}, sweepAt: leastSweep}
	for id, s := range senders {
		r := s.RatePerSecond
		if r == 0 {
			r = defaultRate
		}
		l.numbers[id] = rate.NewLimiter(rate.Limit(r), r)
	}
	return l
}

// take counts a send, or returns the code of the limit that refuses it; a refused send counts nowhere.
func (l *limits) take(now time.Time, key pairKey) (code int) {
	p := l.pairs[key]
	if !p.allows(now) {
		return 131056
	}
	if !l.numbers[key.sender].AllowN(now, 1) {
		return 130429
	}
	if len(l.pairs) >= l.sweepAt {
		l.sweep(now)
	}
	l.pairs[key] = p.taken(now)
	return 0
}

func (l *limits) sweep(now time.Time) {
	for k, p := range l.pairs {
		if !now.Before(p.repaid()) {
			delete(l.pairs, k)
		}
	}
	l.sweepAt = max(leastSweep, 2*len(l.pairs))
}
