package deliver

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/schemas"
)

func TestFirstInTheLogCounts(t *testing.T) {
	// Goal: what a log means, whoever reads it and in whatever order it was read. Method: logs as data: claim n#id, outcome
	// class#id; each is read forwards and backwards.
	type line struct {
		class    schemas.AttemptClass
		attempt  int32
		id       string
		accepted int64
	}
	const again = int64(30 * time.Minute / time.Microsecond)
	for _, c := range []struct {
		name     string
		log      []line
		open     []string
		attempts int32
		final    schemas.AttemptClass
		repeat   int64
	}{
		{"nothing", nil, nil, 0, "", 0},
		{"a claim", []line{{"claim", 1, "a", 1}}, []string{"a"}, 1, "", 0},
		{"the second claim of an attempt loses", []line{{"claim", 1, "a", 1}, {"claim", 1, "b", 1}}, []string{"a"}, 1, "", 0},
		{"a claim behind a final outcome loses", []line{{"expired", 0, "", 1}, {"claim", 1, "a", 1}}, nil, 0, "expired", 0},
		{"no end without a send behind an open claim", []line{{"claim", 1, "a", 1}, {"expired", 0, "", 1}}, []string{"a"}, 1, "", 0},
		{"an answer after that void end", []line{{"claim", 1, "a", 1}, {"expired", 0, "", 1}, {"sent", 1, "a", 1}}, nil, 1, "sent", 0},
		{"the first outcome of a claim", []line{{"claim", 1, "a", 1}, {"retry", 1, "a", 1}, {"sent", 1, "a", 1}}, nil, 1, "", 0},
		{"an outcome of a claim that lost", []line{{"claim", 1, "a", 1}, {"claim", 1, "b", 1}, {"sent", 1, "b", 1}}, []string{"a"}, 1, "", 0},
		{"a second attempt", []line{{"claim", 1, "a", 1}, {"not_sent", 1, "a", 1}, {"claim", 2, "b", 1}}, []string{"b"}, 2, "", 0},
		{"late evidence", []line{{"claim", 1, "a", 1}, {"unknown", 1, "a", 1}, {"sent", 1, "a", 1}}, nil, 1, "unknown", 0},
		{"a repeat's claim does not count", []line{{"claim", 1, "a", 1 + again}, {"claim", 1, "b", 1}}, nil, 0, "", 1 + again},
		{"nor its outcome", []line{{"claim", 1, "a", 1}, {"claim", 1, "b", 1 + again}, {"sent", 1, "b", 1 + again}}, []string{"a"}, 1, "", 0},
		{"a reuse is another send", []line{{"sent", 1, "", 1 + 3*again}, {"claim", 1, "b", 1}}, []string{"b"}, 1, "", 0},
	} {
		for _, backwards := range []bool{false, true} {
			m := &message{}
			for i := range c.log {
				if backwards {
					i = len(c.log) - 1 - i
				}
				l := c.log[i]
				a := &schemas.Attempt{Class: l.class, Attempt: l.attempt, ClaimID: l.id}
				if e := (entry{offset: int64(i), accepted: l.accepted, Attempt: a}); !m.insert(e) || m.insert(e) {
					t.Fatalf("%s: an entry must be inserted once", c.name)
				}
			}
			st := m.stand(1, time.Hour)
			var open []string
			for _, e := range st.open {
				open = append(open, e.ClaimID)
			}
			final := schemas.AttemptClass("")
			if st.final != nil {
				final = st.final.Class
			}
			if !slices.Equal(open, c.open) || st.attempts != c.attempts || final != c.final || st.repeatOf != c.repeat {
				t.Errorf("%s (backwards %v): open %v, attempts %d, final %q, repeat of %d", c.name, backwards, open, st.attempts, final, st.repeatOf)
			}
		}
	}
}

func TestFirstOfTwoWaitingRequestsIsTheMessage(t *testing.T) {
	// Goal: of two requests that wait unclaimed the first accepted wins, at once. Method: a stop holds the first in a lane
	// while its repeat comes; then the other way round in the log: the repeat comes first, both queued.
	w := newWorld(t)
	w.stops["number/100"] = schemas.Stop{Scope: "number", ID: "100", Effect: "park"}
	w.own()
	w.route("m1")
	w.run(5 * time.Second)
	w.route("m1")
	w.run(6 * time.Second)
	if got := len(w.reasons("m1", schemas.KindRepeated)); got != 1 {
		t.Errorf("%d repeats told while the first waits", got)
	}
	w.route("m2", accepted(epoch.Add(time.Minute)))
	w.route("m2", accepted(epoch))
	delete(w.stops, "number/100")
	w.run(10 * time.Minute)
	if sent := w.taken("m2"); len(sent) != 1 || !sent[0].AcceptedAt.Equal(epoch) {
		t.Errorf("sent %+v, want the first accepted", sent)
	}
	w.wantAllCommitted()
}

func TestMessageThatSettlesWhileItIsBeingParkedIsCopiedAtOnce(t *testing.T) {
	w := newWorld(t) // Goal: the copy does not wait for the lane. Method: the callback comes while the park is on its way.
	w.door = func(c call) Answer {
		w.after(w.took+2*time.Millisecond, func() { w.callback(c, "sent", 0) })
		return Answer{Phase: Ambiguous, Accepted: true}
	}
	w.own()
	w.route("m1")
	w.run(2 * time.Second)
	w.want("m1", schemas.KindSent)
	if len(w.copies) != 1 {
		t.Errorf("copies %v", w.copies)
	}
	w.run(3 * time.Minute)
	w.wantAllCommitted()
}

func TestMemoryForgetsAndReadsBack(t *testing.T) {
	// Goal: memory is bounded by the horizon and the longest lane, and what was forgotten is read back: neither a record
	// that comes again nor a late repeat sends. Method: a sent message, five hours of others, then both.
	w := newWorld(t)
	o := w.own()
	w.route("m1")
	first := w.now
	for i := range 29 {
		w.after(time.Duration(i+1)*10*time.Minute, func() { w.route("other" + string(rune('a'+i))) })
	}
	w.run(5 * time.Hour)
	if o.p.known(keyOf("acme", "m1")) != nil || len(o.p.messages) > 0 || o.p.past.len() > 15 {
		t.Errorf("%d messages and %d past ones are still in memory", len(o.p.messages), o.p.past.len())
	}
	w.route("m1", accepted(first), func(r *schemas.Routed) { r.Source.Offset = 0 })
	w.route("m1", accepted(first.Add(50*time.Minute)))
	w.run(6 * time.Hour)
	if n := len(w.taken("m1")); n != 1 {
		t.Errorf("sent %d times", n)
	}
	if !slices.ContainsFunc(w.told, func(e schemas.Event) bool {
		return e.Kind == schemas.KindRepeated && e.MessageID == "m1" && e.AcceptedAt.Equal(first)
	}) {
		t.Error("the late repeat was not told of")
	}
	w.wantAllCommitted()
}

func TestLongParkedMessagesAreNotReadBackEachTime(t *testing.T) {
	// Goal: what lies in the lanes for a day stays in memory, since reading a day back at each of its turns would stop the
	// partition. Method: two messages of a stopped number among a flow of others, a new owner in the middle.
	w := newWorld(t)
	w.stops["number/200"] = schemas.Stop{Scope: "number", ID: "200", Effect: "block", SetAt: epoch}
	reads := 0
	w.crash = func(_ int, after bool, e Effect) bool {
		if r, ok := e.(ReadBack); ok && !after && r.Next == 0 {
			reads++
		}
		return false
	}
	o := w.own()
	w.route("a", from("200"))
	w.after(90*time.Minute, func() { w.route("b", from("200")) })
	for i := range 20 * 4 {
		w.after(time.Duration(i+1)*15*time.Minute, func() { w.route(fmt.Sprint("other", i)) })
	}
	w.run(10*time.Hour + time.Second)
	if reads > 0 {
		t.Errorf("read back %d times under the first owner", reads)
	}
	o.crashed()
	o = w.own()
	w.run(19 * time.Hour)
	if n := len(o.p.messages) + o.p.past.len(); reads > 1 || n > 30 {
		t.Errorf("the second owner read back %d times and keeps %d messages", reads, n)
	}
	delete(w.stops, "number/200")
	w.run(24 * time.Hour)
	w.want("a", schemas.KindSent)
	w.want("b", schemas.KindSent)
	w.wantAllCommitted()
}

func TestNewOwnerKeepsLittleOfWhatIsOver(t *testing.T) {
	// Goal: what a replay brings of ended messages takes little memory, and one whose record comes again is concluded whole.
	// Method: two messages refused once and then sent; a new owner; the record of one again.
	w := newWorld(t)
	tries := map[string]int{}
	w.door = func(c call) Answer {
		if tries[c.MessageID]++; tries[c.MessageID] == 1 {
			return refuse(131016)
		}
		return accept(c)
	}
	o := w.own()
	w.route("m1")
	w.route("m2")
	w.run(10 * time.Minute)
	o.crashed()
	o = w.own()
	if len(o.p.messages) != 0 || o.p.past.len() != 2 {
		t.Errorf("%d messages whole and %d as past, want 2 as past", len(o.p.messages), o.p.past.len())
	}
	told := len(w.told)
	w.route("m1", accepted(epoch), func(r *schemas.Routed) { r.Source.Offset = 0 })
	w.run(11 * time.Minute)
	if e := w.told[len(w.told)-1]; len(w.told) != told+1 || e.Kind != schemas.KindSent || e.Attempt != 2 || e.ProviderRef == nil {
		t.Errorf("told %+v, want sent by the second attempt again", w.told[told:])
	}
	if len(w.calls) != 4 {
		t.Errorf("%d calls", len(w.calls))
	}
	w.wantAllCommitted()
}

// Goal: which of two requests repeats the other does not change once one of them is over. Method: both claims in the log, as
// an owner that did not know it was none and its successor make them; the first ends, and is compacted.
func TestWhatRepeatsStaysSoOnceTheFirstIsOver(t *testing.T) {
	first, again := epoch.UnixMicro(), epoch.Add(time.Minute).UnixMicro()
	m := &message{}
	for i, e := range []entry{
		{accepted: first, Attempt: &schemas.Attempt{Class: schemas.Claim, Attempt: 1, ClaimID: "a"}},
		{accepted: again, Attempt: &schemas.Attempt{Class: schemas.Claim, Attempt: 1, ClaimID: "b"}},
		{accepted: first, Attempt: &schemas.Attempt{Class: schemas.OutcomeSent, Attempt: 1, ClaimID: "a"}},
	} {
		e.offset = int64(i)
		m.insert(e)
	}
	m.compact(first, *m.stand(first, time.Hour).final)
	if st := m.stand(again, time.Hour); st.repeatOf != first || len(st.open) > 0 {
		t.Errorf("the second repeats %d and has %d open claims, want a repeat of %d", st.repeatOf, len(st.open), first)
	}
	if st := m.stand(first, time.Hour); st.final == nil || st.repeatOf != 0 {
		t.Errorf("the first is %+v, want it sent", st)
	}
	if m.busy(time.Hour) {
		t.Error("the message can never be forgotten")
	}
}
