package deliver

import (
	"testing"
	"time"

	"github.com/whatsapplink/cloud/schemas"
)

func TestTheOneMoreSendWaitsAsARefusalAsks(t *testing.T) {
	// Goal: a message in doubt whose tenant chose resend keeps to the table like any other: what refuses the second send says
	// when to try again. Method: the first call is lost; after it Meta is down, refuses or cannot be reached for five minutes.
	for name, answer := range map[string]Answer{
		"refused":     refuse(131016), // 30 s and more
		"asked":       {Phase: Answered, Refused: true, Code: 131000, RetryAfter: time.Minute},
		"unreachable": {Phase: NotSent, Reason: ReasonUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.tenant.SettleAfter, w.tenant.OnUnknown = "1s", "resend"
			tries := 0
			w.door = func(c call) Answer {
				tries++
				switch {
				case tries == 1:
					return Answer{Phase: Ambiguous, Accepted: true}
				case c.at.Sub(epoch) < 5*time.Minute:
					return answer
				}
				return accept(c)
			}
			w.own()
			w.route("m1")
			w.run(5 * time.Minute)
			if tries < 2 || tries > 12 {
				t.Errorf("%d calls in five minutes, want a second one and few more", tries)
			}
			w.run(2 * time.Hour)
			w.want("m1", schemas.KindSent)
			w.wantAllCommitted()
		})
	}
}

func TestARefusedSecondSendSaysNothingOfTheFirst(t *testing.T) {
	// Goal: a message is told as failed only when no call of it can have been taken. Method: the first call is taken and its
	// answer lost; the second is refused for good, cannot be made any more, or fails by callback.
	for name, answer := range map[string]Answer{
		"refused":  refuse(131026),
		"gone":     {Phase: NotSent, Reason: ReasonContentGone},
		"callback": {Phase: Ambiguous},
	} {
		w := newWorld(t)
		w.tenant.SettleAfter, w.tenant.OnUnknown = "1s", "resend"
		w.door = func(c call) Answer {
			if c.attempt == 1 {
				return Answer{Phase: Ambiguous, Accepted: true}
			}
			if name == "callback" {
				w.after(time.Second, func() { w.callback(c, "failed", 131026) })
			}
			return answer
		}
		w.own()
		w.route("m1")
		w.run(time.Hour)
		w.want("m1", schemas.KindUnknown)
		w.callback(w.calls[0], "sent", 0)
		w.run(2 * time.Hour)
		w.want("m1", schemas.KindUnknown, schemas.KindSent)
		w.wantAllCommitted()
		if t.Failed() {
			t.Fatalf("second send: %s", name)
		}
	}
}
