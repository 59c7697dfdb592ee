package pipeline_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/pipelinetest"
)

// Goal: a fault of the world holds the record and repeats only it; past the bound the loop stops and commits nothing of
// the batch. Method: a step that fails some times, or always, on one record.
func TestWorldErrorIsRetriedThenStops(t *testing.T) {
	for name, failures := range map[string]int{"Heals": 5, "StaysBroken": 1 << 30} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := input(t, "a", "b", "c")
				calls := make(map[string]int)
				b, out, dead := textBatch()
				b.Limits.Records = 1
				b.Step = func(in string) ([]string, error) {
					if calls[in]++; in == "b" && calls[in] <= failures {
						return nil, errWorld
					}
					return []string{in}, nil
				}
				began := time.Now()
				loop := start(runOn(l, b))
				if failures < 1<<30 {
					time.Sleep(time.Minute)
					if err := loop.stop(); err != nil {
						t.Fatal(err)
					}
					equal(t, "outputs", out.All(), []string{"a", "b", "c"})
					equal(t, "calls", calls, map[string]int{"a": 1, "b": 6, "c": 1})
					return
				}
				err := <-loop.done
				if err == nil || !strings.Contains(err.Error(), errWorld.Error()) {
					t.Errorf("Run returned %v", err)
				}
				if took := time.Since(began); took < time.Minute || took > 2*time.Minute {
					t.Errorf("gave up after %s, want just under 2 minutes", took)
				}
				equal(t, "outputs", out.All(), []string{"a"})
				equal(t, "dead letters", len(dead.All()), 0)
				equal(t, "commit", l.Committed("g", "in", 0), int64(1))
			})
		})
	}
}

// Goal: what a target says is final: the loop stops and the batch is not committed.
func TestTargetErrorStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := input(t, "a")
		b, _, _ := textBatch()
		b.Target = pipeline.TargetFunc[string](func(context.Context, pipeline.Span, []string) error { return errWorld })
		if err := live(runOn(l, b)); err == nil {
			t.Error("Run returned nil")
		}
		equal(t, "commit", l.Committed("g", "in", 0), int64(0))
	})
}

// Goal: a panic in a target stops the loop with an error that does not quote its value.
func TestTargetPanicStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := input(t, "a")
		b, _, _ := textBatch()
		b.Target = pipeline.TargetFunc[string](func(context.Context, pipeline.Span, []string) error { panic("canary") })
		if err := live(runOn(l, b)); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("Run returned %v", err)
		}
	})
}

// Goal: a stage without dead letters never drops a record.
func TestRejectionWithoutDeadLettersStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := input(t, "a", "reject 1")
		b, _, _ := textBatch()
		b.DeadLetters = nil
		if err := live(runOn(l, b)); err == nil {
			t.Error("Run returned nil")
		}
		equal(t, "commit", l.Committed("g", "in", 0), int64(0))
	})
}

// Goal: a fetch that fails is called again. Method: a source that fails on every other call.
func TestFetchErrorIsRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := input(t, numbers(20)...)
		l.FetchRecords = 3
		b, out, _ := textBatch()
		src := &flaky{Source: l.Source("in", 0, "g")}
		if err := live(func(ctx context.Context) error { return b.Run(ctx, src) }); err != nil {
			t.Fatal(err)
		}
		equal(t, "outputs", out.All(), numbers(20))
	})
}

type flaky struct {
	pipeline.Source
	calls int
}

func (f *flaky) Fetch(ctx context.Context) ([]pipeline.Record, error) {
	if f.calls++; f.calls%2 == 1 {
		return nil, errWorld
	}
	return f.Source.Fetch(ctx)
}

// Goal: a rebalance in the middle of a write loses nothing: a write that ends within the drain is committed, one that
// does not is repeated by the next owner. Method: virtual time; ctx ends while the second batch is being written, which
// then takes 2 s or for ever.
func TestRebalanceMidBatch(t *testing.T) {
	for name, c := range map[string]struct {
		takes     time.Duration
		committed int64
		outputs   []string
	}{
		"WriteEndsInTime": {2 * time.Second, 2, []string{"0", "1", "2", "3"}},
		"WriteHangs":      {time.Hour, 1, []string{"0", "1", "2", "3"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := input(t, numbers(4)...)
				b, out, _ := textBatch()
				b.Limits.Records = 1
				b.Target = pipeline.TargetFunc[string](func(ctx context.Context, s pipeline.Span, o []string) error {
					if s.First == 1 {
						select {
						case <-time.After(c.takes):
						case <-ctx.Done():
							return ctx.Err()
						}
					}
					return out.Write(ctx, s, o)
				})
				loop := start(runOn(l, b))
				synctest.Wait()
				began := time.Now()
				if err := loop.stop(); err != nil {
					t.Fatalf("Run returned %v after its context ended", err)
				}
				if took := time.Since(began); took > 6*time.Second {
					t.Errorf("draining took %s", took)
				}
				equal(t, "commit of the former owner", l.Committed("g", "in", 0), c.committed)

				next, _, _ := textBatch()
				next.Target = out
				if err := live(runOn(l, next)); err != nil {
					t.Fatal(err)
				}
				equal(t, "outputs", out.All(), c.outputs)
			})
		})
	}
}

// Goal: a former owner that was paused moves no commit. Method: a later owner takes the partition while the first one's
// write hangs.
func TestFormerOwnerCommitsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := input(t, "a")
		b, out, _ := textBatch()
		b.Target = pipeline.TargetFunc[string](func(context.Context, pipeline.Span, []string) error {
			time.Sleep(time.Second)
			return nil
		})
		loop := start(runOn(l, b))
		synctest.Wait()
		src := l.Source("in", 0, "g")
		if err := <-loop.done; err == nil {
			t.Error("Run of a fenced owner returned nil while its context lived")
		}
		equal(t, "commit", l.Committed("g", "in", 0), int64(0))
		b.Target = out
		if err := live(func(ctx context.Context) error { return b.Run(ctx, src) }); err != nil {
			t.Fatal(err)
		}
		equal(t, "outputs", out.All(), []string{"a"})
	})
}

// Goal: commits go forward, each to the end of a batch that was written.
func TestCommitsGoForward(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := input(t, numbers(50)...)
		l.FetchRecords = 7
		b, out, _ := textBatch()
		b.Limits.Records = 4
		last, calls := int64(0), 0
		src := observed{l.Source("in", 0, "g"), func(next int64) {
			if next <= last || int64(len(out.All())) != next {
				t.Errorf("commit of %d after %d with %d written", next, last, len(out.All()))
			}
			last = next
			calls++
		}}
		if err := live(func(ctx context.Context) error { return b.Run(ctx, src) }); err != nil {
			t.Fatal(err)
		}
		if last != 50 || calls < 13 {
			t.Errorf("%d commits, up to %d", calls, last)
		}
	})
}

// Goal: Topics keeps the order of results, and repeats a failed append whole and an encoding alone.
func TestTopicsRetriesEachEffect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := pipelinetest.NewLog(nil)
		l.Create("out", 1)
		failing := &failingLog{Log: l, failures: 3}
		encodes := 0
		topics := &pipeline.Topics[string]{Log: failing, Encode: func(_ context.Context, s string) ([]pipeline.Output, error) {
			if encodes++; encodes == 2 {
				return nil, errWorld
			}
			return []pipeline.Output{{Topic: "out", Value: []byte(s)}, {Topic: "out", Value: []byte(s + "'")}}, nil
		}}
		if err := topics.Write(t.Context(), pipeline.Span{}, []string{"a", "b", "c"}); err != nil {
			t.Fatal(err)
		}
		equal(t, "encode calls", encodes, 4)
		equal(t, "append calls", failing.calls, 4)
		var got []string
		for _, r := range l.Records("out") {
			got = append(got, string(r.Value))
		}
		equal(t, "records", got, []string{"a", "a'", "b", "b'", "c", "c'"})
	})
}

type failingLog struct {
	pipeline.Log
	failures, calls int
}

func (f *failingLog) Append(ctx context.Context, outputs []pipeline.Output) ([]pipeline.Appended, error) {
	if f.calls++; f.calls <= f.failures {
		return nil, errWorld
	}
	return f.Log.Append(ctx, slices.Clone(outputs))
}
