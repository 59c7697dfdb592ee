package pipeline_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/pipelinetest"
)

// claimer is a small reducer in deliver's shape: it claims in the log, dials once it has read its claim back, writes the
// outcome, and finishes a message when it has read an outcome of it. What it finds claimed without outcome and did not
// claim itself is in doubt and never dialled again.
type claimer struct {
	waiting map[string]pipeline.Position
	mine    map[string]bool
	claimed map[string]bool
	outcome map[string]bool

	early bool // mutant: finishes a message as soon as it has arrived
}

// act is an effect: "claim x", "dial x", "sent x" or "unknown x".
type act string

func (c *claimer) step(_ time.Time, in pipeline.Input) (next pipeline.Next[act]) {
	switch in := in.(type) {
	case pipeline.Arrived:
		if in.Topic == "attempts" {
			return c.readBack(string(in.Value))
		}
		id := string(in.Value)
		if c.outcome[id] || c.early {
			next.Finished = []pipeline.Position{in.Position}
		}
		switch {
		case c.outcome[id]:
			return next
		case c.claimed[id]:
			next.Effects = []act{act("unknown " + id)}
		default:
			c.mine[id] = true
			next.Effects = []act{act("claim " + id)}
		}
		c.waiting[id] = in.Position
	case pipeline.Performed[act]:
		if id, dialled := strings.CutPrefix(string(in.Effect), "dial "); dialled {
			next.Effects = []act{act("sent " + id)}
		}
	}
	return next
}

func (c *claimer) readBack(attempt string) (next pipeline.Next[act]) {
	class, id, _ := strings.Cut(attempt, " ")
	if class == "claim" {
		if c.mine[id] && !c.claimed[id] {
			next.Effects = []act{act("dial " + id)}
		}
		c.claimed[id] = true
		return next
	}
	c.outcome[id] = true
	if position, ok := c.waiting[id]; ok {
		next.Finished = []pipeline.Position{position}
	}
	return next
}

// door is what stands outside: it counts the sends, each an effect of the present life.
type door struct {
	mu   sync.Mutex
	sent map[string]int
}

func keyedLife(l *pipelinetest.Log, d *door, early bool) *pipeline.Keyed[act] {
	c := &claimer{
		waiting: make(map[string]pipeline.Position), mine: make(map[string]bool),
		claimed: make(map[string]bool), outcome: make(map[string]bool), early: early,
	}
	return &pipeline.Keyed[act]{
		Name:    "claimer",
		Replays: []pipeline.Lane{{Source: l.Tail("attempts", 0, -2)}},
		Lanes:   []pipeline.Lane{{Source: l.Source("routed", 0, "g"), ReadAhead: 3}},
		Step:    c.step,
		Perform: func(ctx context.Context, e act) (any, error) {
			time.Sleep(200 * time.Millisecond) // virtual: so that commits, on their tick, fall between effects
			if id, dialled := strings.CutPrefix(string(e), "dial "); dialled {
				return nil, l.Crash.Do(func(func(int) int) error {
					d.mu.Lock()
					defer d.mu.Unlock()
					d.sent[id]++
					return nil
				})
			}
			return l.Append(ctx, []pipeline.Output{{Topic: "attempts", Value: []byte(e)}})
		},
		Drain: time.Second,
	}
}

// keyedLiveAndDie is liveAndDie for the claimer: it returns what is lost or doubled in the end.
func keyedLiveAndDie(t *testing.T, early bool, crashes ...*pipelinetest.Crasher) (wrong error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := pipelinetest.NewLog(nil)
		l.Create("routed", 1)
		l.Create("attempts", 1)
		ids := numbers(6)
		publish(t, l, "routed", 0, ids...)
		d := &door{sent: make(map[string]int)}
		for _, l.Crash = range append(crashes, nil) {
			k := keyedLife(l, d, early)
			err := live(k.Run)
			if err != nil && (l.Crash == nil || !l.Crash.Crashed()) {
				t.Errorf("Run returned %v without a crash", err)
			}
		}
		outcomes := make(map[string]int)
		for _, r := range l.Records("attempts") {
			class, id, _ := strings.Cut(string(r.Value), " ")
			if class != "claim" {
				outcomes[id]++
			}
		}
		for _, id := range ids {
			if outcomes[id] == 0 || d.sent[id] > 1 {
				wrong = fmt.Errorf("message %s has %d outcomes and was sent %d times", id, outcomes[id], d.sent[id])
			}
		}
		if next := l.Committed("g", "routed", 0); wrong == nil && next != int64(len(ids)) {
			wrong = fmt.Errorf("committed %d of %d", next, len(ids))
		}
	})
	return wrong
}

func countKeyedEffects(t *testing.T) int {
	count := pipelinetest.CrashAt(0, pipelinetest.Before)
	if err := keyedLiveAndDie(t, false, count); err != nil {
		t.Fatal(err)
	}
	if count.Effects() < 3*6+1 {
		t.Fatalf("only %d effects", count.Effects())
	}
	return count.Effects()
}

// Goal: the keyed loop, too, loses nothing and sends nothing twice wherever a process dies. Method: as for the batch
// loop, with a reducer that claims, dials and records outcomes; every crash point of the first life, and then of the
// second after its effect.
func TestKeyedLosesAndDoublesNothingAtAnyCrashPoint(t *testing.T) {
	effects := countKeyedEffects(t)
	for n := 1; n <= effects; n++ {
		for _, point := range pipelinetest.CrashPoints {
			if err := keyedLiveAndDie(t, false, pipelinetest.CrashAt(n, point)); err != nil {
				t.Errorf("crash at effect %d (point %d): %v", n, point, err)
			}
		}
		for m := 1; m <= effects; m += 2 {
			err := keyedLiveAndDie(t, false, pipelinetest.CrashAt(n, pipelinetest.After), pipelinetest.CrashAt(m, pipelinetest.After))
			if err != nil {
				t.Errorf("crash after effect %d, then after effect %d: %v", n, m, err)
			}
		}
	}
}

// Goal: the check above can fail. Method: a reducer that finishes messages on arrival, so that they are committed before
// they have an outcome.
func TestKeyedCrashTestCatchesEarlyFinish(t *testing.T) {
	effects, caught := countKeyedEffects(t), 0
	for n := 1; n <= effects; n++ {
		for _, point := range pipelinetest.CrashPoints {
			if keyedLiveAndDie(t, true, pipelinetest.CrashAt(n, point)) != nil {
				caught++
			}
		}
	}
	if caught == 0 {
		t.Error("the mutant lost nothing at any crash point: the crash test proves nothing")
	}
	t.Logf("caught at %d of %d crash points", caught, 3*effects)
}
