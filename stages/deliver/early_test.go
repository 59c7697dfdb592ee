package deliver

import (
	"slices"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
)

func TestACopyThatComesBeforeItsParkIsKnownIsNotLost(t *testing.T) {
	// Goal: G1 when a broker or this process pauses between the append to a lane and its acknowledgement: the copy may then
	// fall due and arrive first. Method: park a message at a stop, let the copy arrive, then acknowledge it, and lift the
	// stop; a position is finished only when the message ended or lies in a lane further on.
	w := newWorld(t)
	w.stops["number/100"] = schemas.Stop{Scope: "number", ID: "100", Effect: "park", SetAt: epoch, Until: epoch.Add(10 * time.Second)}
	p := newPartition(w)
	m := routedAt(epoch, "m1")
	parks := p.Step(epoch, arrival(TopicRouted, 0, &m))
	park := effectOf[Park](t, parks)

	now := epoch.Add(20 * time.Second)
	at := pipeline.Position{Topic: park.Lane, Offset: 7}
	if next := p.Step(now, arrival(at.Topic, at.Offset, &park.Routed)); len(next.Finished) > 0 {
		t.Fatalf("finished %v before the copy was acknowledged", next.Finished)
	}
	next := p.Step(now, pipeline.Performed[Effect]{Effect: park, Result: at})
	finished, claimed := next.Finished, false
	for len(next.Effects) > 0 {
		e := next.Effects[0]
		rest := next.Effects[1:]
		if _, claimed = e.(AppendClaim); claimed {
			break
		}
		next = p.Step(now, pipeline.Performed[Effect]{Effect: e})
		finished = append(finished, next.Finished...)
		next.Effects = append(rest, next.Effects...)
	}
	if slices.Contains(finished, at) {
		t.Errorf("finished %v: the only copy of a message that waits", finished)
	}
	if !slices.Contains(finished, pipeline.Position{Topic: TopicRouted}) {
		t.Errorf("finished %v, want the record that the copy stands for", finished)
	}
	if !claimed {
		t.Error("the message whose turn had come was not sent")
	}
}

func newPartition(w *world) *Partition {
	p := New(Config{
		Horizon: time.Hour, Since: epoch.Add(-2 * time.Hour), NewID: func() string { return "id" },
		Registers: Registers{
			Tenant:     func(string) (schemas.Tenant, bool) { return w.tenant, true },
			Stop:       func(scope, id string) (schemas.Stop, bool) { s, ok := w.stops[scope+"/"+id]; return s, ok },
			Suppressed: func(string, [][]byte, schemas.Category) bool { return false },
		},
	})
	p.Step(epoch, pipeline.CaughtUp{})
	return p
}

func arrival(topic string, offset int64, r *schemas.Routed) pipeline.Arrived {
	return pipeline.Arrived{Record: pipeline.Record{
		Position: pipeline.Position{Topic: topic, Offset: offset}, Value: must(schemas.Routeds.Encode(r)), AppendedAt: epoch,
	}}
}

func effectOf[E Effect](t *testing.T, next pipeline.Next[Effect]) E {
	t.Helper()
	for _, e := range next.Effects {
		if e, ok := e.(E); ok {
			return e
		}
	}
	t.Fatalf("effects %v", next.Effects)
	panic("unreachable")
}

func TestAParkedMessageWhoseEventIsSlowIsNotLost(t *testing.T) {
	// Goal: G1 while a broker other than the lanes' is away: the copy's turn comes before all that its parking asked for is
	// acknowledged. Method: the event of a parked message takes longer than its lane, or the claim's acknowledgement does.
	for name, slow := range map[string]func(Effect) bool{
		"event": func(e Effect) bool {
			emit, ok := e.(Emit)
			return ok && emit.Events[0].Kind == schemas.KindParked
		},
		"claim": func(e Effect) bool { _, ok := e.(AppendClaim); return ok },
	} {
		w := newWorld(t)
		tries := 0
		w.door = func(c call) Answer {
			if tries++; tries == 1 {
				return refuse(131000)
			}
			return accept(c)
		}
		w.ack = func(_ int, e Effect) (time.Duration, bool) {
			if slow(e) {
				return 30 * time.Second, false
			}
			return 0, false
		}
		w.own()
		w.route("m1")
		w.run(time.Hour)
		if w.want("m1", schemas.KindSent); tries != 2 {
			t.Errorf("slow %s: %d calls", name, tries)
		}
		w.wantAllCommitted()
	}
}

// Goal: G1 when a parked message was settled by a callback, copied before its turn, and its turn comes while it is still being
// told: its copy in the lane is all that a next owner would find. Method: a call without an answer, parked in doubt; its
// outcome comes, the copy is recalled and made; then the lane's copy arrives before the event is acknowledged.
func TestARecalledMessageIsToldBeforeItsTurnIsOver(t *testing.T) {
	p := newPartition(newWorld(t))
	m := routedAt(epoch, "m1")
	done := func(e Effect, result any) pipeline.Next[Effect] {
		return p.Step(epoch, pipeline.Performed[Effect]{Effect: e, Result: result})
	}
	logged := func(offset int64, a schemas.Attempt) pipeline.Next[Effect] {
		return p.Step(epoch, pipeline.Arrived{Record: pipeline.Record{
			Position: pipeline.Position{Topic: TopicAttempts, Offset: offset}, Value: must(schemas.Attempts.Encode(&a)), AppendedAt: epoch,
		}})
	}
	claim := effectOf[AppendClaim](t, p.Step(epoch, arrival(TopicRouted, 0, &m)))
	done(claim, nil)
	called := logged(0, claim.Attempt)
	done(effectOf[Emit](t, called), nil)
	parks := done(effectOf[Dial](t, called), Answer{Phase: Ambiguous})
	park := effectOf[Park](t, parks)
	at := pipeline.Position{Topic: park.Lane, Offset: 7}
	done(effectOf[Emit](t, done(park, at)), nil)

	sent := claim.Attempt
	sent.Class, sent.Evidence = schemas.OutcomeSent, "callback"
	recall := effectOf[Recall](t, logged(1, sent))
	copies := done(recall, pipeline.Record{Position: at, Value: must(schemas.Routeds.Encode(&park.Routed))})
	told := effectOf[Emit](t, done(effectOf[Copy](t, copies), &schemas.Copy{Topic: "delivered.72h"}))
	if next := p.Step(epoch, arrival(at.Topic, at.Offset, &park.Routed)); len(next.Finished) > 0 {
		t.Fatalf("finished %v before the outcome was told", next.Finished)
	}
	if next := done(told, nil); !slices.Contains(next.Finished, at) {
		t.Errorf("finished %v, want %v once the outcome is told", next.Finished, at)
	}
}
