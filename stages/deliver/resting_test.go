package deliver

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
)

func TestParkedMessagesCostLittleMemory(t *testing.T) {
	// Goal: a million parked messages leave room in 300 MiB, under the owner that parked them and under the next one, which
	// reads of their calls in the log. Method: 100,000 of them, half refused once before; the heap is weighed.
	const n, most = 100_000, 150 // bytes
	now := epoch
	tenant := schemas.Tenant{TenantID: "acme", Status: "active"}
	owner := func() *Partition {
		return New(Config{Horizon: time.Hour, Since: epoch.Add(-2 * time.Hour), NewID: func() string { return "id" }, Registers: Registers{
			Tenant:     func(string) (schemas.Tenant, bool) { return tenant, true },
			Stop:       func(string, string) (schemas.Stop, bool) { return schemas.Stop{Scope: "number", Effect: "block"}, true },
			Suppressed: func(string, [][]byte, schemas.Category) bool { return false },
		}})
	}
	var attempts []pipeline.Record
	for i := range n / 2 {
		c := schemas.Attempt{
			Identity: routedAt(epoch, fmt.Sprint("m", i)).Identity, Source: schemas.Coordinates{Topic: "requests"}, Attempt: 1,
			ClaimID: fmt.Sprint("claim", i), SenderID: "100", RecipientRef: []byte("ref"), Class: schemas.Claim,
		}
		refused := c
		refused.Class, refused.ErrorCode, refused.Reason, refused.RetryAt = schemas.OutcomeRetry, 131016, "server_error", epoch.Add(time.Minute)
		for j, a := range []*schemas.Attempt{&c, &refused} {
			attempts = append(attempts, pipeline.Record{
				Position: pipeline.Position{Topic: TopicAttempts, Offset: int64(2*i + j)}, AppendedAt: epoch.Add(-time.Hour), Value: must(schemas.Attempts.Encode(a)),
			})
		}
	}
	weigh := func(what string, fill func(p *Partition)) *Partition {
		before := heapBytes()
		p := owner()
		fill(p)
		cost := (heapBytes() - before) / n
		t.Logf("%s: %d bytes a message", what, cost)
		if cost > most {
			t.Errorf("%s: %d bytes a message", what, cost)
		}
		runtime.KeepAlive(attempts)
		return p
	}
	replay := func(p *Partition) {
		for _, r := range attempts {
			p.Step(now, pipeline.Arrived{Record: r})
		}
		p.Step(now, pipeline.CaughtUp{})
	}
	p := weigh("parked", func(p *Partition) {
		replay(p)
		for i := range n {
			r := routedAt(epoch, fmt.Sprint("m", i))
			at := pipeline.Position{Topic: TopicRouted, Offset: int64(i)}
			next := p.Step(now, pipeline.Arrived{Record: pipeline.Record{Position: at, Value: must(schemas.Routeds.Encode(&r))}})
			park := next.Effects[0].(Park)
			told := p.Step(now, pipeline.Performed[Effect]{Effect: park, Result: pipeline.Position{Topic: park.Lane, Offset: int64(i)}})
			if done := p.Step(now, pipeline.Performed[Effect]{Effect: told.Effects[0]}); len(done.Finished) != 1 {
				t.Fatalf("message %d is not finished", i)
			}
		}
	})
	if len(p.messages) != 0 || p.resting.len() != n {
		t.Errorf("%d messages whole, %d resting", len(p.messages), p.resting.len())
	}
	p = weigh("taken over", replay)
	if len(p.messages) != 0 || p.resting.len() != n/2 {
		t.Errorf("taken over: %d messages whole, %d resting", len(p.messages), p.resting.len())
	}
}

func heapBytes() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestTriesAreCountedAcrossTheLanes(t *testing.T) {
	// Goal: what is summed up while a message rests counts on: tries, also under the next owner. Method: 131000, which is tried
	// five times again, with waits longer than memory; a crash in between.
	w := newWorld(t)
	w.door = func(call) Answer { return refuse(131000) }
	o := w.own()
	w.route("m1")
	w.run(80 * time.Second)
	if o.p.resting.len() != 1 || len(o.p.messages) != 0 {
		t.Errorf("%d resting, %d whole", o.p.resting.len(), len(o.p.messages))
	}
	o.crashed()
	w.own()
	w.run(3 * time.Hour)
	w.want("m1", schemas.KindFailed)
	if len(w.calls) != 6 {
		t.Errorf("%d calls, want 6", len(w.calls))
	}
	w.wantAllCommitted()
}
