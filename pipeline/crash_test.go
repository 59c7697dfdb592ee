package pipeline_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/pipelinetest"
)

var crashInput = []string{"a", "reject 1", "b", "garbage", "twice", "none", "c", "panic 1", "reject 2", "d"}

// What must stand in the topics out and dead once all of crashInput is committed.
var (
	crashOut  = []string{"a", "b", "twice 1", "twice 2", "c", "d"}
	crashDead = []string{"reject 1", "garbage", "panic 1", "reject 2"}
)

// crashBatch is one life's Batch: text from topic in to the topics out and dead, in batches of three.
func crashBatch(l *pipelinetest.Log) *pipeline.Batch[string, string] {
	to := func(topic string, value string) []pipeline.Output {
		return []pipeline.Output{{Topic: topic, Value: []byte(value)}}
	}
	return &pipeline.Batch[string, string]{
		Name:   "text",
		Decode: decodeText,
		Step:   text,
		Target: &pipeline.Topics[string]{Log: l, Encode: func(_ context.Context, out string) ([]pipeline.Output, error) {
			return to("out", out), nil
		}},
		DeadLetters: &pipeline.Topics[pipeline.DeadLetter[string]]{Log: l,
			Encode: func(_ context.Context, d pipeline.DeadLetter[string]) ([]pipeline.Output, error) {
				return to("dead", string(d.Record.Value)), nil
			}},
		Limits: pipeline.Limits{Records: 3},
	}
}

// liveAndDie publishes the input, lives through one life per Crasher and one without a crash, and returns what is wrong
// in the end.
func liveAndDie(t *testing.T, setup func(*pipeline.Batch[string, string]), crashes ...*pipelinetest.Crasher) (wrong error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := pipelinetest.NewLog(nil)
		for _, topic := range []string{"in", "out", "dead"} {
			l.Create(topic, 1)
		}
		publish(t, l, "in", 0, crashInput...)
		for _, l.Crash = range append(slices.Clone(crashes), nil) {
			b := crashBatch(l)
			setup(b)
			err := live(func(ctx context.Context) error { return b.Run(ctx, l.Source("in", 0, "g")) })
			if crashed := l.Crash != nil && l.Crash.Crashed(); crashed != (err != nil) {
				t.Errorf("crashed: %t, but Run returned %v", crashed, err)
			}
		}
		wrong = firstError(
			missing("out", crashOut, l.Records("out")),
			missing("dead", crashDead, l.Records("dead")),
		)
		if next := l.Committed("g", "in", 0); wrong == nil && next != int64(len(crashInput)) {
			wrong = fmt.Errorf("committed %d of %d", next, len(crashInput))
		}
	})
	return wrong
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// missing says which wanted value does not stand in a topic, which does that should not, or which stands before its
// turn. Repeats are allowed: delivery is at least once.
func missing(topic string, want []string, got []pipeline.Record) error {
	var first []string
	for _, r := range got {
		if v := string(r.Value); !slices.Contains(first, v) {
			first = append(first, v)
		}
	}
	if !slices.Equal(first, want) {
		return fmt.Errorf("topic %s holds %q, want %q", topic, first, want)
	}
	return nil
}

// countEffects returns how many effects a life without crash has.
func countEffects(t *testing.T) int {
	count := pipelinetest.CrashAt(0, pipelinetest.Before)
	if err := liveAndDie(t, func(*pipeline.Batch[string, string]) {}, count); err != nil {
		t.Fatal(err)
	}
	if count.Effects() < 8 {
		t.Fatalf("only %d effects: the test would not cut between enough of them", count.Effects())
	}
	return count.Effects()
}

// Goal: no record is lost wherever a process dies. Method: number the effects (appends, commits) of a run, then run
// once for each of them with a crash before it, in its middle and after it took place unacknowledged; let the next owner
// crash at each of its effects too; let a third finish; and look for every output and every dead letter.
func TestNothingLostAtAnyCrashPoint(t *testing.T) {
	effects := countEffects(t)
	for n := 1; n <= effects; n++ {
		for _, point := range pipelinetest.CrashPoints {
			for m := 1; m <= effects; m++ {
				err := liveAndDie(t, func(*pipeline.Batch[string, string]) {},
					pipelinetest.CrashAt(n, point), pipelinetest.CrashAt(m, pipelinetest.After))
				if err != nil {
					t.Errorf("crash at effect %d (point %d), then after effect %d: %v", n, point, m, err)
				}
			}
		}
	}
}

// Goal: the check above can fail. Method: run it on the two loops that commit too early, and expect it to find a loss.
func TestCrashTestCatchesEarlyCommits(t *testing.T) {
	const outputs, letters, commit = 0, 1, 2
	for name, order := range map[string][3]int{
		"CommitBeforeWrite":       {commit, outputs, letters},
		"CommitBeforeDeadLetters": {outputs, commit, letters},
	} {
		t.Run(name, func(t *testing.T) {
			effects, caught := countEffects(t), 0
			for n := 1; n <= effects; n++ {
				for _, point := range pipelinetest.CrashPoints {
					mutate := func(b *pipeline.Batch[string, string]) { b.ReorderEffects(order) }
					if liveAndDie(t, mutate, pipelinetest.CrashAt(n, point)) != nil {
						caught++
					}
				}
			}
			if caught == 0 {
				t.Error("the mutant lost nothing at any crash point: the crash test proves nothing")
			}
			t.Logf("caught at %d of %d crash points", caught, 3*effects)
		})
	}
}
