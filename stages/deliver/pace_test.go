package deliver

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/schemas"
)

// meta is the limit of a number as Meta holds it: a bucket of one second's worth.
type meta struct {
	rate, tokens float64
	at           time.Time
	refused      int
}

func (m *meta) door(c call) Answer {
	if m.at.IsZero() {
		m.tokens = m.rate
	} else {
		m.tokens = min(m.rate, m.tokens+c.at.Sub(m.at).Seconds()*m.rate)
	}
	m.at = c.at
	if m.tokens < 1 {
		m.refused++
		return refuse(130429)
	}
	m.tokens--
	return accept(c)
}

func TestNumberIsPacedUnderItsLimitAndNearIt(t *testing.T) {
	// Goal: G6 for one number: no limit error, at least 95 % of the allowed rate, though most of the backlog goes through
	// the lanes. Method: 8,000 messages at once for a number of 80 a second, against a strict limit.
	w := newWorld(t)
	limit := &meta{rate: 80}
	w.door = limit.door
	w.own()
	for i := range 8000 {
		w.route(fmt.Sprintf("m%04d", i))
	}
	w.run(10 * time.Minute)
	if limit.refused > 0 {
		t.Errorf("%d limit errors", limit.refused)
	}
	took := w.calls[len(w.calls)-1].at.Sub(w.calls[0].at)
	rate := float64(len(w.calls)) / took.Seconds()
	t.Logf("%d sent in %v: %.1f a second, %.1f %% of the limit", len(w.calls), took, rate, 100*rate/80)
	if len(w.calls) != 8000 || rate < 0.95*80 {
		t.Errorf("%d sent at %.1f a second, want 8000 at %.1f", len(w.calls), rate, 0.95*80)
	}
	w.wantAllCommitted()
}

func TestRateIsLearnedDownAndBackUp(t *testing.T) {
	// Goal: a number whose real limit is lower than configured settles near it. Method: Meta allows 20, 80 is configured.
	w := newWorld(t)
	limit := &meta{rate: 20}
	w.door = limit.door
	w.own()
	for i := range 3000 {
		w.route(fmt.Sprintf("m%04d", i))
	}
	w.run(20 * time.Minute)
	if len(w.taken("m2999")) != 1 {
		t.Error("the last message was not sent")
	}
	if share := float64(limit.refused) / float64(len(w.calls)); share > 0.15 {
		t.Errorf("%.0f %% of the calls were refused", 100*share)
	}
	w.wantAllCommitted()
}

func TestPairLimitIsALoan(t *testing.T) {
	// Goal: towards one person never more than Meta lends: 45 in six seconds, then nothing until all is paid back; others
	// go on meanwhile. Method: 100 messages to one person, 10 to others, answers at once; a strict bucket counts.
	w := newWorld(t)
	w.took = 10 * time.Millisecond
	tokens, at, refused := 45.0, epoch, 0
	w.door = func(c call) Answer {
		if c.to != "anna" {
			return accept(c)
		}
		tokens, at = min(45, tokens+c.at.Sub(at).Seconds()/6), c.at
		if tokens < 1 {
			refused++
			return refuse(131056)
		}
		tokens--
		return accept(c)
	}
	w.own()
	for i := range 100 {
		w.route(fmt.Sprintf("a%d", i), to("anna"))
	}
	for i := range 10 {
		w.route(fmt.Sprintf("b%d", i))
	}
	w.run(10 * time.Second)
	for i := range 10 {
		w.want(fmt.Sprintf("b%d", i), schemas.KindSent)
	}
	w.run(30 * time.Minute)
	if refused > 0 {
		t.Errorf("%d pair limit errors", refused)
	}
	for i := range 100 {
		w.want(fmt.Sprintf("a%d", i), schemas.KindSent)
	}
	w.wantAllCommitted()
}

func TestPairOutlivesItsOwner(t *testing.T) {
	// Goal: a new owner does not lend again what is still owed. Method: 45 at once, crash, 10 more.
	w := newWorld(t)
	w.took = 10 * time.Millisecond
	o := w.own()
	for i := range 45 {
		w.route(fmt.Sprintf("a%d", i), to("anna"))
	}
	w.run(6 * time.Second)
	before := len(w.calls)
	o.crashed()
	w.own()
	for i := range 10 {
		w.route(fmt.Sprintf("b%d", i), to("anna"))
	}
	w.run(time.Minute)
	if before < 40 || len(w.calls) != before {
		t.Errorf("%d calls before the crash, %d after it, want 0 while the loan is owed", before, len(w.calls)-before)
	}
}

func TestOrderPerRecipientHolds(t *testing.T) {
	// Goal: messages to one person go in order, one in flight; people do not wait for each other. Method: slow answers.
	w := newWorld(t)
	w.took = 400 * time.Millisecond
	w.own()
	for i := range 10 {
		w.route(fmt.Sprintf("a%d", i), to("anna"))
		w.route(fmt.Sprintf("b%d", i), to("bob"))
	}
	w.run(time.Minute)
	next := map[string]int{}
	last := map[string]time.Time{}
	for _, c := range w.calls {
		want := fmt.Sprintf("%c%d", c.to[0], next[c.to])
		if c.MessageID != want {
			t.Errorf("%s went where %s was next", c.MessageID, want)
		}
		if gap := c.at.Sub(last[c.to]); gap < w.took {
			t.Errorf("%s went %v after the one before it", c.MessageID, gap)
		}
		next[c.to]++
		last[c.to] = c.at
	}
	if took := w.calls[len(w.calls)-1].at.Sub(epoch); took > 6*time.Second {
		t.Errorf("two people took %v: they waited for each other", took)
	}
}

func TestPriorityGoesBeforeAge(t *testing.T) {
	// Goal: authentication < utility < marketing between people. Method: a slow number, marketing first in the log.
	w := newWorld(t)
	w.tenant.Senders[0].Rate = 5
	w.own()
	for i := range 10 {
		w.route(fmt.Sprintf("m%d", i), as(schemas.Marketing))
	}
	w.route("u", as(schemas.Utility))
	w.route("a", as(schemas.Authentication))
	w.run(time.Minute)
	position := func(id string) int {
		return slices.IndexFunc(w.calls, func(c call) bool { return c.MessageID == id })
	}
	if a, u, m := position("a"), position("u"), position("m9"); a > 2 || u > 3 || m < u {
		t.Errorf("authentication went at %d, utility at %d, the last marketing at %d", a, u, m)
	}
}

func TestAuthenticationPassesABacklog(t *testing.T) {
	// Goal: a one-time password does not wait behind a campaign, though most of that is parked. Method: 4,000 marketing
	// messages to a number of 80 a second, a password a second later, and one while the lanes bring the rest back.
	w := newWorld(t)
	w.own()
	for i := range 4000 {
		w.route(fmt.Sprintf("m%d", i), as(schemas.Marketing))
	}
	asked := map[string]time.Time{}
	for id, after := range map[string]time.Duration{"a1": time.Second, "a2": 25 * time.Second} {
		w.after(after, func() {
			asked[id] = w.now
			w.route(id, as(schemas.Authentication))
		})
	}
	w.run(5 * time.Minute)
	for id, at := range asked {
		i := slices.IndexFunc(w.calls, func(c call) bool { return c.MessageID == id })
		if i < 0 || w.calls[i].at.Sub(at) > 200*time.Millisecond {
			t.Errorf("%s waited: call %d of %d", id, i, len(w.calls))
		}
	}
	if len(w.calls) != 4002 {
		t.Errorf("%d calls", len(w.calls))
	}
}

func TestManySlowNumbersLeaveRoom(t *testing.T) {
	// Goal: G7 however many numbers are slow, and a number without room gets its turn. Method: thirty numbers whose calls
	// take 5 s have more messages than a partition makes calls; one that is well sends among them as if alone.
	w := newWorld(t)
	for i := range 30 {
		w.tenant.Senders = append(w.tenant.Senders, schemas.Sender{PhoneNumberID: fmt.Sprint(200 + i), Rate: 1000})
	}
	w.slow = func(c call) time.Duration {
		if c.sender == "100" {
			return w.took
		}
		return 5 * time.Second
	}
	o := w.own()
	for i := range 30 * 60 {
		w.route(fmt.Sprintf("slow%d", i), from(fmt.Sprint(200+i%30)))
	}
	w.after(2*time.Second, func() {
		for i := range 20 {
			w.route(fmt.Sprintf("good%d", i))
		}
	})
	w.run(3 * time.Second)
	for i := range 20 {
		w.want(fmt.Sprintf("good%d", i), schemas.KindSent)
	}
	if len(w.calls) > flightOfAll+20 || len(w.calls) < flightOfAll/2 {
		t.Errorf("%d calls in the first 3 s", len(w.calls))
	}
	w.run(2 * time.Minute)
	if len(w.calls) != 30*60+20 || o.p.flight != 0 || len(o.p.crowded) != 0 {
		t.Errorf("%d calls, %d under way, %d wait", len(w.calls), o.p.flight, len(o.p.crowded))
	}
	w.wantAllCommitted()
}

func TestOneSenderDelaysNoOther(t *testing.T) {
	// Goal: G7. Method: one number never answers within its call, one is stopped, one is swamped; a fourth sends as if
	// alone.
	w := newWorld(t)
	w.tenant.Senders = append(w.tenant.Senders, schemas.Sender{PhoneNumberID: "200", Rate: 1})
	w.stops["number/300"] = schemas.Stop{Scope: "number", ID: "300", Effect: "park"}
	w.door = func(c call) Answer {
		if c.sender == "400" {
			return Answer{Phase: Ambiguous}
		}
		return accept(c)
	}
	w.own()
	for i := range 500 {
		w.route(fmt.Sprintf("swamped%d", i), from("200"))
		w.route(fmt.Sprintf("stopped%d", i), from("300"))
		w.route(fmt.Sprintf("mute%d", i), from("400"))
	}
	w.after(time.Second, func() {
		for i := range 20 {
			w.route(fmt.Sprintf("good%d", i))
		}
	})
	w.run(2 * time.Second)
	for i := range 20 {
		w.want(fmt.Sprintf("good%d", i), schemas.KindSent)
	}
	if n := len(w.topics[TopicRouted]); w.committed[TopicRouted] != int64(n) {
		w.run(30 * time.Second)
		if w.committed[TopicRouted] != int64(n) {
			t.Errorf("routed is held at %d of %d", w.committed[TopicRouted], n)
		}
	}
}
