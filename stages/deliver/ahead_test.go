package deliver

import (
	"fmt"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
)

// Goal: order per person holds while older attempts are read back for the first of two messages, and others go on. Method:
// a message that reaches back further than memory does, one after it to the same person, one to another.
func TestNobodyOvertakesWhileAttemptsAreReadBack(t *testing.T) {
	p := newPartition(newWorld(t))
	claims := func(next pipeline.Next[Effect]) (ids []string) {
		for _, e := range next.Effects {
			if c, ok := e.(AppendClaim); ok {
				ids = append(ids, c.Attempt.MessageID)
			}
		}
		return ids
	}
	first, second, other := routedAt(epoch.Add(-3*time.Hour), "first"), routedAt(epoch, "second"), routedAt(epoch, "other")
	second.RecipientRefs = first.RecipientRefs
	begun := p.Step(epoch, arrival(TopicRouted, 0, &first))
	back := effectOf[ReadBack](t, begun)
	if got := claims(p.Step(epoch, arrival(TopicRouted, 1, &second))); len(got) > 0 {
		t.Fatalf("claims of %v before the first", got)
	}
	if got := claims(p.Step(epoch, arrival(TopicRouted, 2, &other))); len(got) != 1 {
		t.Errorf("claims of %v, want the one to somebody else", got)
	}
	if got := claims(p.Step(epoch.Add(time.Second), pipeline.Performed[Effect]{Effect: back, Result: Older{}})); len(got) != 1 || got[0] != "first" {
		t.Errorf("claims of %v after the log was read back, want the first", got)
	}
}

// Goal: G6 after a stall of attempts: claims made meanwhile are called all at once, so there are never more than half a
// second's worth. Method: 400 messages for a number of 80 a second, over five seconds in which no claim is read back; then
// all are, and the number goes on.
func TestAStallOfTheLogMakesNoBurst(t *testing.T) {
	p := newPartition(newWorld(t))
	var claims []schemas.Attempt
	dials := 0
	take := func(next pipeline.Next[Effect]) {
		for _, e := range next.Effects {
			switch e := e.(type) {
			case AppendClaim:
				claims = append(claims, e.Attempt)
			case Dial:
				dials++
			}
		}
	}
	now := epoch
	for i := range 400 {
		m := routedAt(epoch, fmt.Sprintf("m%03d", i))
		m.Source.Offset = int64(i)
		take(p.Step(now, arrival(TopicRouted, int64(i), &m)))
		now = now.Add(5 * time.Second / 400)
	}
	asked := len(claims)
	if asked != 40 {
		t.Fatalf("%d claims wait to be read back, want half a second's worth of 80/s", asked)
	}
	for i := range claims[:asked] {
		take(p.Step(now, pipeline.Arrived{Record: pipeline.Record{
			Position: pipeline.Position{Topic: TopicAttempts, Offset: int64(i)}, Value: must(schemas.Attempts.Encode(&claims[i])), AppendedAt: now,
		}}))
	}
	if dials != asked || len(claims) == asked {
		t.Errorf("%d of %d claims were dialled, %d more made", dials, asked, len(claims)-asked)
	}
}
