package deliver

import (
	"fmt"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
)

func TestMessageIsSentCopiedAndToldOnce(t *testing.T) {
	// Goal: the plain way. Method: one message, a good day.
	w := newWorld(t)
	w.tenant.Outcomes = true
	w.own()
	w.route("m1")
	w.run(time.Minute)
	w.want("m1", schemas.KindSent)
	w.wantAllCommitted()
	if n := len(w.taken("m1")); n != 1 {
		t.Errorf("sent %d times", n)
	}
	if len(w.copies) != 1 || len(w.results) != 1 || w.results[0].State != schemas.KindSent {
		t.Errorf("copies %v, outcomes %v", w.copies, w.results)
	}
}

func TestNothingIsSentTwiceOrLostAtAnyCrashPoint(t *testing.T) {
	// Goal: G1 and G2 over every effect. Method: count the effects of an undisturbed run, then for each of them crash
	// before it and after it took place, start a new owner a second later, and let time pass until all is settled.
	run := func(crash func(n int, after bool, e Effect) bool) *world {
		w := newWorld(t)
		w.crash = crash
		n := 0
		w.door = func(c call) Answer { // the first call of each is refused for now, so that retries and lanes are cut, too
			if c.attempt == 1 && c.MessageID != "m3" {
				return refuse(map[string]int32{"m1": 131000, "m2": 130429}[c.MessageID])
			}
			n++
			return accept(c)
		}
		w.own()
		for i := 1; i <= 3; i++ {
			w.route(fmt.Sprintf("m%d", i))
		}
		var watch func()
		watch = func() { // a new owner a second after each crash
			if w.owners[len(w.owners)-1].dead {
				w.own()
			}
			w.after(time.Second, watch)
		}
		w.after(time.Second, watch)
		w.run(3 * time.Hour)
		return w
	}
	total := run(nil).effects
	if total < 20 {
		t.Fatalf("only %d effects: the test cuts nothing", total)
	}
	for n := 1; n <= total; n++ {
		for _, after := range []bool{false, true} {
			w := run(func(i int, a bool, _ Effect) bool { return i == n && a == after })
			for i := 1; i <= 3; i++ {
				id := fmt.Sprintf("m%d", i)
				if sent := len(w.taken(id)); sent > 1 {
					t.Errorf("crash at %d (after=%v): %s sent %d times", n, after, id, sent)
				}
				if got := w.finals(id); len(got) != 1 || (got[0] != schemas.KindSent && got[0] != schemas.KindUnknown) {
					t.Errorf("crash at %d (after=%v): %s ended as %v", n, after, id, got)
				}
				if sent := len(w.taken(id)); sent == 0 && w.finals(id)[0] == schemas.KindSent {
					t.Errorf("crash at %d (after=%v): %s told as sent and was not", n, after, id)
				}
			}
			w.wantAllCommitted()
			if t.Failed() {
				return
			}
		}
	}
}

func TestRepeatsWithinTheHorizonNeverSend(t *testing.T) {
	// Goal: a producer's repeat is one message, whether the first is waiting, sent or parked; a reuse after the horizon
	// sends anew. Method: the same id again at once, after a minute, and after two hours.
	w := newWorld(t)
	w.own()
	w.route("m1")
	w.route("m1", accepted(w.now.Add(3*time.Millisecond)))
	w.after(time.Minute, func() { w.route("m1") })
	w.after(2*time.Hour, func() { w.route("m1") })
	w.run(3 * time.Hour)
	if n := len(w.taken("m1")); n != 2 {
		t.Errorf("sent %d times, want 2: the first and the reuse", n)
	}
	repeats := 0
	for _, e := range w.told {
		if e.Kind == schemas.KindRepeated {
			repeats++
			if !e.AcceptedAt.Equal(epoch) {
				t.Errorf("repeat told under %v, want the first's accepted_at", e.AcceptedAt)
			}
		}
	}
	if repeats != 2 {
		t.Errorf("%d repeats told, want 2", repeats)
	}
	w.wantAllCommitted()
}

func TestTwoRequestsOfOneIDInOneMillisecondAreOneSendAndOneRepeat(t *testing.T) {
	// Goal: the broker's clock has milliseconds, so a producer's repeat may carry the very same accepted_at; coordinates
	// tell it from a redelivery of ours. Method: the same request twice at once, then a redelivery of each, under one owner
	// and under the next.
	w := newWorld(t)
	o := w.own()
	w.route("m1")
	w.route("m1")
	again := func() {
		for _, source := range []int64{0, 1} {
			w.route("m1", accepted(epoch), func(r *schemas.Routed) { r.Source.Offset = source })
		}
	}
	again()
	w.run(time.Minute)
	o.crashed()
	w.own()
	again()
	w.run(2 * time.Minute)
	if n := len(w.taken("m1")); n != 1 {
		t.Errorf("sent %d times", n)
	}
	details := map[string]bool{}
	for _, e := range w.told {
		if e.Kind == schemas.KindRepeated {
			details[e.Detail] = true
		}
	}
	if len(details) != 1 || !details["requests/0/1"] {
		t.Errorf("repeats told of %v, want the second request's coordinates only", details)
	}
	w.want("m1", schemas.KindSent)
	w.wantAllCommitted()
}

func TestRepeatMeetsTheClaimOfAFormerOwner(t *testing.T) {
	// Goal: the memory of repeats is the log, not the process. Method: send, crash, new owner, repeat; also a repeat that
	// was accepted before this owner's replay starts, which must read back.
	w := newWorld(t)
	o := w.own()
	w.route("m1")
	first := w.now
	w.run(time.Minute)
	o.crashed()
	w.run(30 * time.Minute)
	w.own()
	w.route("m1")
	w.run(5 * time.Hour)
	w.own()
	w.route("m1", accepted(first.Add(10*time.Minute)), within(20*time.Hour))
	w.run(6 * time.Hour)
	if n := len(w.taken("m1")); n != 1 {
		t.Errorf("sent %d times", n)
	}
	w.wantAllCommitted()
}

func TestLostAnswerIsSettledByCallback(t *testing.T) {
	// Goal: in doubt, then settled by the callback, never sent again. Method: the door takes the message and the answer is
	// lost; the callback comes 20 s later, while the message lies in a lane.
	w := newWorld(t)
	w.door = func(c call) Answer {
		w.after(20*time.Second, func() { w.callback(c, "delivered", 0) })
		return Answer{Phase: Ambiguous, Accepted: true}
	}
	w.own()
	w.route("m1")
	w.run(25 * time.Second)
	w.want("m1", schemas.KindSent) // copied at once, not when its turn in the lane comes
	if w.copies[sendOf(schemas.Identity{MessageID: "m1", AcceptedAt: epoch})] != 1 {
		t.Errorf("copies %v", w.copies)
	}
	w.run(time.Hour)
	w.wantAllCommitted()
	if len(w.calls) != 1 {
		t.Errorf("%d calls", len(w.calls))
	}
}

func TestNoEvidenceEndsAsUnknown(t *testing.T) {
	// Goal: without evidence a message ends as unknown after the tenant's settlement time, and later evidence moves it up.
	w := newWorld(t)
	w.tenant.SettleAfter = "5m"
	w.door = func(call) Answer { return Answer{Phase: Ambiguous, Accepted: true} }
	w.own()
	w.route("m1")
	w.run(4 * time.Minute)
	w.want("m1")
	w.run(time.Hour)
	w.want("m1", schemas.KindUnknown)
	w.wantAllCommitted()
	if len(w.calls) != 1 {
		t.Errorf("%d calls", len(w.calls))
	}
}

func TestEvidenceAfterUnknownMovesTheStateUp(t *testing.T) {
	// Goal: unknown is not the last word, and the producer hears it. Method: the callback "sent", of which listen makes no
	// event, comes when the message was given up; also as the late outcome of a former owner; twice each.
	w := newWorld(t)
	w.tenant.SettleAfter, w.tenant.Outcomes = "5m", true
	w.door = func(call) Answer { return Answer{Phase: Ambiguous, Accepted: true} }
	w.own()
	w.route("m1")
	w.route("m2")
	w.run(30 * time.Minute)
	w.want("m1", schemas.KindUnknown)
	for range 2 {
		w.callback(w.calls[0], "sent", 0)
		late := schemas.Attempt{
			Identity: w.calls[1].Identity, Source: schemas.Coordinates{Topic: "requests", Offset: 1}, Attempt: 1, ClaimID: "late",
			Class: schemas.OutcomeSent, SenderID: "100",
		}
		w.append(TopicAttempts, must(schemas.Attempts.Encode(&late)))
	}
	w.run(time.Hour)
	w.want("m1", schemas.KindUnknown, schemas.KindSent)
	w.want("m2", schemas.KindUnknown, schemas.KindSent)
	states := map[string]schemas.Kind{}
	for _, r := range w.results {
		states[r.MessageID] = r.State
	}
	if states["m1"] != schemas.KindSent || states["m2"] != schemas.KindSent {
		t.Errorf("the producer heard last of %v", states)
	}
	w.wantAllCommitted()
}

func TestLateEvidenceIsToldThoughItsReaderDied(t *testing.T) {
	// Goal: a state that moved up is told of, whoever lives. Method: the late outcome of a former owner after unknown; who reads
	// it dies before the event is written, and a new owner reads the log.
	w := newWorld(t)
	w.tenant.SettleAfter = "5m"
	w.door = func(call) Answer { return Answer{Phase: Ambiguous, Accepted: true} }
	died := false
	w.crash = func(_ int, after bool, e Effect) bool {
		emit, ok := e.(Emit)
		dies := ok && !after && !died && emit.Events[0].Reason == reasonLate
		died = died || dies
		return dies
	}
	w.own()
	w.route("m1")
	w.run(30 * time.Minute)
	late := schemas.Attempt{
		Identity: w.calls[0].Identity, Source: schemas.Coordinates{Topic: "requests"}, Attempt: 1, ClaimID: "late",
		Class: schemas.OutcomeSent, SenderID: "100",
	}
	w.append(TopicAttempts, must(schemas.Attempts.Encode(&late)))
	w.run(31 * time.Minute)
	w.want("m1", schemas.KindUnknown)
	w.own()
	w.run(32 * time.Minute)
	w.want("m1", schemas.KindUnknown, schemas.KindSent)
	if !died {
		t.Error("the reader did not die")
	}
	w.wantAllCommitted()
}

func TestCallbackBeforeItsClaimIsReadIsEvidence(t *testing.T) {
	// Goal: a callback that outruns the reading of attempts is not lost: a former owner's call, made after this owner began.
	// Method: the callback is read, then the claim, then the message; and a callback whose claim never comes is let go.
	w := newWorld(t)
	w.own()
	m := routedAt(epoch, "m1")
	w.callback(call{Identity: m.Identity, attempt: 1, sender: "100"}, "delivered", 0)
	w.callback(call{Identity: routedAt(epoch, "other").Identity, attempt: 1, sender: "100"}, "delivered", 0)
	w.run(time.Second)
	if w.committed[TopicStatus] != 0 {
		t.Error("the callback was let go at once")
	}
	claim := schemas.Attempt{
		Identity: m.Identity, Source: m.Source, Attempt: 1, ClaimID: "former", Class: schemas.Claim, SenderID: "100", RecipientRef: []byte("ref"),
	}
	w.append(TopicAttempts, must(schemas.Attempts.Encode(&claim)))
	w.route("m1", accepted(epoch))
	w.run(2 * time.Second)
	w.want("m1", schemas.KindSent)
	if len(w.calls) != 0 {
		t.Errorf("%d calls", len(w.calls))
	}
	w.run(3 * time.Minute)
	w.wantAllCommitted()
}

func TestResendSendsOnceMore(t *testing.T) {
	// Goal: a tenant that chose resend gets one more send, no sooner than the first can be over, and no third.
	w := newWorld(t)
	w.tenant.SettleAfter, w.tenant.OnUnknown = "1s", "resend"
	w.door = func(call) Answer { return Answer{Phase: Ambiguous, Accepted: true} }
	w.own()
	w.route("m1")
	w.run(2 * time.Hour)
	if len(w.calls) != 2 {
		t.Fatalf("%d calls, want 2", len(w.calls))
	}
	if gap := w.calls[1].at.Sub(w.calls[0].at); gap < ClaimLife+HTTPTimeout+resendSlack {
		t.Errorf("sent again after %v", gap)
	}
	w.want("m1", schemas.KindUnknown)
	w.wantAllCommitted()
}

func TestPausedOwnerNeverDials(t *testing.T) {
	// Goal: a zombie does no harm. Method: the first owner is paused at each of its first effects for a minute; a second
	// takes over meanwhile and sends or waits; then the first goes on with all it had begun.
	for n := 1; n <= 8; n++ {
		w := newWorld(t)
		var first *owner
		w.crash = func(i int, after bool, _ Effect) bool {
			if i == n && !after && !first.paused {
				first.paused = true
				w.after(time.Second, func() { w.own() })
				w.after(time.Minute, first.resume)
			}
			return false
		}
		first = w.own()
		w.route("m1")
		w.run(3 * time.Hour)
		if sent := len(w.taken("m1")); sent > 1 {
			t.Errorf("paused at effect %d: sent %d times", n, sent)
		}
		if len(w.finals("m1")) == 0 {
			t.Errorf("paused at effect %d: no final state", n)
		}
	}
}

func TestClaimReadBackLateIsNotDialled(t *testing.T) {
	// Goal: a claim lives ten seconds. Method: the claim's append takes 11 s; the message goes out under a second claim.
	w := newWorld(t)
	p := New(Config{
		Horizon: time.Hour, Since: epoch.Add(-time.Hour), NewID: func() string { return "id" },
		Registers: Registers{
			Tenant:     func(string) (schemas.Tenant, bool) { return w.tenant, true },
			Stop:       func(string, string) (schemas.Stop, bool) { return schemas.Stop{}, false },
			Suppressed: func(string, [][]byte, schemas.Category) bool { return false },
		},
	})
	p.Step(epoch, pipeline.CaughtUp{})
	m := routedAt(epoch, "m1")
	next := p.Step(epoch, pipeline.Arrived{Record: pipeline.Record{
		Position: pipeline.Position{Topic: TopicRouted}, Value: must(schemas.Routeds.Encode(&m)),
	}})
	claim := next.Effects[0].(AppendClaim)
	late := epoch.Add(ClaimLife + time.Second)
	next = p.Step(late, pipeline.Arrived{Record: pipeline.Record{
		Position: pipeline.Position{Topic: TopicAttempts}, Value: must(schemas.Attempts.Encode(&claim.Attempt)), AppendedAt: late,
	}})
	for _, e := range next.Effects {
		if _, dials := e.(Dial); dials {
			t.Fatal("dialled under an old claim")
		}
	}
	if o, ok := next.Effects[0].(AppendOutcome); !ok || o.Attempt.Class != schemas.OutcomeNotSent {
		t.Errorf("got %T, want the outcome not_sent", next.Effects[0])
	}
}

func TestUndecodableRecordsAreRejectedAndFinished(t *testing.T) {
	// Goal: bad input never stops the partition. Method: garbage on routed, status and a lane, then a good message.
	w := newWorld(t)
	w.own()
	for _, topic := range []string{TopicRouted, TopicStatus, "retry.10s"} {
		w.append(topic, []byte("garbage"))
	}
	w.route("m1")
	w.run(time.Minute)
	if w.rejects != 3 {
		t.Errorf("%d rejected, want 3", w.rejects)
	}
	w.want("m1", schemas.KindSent)
	w.wantAllCommitted()
}

func TestRecordThatPanicsIsRejectedAndOthersGoOn(t *testing.T) {
	// Goal: G8, one poisonous record never stops a partition at every restart. Method: a register that panics on one
	// tenant; its record is rejected for panic, a second copy of it too, the next one of another tenant is taken.
	p := New(Config{
		Horizon: time.Hour, Since: epoch.Add(-24 * time.Hour), NewID: func() string { return "id" },
		Registers: Registers{
			Tenant: func(id string) (schemas.Tenant, bool) {
				if id == "poison" {
					panic("content")
				}
				return schemas.Tenant{TenantID: id, Status: "active"}, true
			},
			Stop:       func(string, string) (schemas.Stop, bool) { return schemas.Stop{}, false },
			Suppressed: func(string, [][]byte, schemas.Category) bool { return false },
		},
	})
	p.Step(epoch, pipeline.CaughtUp{})
	arrive := func(tenant string, offset int64) pipeline.Next[Effect] {
		r := routedAt(epoch, "m1")
		r.TenantID = tenant
		return p.Step(epoch, pipeline.Arrived{Record: pipeline.Record{
			Position: pipeline.Position{Topic: TopicRouted, Offset: offset}, Value: must(schemas.Routeds.Encode(&r)), AppendedAt: epoch,
		}})
	}
	var next pipeline.Next[Effect]
	for offset := range int64(2) {
		next = arrive("poison", offset)
		if len(next.Effects) != 1 {
			t.Fatalf("effects %v, want one rejection", next.Effects)
		}
		if r, ok := next.Effects[0].(Reject); !ok || r.Reason != pipeline.ReasonPanic || r.Record.Offset != offset || r.Of.TenantID != "poison" {
			t.Errorf("effect %v, want the record's rejection for panic", next.Effects[0])
		}
	}
	if done := p.Step(epoch, pipeline.Performed[Effect]{Effect: next.Effects[0]}); len(done.Finished) != 1 {
		t.Errorf("finished %v after the rejection", done.Finished)
	}
	if next := arrive("acme", 2); len(next.Effects) != 1 {
		t.Errorf("effects %v of the next record, want a claim", next.Effects)
	}
}
