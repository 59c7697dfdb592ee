package deliver

import (
	"testing"
	"time"

	"github.com/whatsapplink/cloud/schemas"
)

// What cloud-api.md §2 says of every code on the send path: fail (with what is suppressed), retry, or stop (a scope).
var table = map[string][]int32{
	"stop credential":        {0, 3, 10, 102, 104, 190, 200, 210, 299, 131005},
	"stop account":           {368, 131031, 131042, 131064, 4, 17, 341, 613, 80007},
	"stop account marketing": {131063},
	"stop number":            {131037, 131045, 133010, 33, 131048, 131057, 2494100},
	"stop template":          {132001, 132007, 132015, 132016, 134102},
	"retry":                  {130429, 131056, 2, 131016, 133004, 132069, 134101},
	"retry then fail":        {1, 131000, 135000, 131053, 131014, 999999},
	"fail":                   {130497, 134011, 139200, 130472, 131021, 131026, 131030, 131036, 131047, 131049, 131062, 137000, 131051, 131203, 100, 131008, 131009, 132000, 132005, 132012, 132018, 132068, 131055, 134100, 131035, 131043, 133016, 131208, 131052, 131060, 131020, 131041, 133000, 133005, 133006, 133008, 133009, 133015},
	"fail all":               {130403},
	"fail marketing":         {131050},
}

func TestEveryErrorCodeDoesWhatTheTableSays(t *testing.T) {
	// Goal: one table decides, and each of its rows is obeyed. Method: Meta refuses a message with the code for ever; look
	// at the calls, stops, suppressions and the final state.
	walked := map[int32]bool{}
	for want, codes := range table {
		for _, code := range codes {
			walked[code] = true
			if got := walk(t, code); got != want {
				t.Errorf("code %d: %s, want %s", code, got, want)
			}
		}
	}
	for code := range rules {
		if !walked[code] {
			t.Errorf("code %d stands in the rules and not in the test", code)
		}
	}
}

func walk(t *testing.T, code int32) string {
	w := newWorld(t)
	w.door = func(call) Answer { return refuse(code) }
	w.own()
	w.route("m1", within(90*time.Minute))
	w.run(3 * time.Hour)
	w.wantAllCommitted()
	what := "retry"
	switch {
	case len(w.stops) == 1:
		for _, s := range w.stops {
			what = "stop " + s.Scope
			if s.Category != "" {
				what += " " + s.Category
			}
			effect := map[bool]string{true: "block", false: "park"}[s.Until.IsZero()]
			if s.Effect != effect || s.ErrorCode != code {
				t.Errorf("code %d: stop %+v", code, s)
			}
		}
	case len(w.finals("m1")) == 1 && w.finals("m1")[0] == schemas.KindFailed && len(w.calls) == 1:
		what = "fail"
		if len(w.suppressed) > 0 {
			what += " " + RuleFor(code).Suppress
		}
	case len(w.finals("m1")) == 1 && w.finals("m1")[0] == schemas.KindFailed:
		what = "retry then fail"
	case len(w.finals("m1")) != 1 || w.finals("m1")[0] != schemas.KindExpired:
		t.Errorf("code %d ended as %v", code, w.finals("m1"))
	}
	return what
}

func TestPairRetriesAfterPowersOfFour(t *testing.T) {
	// Goal: 131056 is retried after 4^n seconds or later, never earlier (Meta's figure), by a fifth at most.
	rule := RuleFor(131056)
	for n, want := range []time.Duration{1, 4, 16, 64, 256} {
		want *= time.Second
		for _, claim := range []string{"a", "b", "c"} {
			if got := rule.delay(n, claim); got < want || got > want*12/10 {
				t.Errorf("delay %d is %v, want %v to a fifth more", n, got, want)
			}
		}
	}
}

func TestAnOperatorsResumeLiftsWhatAnAnswerStopped(t *testing.T) {
	// Goal: an owner that set a stop itself obeys the register once that is newer, and what was parked goes. Method: a
	// refusal for each scope, ten minutes, then the lifting as wlctl sender resume writes it.
	for code, key := range map[int32]string{131045: "number/100", 190: "credential/100", 131042: "account/waba", 132016: "template/" + schemas.StopID("acme", []byte("template"))} {
		w := newWorld(t)
		refused := false
		w.door = func(c call) Answer {
			if !refused {
				refused = true
				return refuse(code)
			}
			return accept(c)
		}
		w.own()
		w.route("m1")
		w.run(10 * time.Minute)
		stop := w.stops[key]
		if w.want("m1"); stop.Effect != "block" || len(w.calls) != 1 {
			t.Errorf("%d: %+v, %d calls", code, stop, len(w.calls))
		}
		w.stops[key] = schemas.Stop{Scope: stop.Scope, ID: stop.ID, Reason: "operator", SetAt: w.now}
		w.run(time.Hour)
		w.want("m1", schemas.KindSent)
		w.wantAllCommitted()
	}
}

func TestAStopLastsAsLongAsMetaAsks(t *testing.T) {
	// Goal: Retry-After is honoured for all that a stop holds, not for the refused message alone. Method: the app is throttled,
	// five minutes by the table, for half an hour by the header; a second message comes meanwhile.
	w := newWorld(t)
	w.door = func(c call) Answer {
		if c.at.Sub(epoch) < 30*time.Minute {
			a := refuse(80007)
			a.RetryAfter = 30 * time.Minute
			return a
		}
		return accept(c)
	}
	w.own()
	w.route("m1")
	w.after(time.Minute, func() { w.route("m2") })
	w.run(2 * time.Hour)
	if len(w.calls) != 3 {
		t.Errorf("%d calls, want the refused one and one of each message", len(w.calls))
	}
	w.want("m1", schemas.KindSent)
	w.want("m2", schemas.KindSent)
	w.wantAllCommitted()
}

func TestNothingLiesOpenWhileAMessageWaits(t *testing.T) {
	// Goal: an opened payload lives for its call and its copy only. Method: a refusal that is retried a second later, in
	// memory.
	w := newWorld(t)
	w.door = func(call) Answer {
		a := refuse(130429)
		a.Plain, a.Diagnostics = Plaintext("content"), &schemas.Diagnostics{ErrorText: "content"}
		return a
	}
	o := w.own()
	w.route("m1")
	w.run(500 * time.Millisecond)
	live := o.p.messages[keyOf("acme", "m1")].sends[0].live
	if len(w.calls) != 1 || live.state != held || live.plain != nil || live.answer != nil {
		t.Errorf("after %d calls, in state %d, %v and %v", len(w.calls), live.state, live.plain, live.answer)
	}
}

func TestUnclearAnswersAreInDoubt(t *testing.T) {
	// Goal: an answer without Meta's JSON (a proxy's page, 5xx, cut) proves nothing: no second call, settled later.
	for _, a := range []Answer{{Phase: Answered}, {Phase: Ambiguous}} {
		w := newWorld(t)
		w.door = func(call) Answer { return a }
		w.own()
		w.route("m1")
		w.run(time.Hour)
		w.want("m1", schemas.KindUnknown)
		if len(w.calls) != 1 {
			t.Errorf("%+v: %d calls", a, len(w.calls))
		}
	}
}

func TestCallsThatNeverLeftAreRepeated(t *testing.T) {
	// Goal: dial and TLS errors before the first byte, and a missing credential, cost nothing but time.
	w := newWorld(t)
	n := 0
	w.door = func(c call) Answer {
		if n++; n < 5 {
			return Answer{Phase: NotSent, Reason: ReasonUnreachable}
		}
		return accept(c)
	}
	w.own()
	w.route("m1")
	w.run(time.Hour)
	w.want("m1", schemas.KindSent)
	w.wantAllCommitted()
}

func TestContentThatIsGoneOrUnrenderableEnds(t *testing.T) {
	for reason, kind := range map[string]schemas.Kind{
		ReasonContentGone: schemas.KindExpired, ReasonErased: schemas.KindSuppressed, ReasonUnrenderable: schemas.KindFailed,
	} {
		w := newWorld(t)
		w.door = func(call) Answer { return Answer{Phase: NotSent, Reason: reason} }
		w.own()
		w.route("m1")
		w.run(time.Minute)
		w.want("m1", kind)
		w.wantAllCommitted()
	}
}
