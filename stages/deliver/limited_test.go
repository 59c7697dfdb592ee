package deliver

import (
	"testing"
	"time"

	"github.com/whatsapplink/cloud/schemas"
)

func TestACallbackOfALimitSlowsItsNumber(t *testing.T) {
	// Goal: an async failure is final for its message, but its limit applies: 130429 lowers the number's rate on both paths.
	// Method: callbacks of a message that was sent; what failed before the cut, long ago or for another reason cuts nothing.
	for name, c := range map[string]struct {
		codes []int32
		ago   time.Duration
		want  float64
	}{
		"throughput":     {[]int32{130429}, time.Second, 56},
		"the same again": {[]int32{130429, 130429}, time.Second, 56},
		"long ago":       {[]int32{130429}, time.Hour, 0},
		"another":        {[]int32{131026}, time.Second, 0},
	} {
		w := newWorld(t)
		o := w.own()
		w.route("m1")
		w.run(2 * time.Second)
		w.now = w.now.Add(2 * time.Hour)
		failed := w.now.Add(-c.ago)
		for _, code := range c.codes {
			s := schemas.Status{
				Identity: w.calls[0].Identity, Attempt: 1, Status: "failed", At: failed, SenderID: "100",
				ProviderRef: []byte("provider-ref-16b"), ErrorCode: code, Category: schemas.Utility,
			}
			w.append(TopicStatus, must(schemas.Statuses.Encode(&s)))
			w.now = w.now.Add(2 * time.Second)
		}
		if got := o.p.senders["100"].limiter.learned; got != c.want {
			t.Errorf("%s: learned a rate of %v, want %v", name, got, c.want)
		}
		w.want("m1", schemas.KindSent)
	}
}
