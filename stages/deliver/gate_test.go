package deliver

import (
	"slices"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/schemas"
)

func TestNothingIsSentAfterItsDeadline(t *testing.T) {
	// Goal: no late send; what could not go by its deadline ends as expired. Method: deadlines from none left to a minute,
	// a door that refuses for now. The world itself fails a call after a deadline.
	w := newWorld(t)
	w.door = func(call) Answer { return refuse(131016) }
	w.own()
	w.route("gone", within(0))
	w.route("short", within(500*time.Millisecond))
	w.route("long", within(time.Minute))
	w.run(time.Hour)
	for _, id := range []string{"gone", "short", "long"} {
		w.want(id, schemas.KindExpired)
	}
	w.wantAllCommitted()
}

func TestStopsParkUntilTheyLift(t *testing.T) {
	// Goal: every scope holds its messages, a lift lets them go, a deadline ends them as stopped. Method: one stop a run.
	for _, s := range []schemas.Stop{
		{Scope: "template", ID: schemas.StopID("acme", []byte("template"))},
		{Scope: "number", ID: "100"}, {Scope: "credential", ID: "100"}, {Scope: "account", ID: "waba"},
		{Scope: "tenant", ID: "acme"}, {Scope: "message", ID: "acme/m1"},
		{Scope: "recipient", ID: schemas.StopID("acme", []byte("ref-of-m1"))},
	} {
		w := newWorld(t)
		s.Effect = "park"
		w.stops[s.Scope+"/"+s.ID] = s
		w.own()
		w.route("m1")
		w.run(10 * time.Minute)
		w.want("m1")
		s.Effect = ""
		w.stops[s.Scope+"/"+s.ID] = s
		w.run(20 * time.Minute)
		w.want("m1", schemas.KindSent)

		s.Effect = "block"
		w.stops[s.Scope+"/"+s.ID] = s
		w.route("m1", accepted(w.now.Add(2*time.Hour)), within(5*time.Minute))
		w.run(4 * time.Hour)
		if got := w.reasons("m1", schemas.KindExpired); !slices.Equal(got, []string{"stopped"}) {
			t.Errorf("stop of %s: expired for %v", s.Scope, got)
		}
		w.wantAllCommitted()
	}
}

func TestStopOfOneCategoryLeavesTheOthers(t *testing.T) {
	w := newWorld(t) // Goal: a stop of marketing holds marketing only.
	w.stops["account/waba"] = schemas.Stop{Scope: "account", ID: "waba", Effect: "park", Category: "marketing"}
	w.own()
	w.route("u")
	w.route("m", as(schemas.Marketing))
	w.run(time.Minute)
	w.want("u", schemas.KindSent)
	w.want("m")
}

func TestObjectionBetweenClaimAndCallPreventsTheCall(t *testing.T) {
	// Goal: stops and suppressions are checked last thing before dialling. Method: the objection arrives while the claim is
	// on its way through the log.
	w := newWorld(t)
	w.crash = func(_ int, after bool, e Effect) bool {
		if _, claims := e.(AppendClaim); claims && !after {
			w.suppressed["ref-of-m1"] = true
		}
		return false
	}
	w.own()
	w.route("m1")
	w.run(time.Hour)
	w.want("m1", schemas.KindSuppressed)
	if len(w.calls) > 0 {
		t.Error("called all the same")
	}
	w.wantAllCommitted()
}

func TestSuspendedTenantWaitsAndClosedTenantEnds(t *testing.T) {
	w := newWorld(t) // Goal: a suspension parks and lifts; closing ends.
	w.tenant.Status = "suspended"
	w.own()
	w.route("m1")
	w.run(5 * time.Minute)
	w.want("m1")
	w.tenant.Status = "active"
	w.run(10 * time.Minute)
	w.want("m1", schemas.KindSent)
	w.tenant.Status = "closed"
	w.route("m2")
	w.run(12 * time.Minute)
	w.want("m2", schemas.KindSuppressed)
}

func TestStaleSuppressionsPauseMarketingFirst(t *testing.T) {
	// Goal: fail closed. Method: the register's age is two minutes, then eleven.
	w := newWorld(t)
	age := 2 * time.Minute
	o := w.own()
	o.p.cfg.Registers.SuppressionsAge = func(time.Time) time.Duration { return age }
	w.route("u1")
	w.route("m1", as(schemas.Marketing))
	w.run(time.Second)
	w.want("u1", schemas.KindSent)
	w.want("m1")
	age = 11 * time.Minute
	w.route("u2")
	w.run(2 * time.Second)
	w.want("u2")
	age = 0
	w.run(5 * time.Minute)
	w.want("u2", schemas.KindSent)
	w.want("m1", schemas.KindSent)
}

func TestVerdictOfRouteBecomesTheOutcome(t *testing.T) {
	w := newWorld(t) // Goal: route decides, deliver makes it final, no claim, no call.
	w.own()
	for state, kind := range map[string]schemas.Kind{
		"failed": schemas.KindFailed, "expired": schemas.KindExpired, "suppressed": schemas.KindSuppressed,
	} {
		w.route(state, func(r *schemas.Routed) {
			r.Verdict, r.Sender = &schemas.Verdict{State: state, Reason: "because"}, ""
		})
		w.run(w.now.Sub(epoch) + time.Minute)
		w.want(state, kind)
		if got := w.reasons(state, kind); !slices.Equal(got, []string{"because"}) {
			t.Errorf("%s for %v", state, got)
		}
	}
	if len(w.calls) > 0 || len(w.copies) != 3 {
		t.Errorf("%d calls, copies %v", len(w.calls), w.copies)
	}
	w.wantAllCommitted()
}

func TestAMessageThatWaitsLongLooksSeldom(t *testing.T) {
	// Goal: a million messages behind a stop that only an operator lifts must not be written anew every minute, or they delay
	// all others of their partition; and those that wait not for long go soon after it is lifted. Method: a credential that is
	// refused for a day, and for ten minutes.
	stopped := func(lift time.Duration) *world {
		w := newWorld(t)
		w.stops["credential/100"] = schemas.Stop{Scope: "credential", ID: "100", Effect: "block", SetAt: epoch}
		w.own()
		w.route("m1")
		w.after(lift, func() { delete(w.stops, "credential/100") })
		w.run(25 * time.Hour)
		w.wantAllCommitted()
		return w
	}
	w := stopped(25 * time.Hour)
	w.want("m1", schemas.KindExpired)
	if n := len(w.reasons("m1", schemas.KindParked)); n > 130 {
		t.Errorf("parked %d times in a day", n)
	}
	w = stopped(10 * time.Minute)
	w.want("m1", schemas.KindSent)
	if waited := w.calls[0].at.Sub(epoch); waited > 12*time.Minute {
		t.Errorf("sent %v after it was accepted, and its stop lasted ten minutes", waited)
	}
}
