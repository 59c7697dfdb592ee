package simulator

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

func TestTheNumbersLimitIsOneSecondsWorth(t *testing.T) {
	// Goal: a number's limit is exact: a full second's worth at once, then one message per 1/rate. Method: virtual time.
	synctest.Test(t, func(t *testing.T) {
		s, n := New(config()), 0
		try := func() int { n++; return send(s, text(fmt.Sprintf("+49151%08d", n), data(fmt.Sprint(n), 1))).code }
		for i := range defaultRate {
			if code := try(); code != 0 {
				t.Fatalf("send %d: %d", i, code)
			}
		}
		if code := try(); code != 130429 {
			t.Errorf("one more: %d, want 130429", code)
		}
		time.Sleep(time.Second/defaultRate - time.Microsecond)
		if code := try(); code != 130429 {
			t.Errorf("just before the next: %d, want 130429", code)
		}
		time.Sleep(time.Microsecond)
		if code := try(); code != 0 {
			t.Errorf("the next: %d", code)
		}
		for range 5 * defaultRate { // exactly at the rate for five seconds
			time.Sleep(time.Second / defaultRate)
			if code := try(); code != 0 {
				t.Fatalf("at the rate: %d", code)
			}
		}
		c := s.Counts()
		if c.LimitErrors["130429"] != 2 || len(c.LimitErrors) != 1 || c.Accepted != 6*defaultRate+1 || len(c.Violations) > 0 {
			t.Errorf("%+v", c)
		}
	})
}

func TestThePairsLimitIsALoan(t *testing.T) {
	// Goal: one message in six seconds, or up to 45 within six and then nothing for six seconds each. Method: virtual time;
	// another recipient is not touched; two spellings of one user are one pair.
	synctest.Test(t, func(t *testing.T) {
		s, n := New(config()), 0
		try := func(number string) int { n++; return send(s, text(number, data(fmt.Sprint(n), 1))).code }
		for range 5 {
			if code := try(to); code != 0 {
				t.Fatalf("one in six seconds: %d", code)
			}
			time.Sleep(pairEvery)
		}
		start := time.Now()
		for i := range pairLoan {
			if code := try(to); code != 0 {
				t.Fatalf("burst, %d: %d", i, code)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if code := try(to); code != 131056 {
			t.Errorf("the 46th: %d, want 131056", code)
		}
		if code := try("+4915199999999"); code != 0 {
			t.Errorf("another recipient: %d", code)
		}
		time.Sleep(time.Until(start.Add(pairLoan*pairEvery - time.Millisecond)))
		if code := try(to); code != 131056 {
			t.Errorf("before it is repaid: %d, want 131056", code)
		}
		time.Sleep(time.Millisecond)
		if code := try(to); code != 0 {
			t.Errorf("repaid: %d", code)
		}
		short := time.Now()
		for range 20 {
			try("+525512345678")
		}
		time.Sleep(pairEvery)
		if code := try("+5215512345678"); code != 131056 {
			t.Errorf("the same user in another spelling: %d, want 131056", code)
		}
		time.Sleep(time.Until(short.Add(20 * pairEvery)))
		if code := try("+525512345678"); code != 0 {
			t.Errorf("20 are repaid after two minutes: %d", code)
		}
	})
}

func TestLimitsCanBeSwitchedOff(t *testing.T) {
	// Goal: Unlimited means neither limit. Method: more to one recipient than either allows.
	c := config()
	c.Unlimited = true
	s := New(c)
	for i := range 200 {
		if a := send(s, text(to, data(fmt.Sprint(i), 1))); a.code != 0 {
			t.Fatalf("send %d: %+v", i, a)
		}
	}
}

func TestRepaidPairsAreForgotten(t *testing.T) {
	// Goal: memory of pairs is bounded by what is owed, not by what was ever sent, and sweeping changes no answer. Method: many
	// recipients in virtual time, one of them still in debt.
	synctest.Test(t, func(t *testing.T) {
		l := newLimits(map[string]Sender{"1": {RatePerSecond: 1_000_000}})
		owing := pairKey{"1", "owing"}
		for range pairLoan {
			l.take(time.Now(), owing)
		}
		for i := range 4 * leastSweep {
			if i%leastSweep == 0 {
				time.Sleep(pairEvery)
			}
			l.take(time.Now(), pairKey{"1", fmt.Sprint(i)})
		}
		if len(l.pairs) > 2*leastSweep+1 {
			t.Errorf("%d pairs are remembered", len(l.pairs))
		}
		if code := l.take(time.Now(), owing); code != 131056 {
			t.Errorf("a debt was forgotten: %d", code)
		}
	})
}
