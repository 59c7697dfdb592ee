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
