package pipeline_test

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/pipelinetest"
)

// diary is a reducer that writes down what it is told and answers with what answer says.
type diary struct {
	began  time.Time
	answer func(in pipeline.Input) pipeline.Next[string]
	inside atomic.Bool

	mu      sync.Mutex
	written []string
}

// lines returns what it was told so far.
func (d *diary) lines() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.written)
}

func (d *diary) step(now time.Time, in pipeline.Input) pipeline.Next[string] {
	if !d.inside.CompareAndSwap(false, true) {
		panic("two steps at a time")
	}
	defer d.inside.Store(false)
	d.mu.Lock()
	d.written = append(d.written, describe(in))
	d.mu.Unlock()
	if d.answer == nil {
		return pipeline.Next[string]{}
	}
	return d.answer(in)
}

func describe(in pipeline.Input) string {
	switch in := in.(type) {
	case pipeline.Arrived:
		return in.Topic + " " + string(in.Value)
	case pipeline.Performed[string]:
		return "performed " + in.Effect
	case pipeline.CaughtUp:
		return "caught up"
	case pipeline.Draining:
		return "draining"
	case pipeline.Woken:
		return "woken"
	}
	return "?"
}

// keyed is a Keyed over the topics in (lane) and back (replay) with a diary.
func keyed(t testing.TB) (k *pipeline.Keyed[string], d *diary, l *pipelinetest.Log) {
	l = pipelinetest.NewLog(nil)
	l.Create("in", 1)
	l.Create("back", 1)
	d = &diary{began: time.Now()}
	return &pipeline.Keyed[string]{
		Name:    "diary",
		Step:    d.step,
		Replays: []pipeline.Lane{{Source: l.Tail("back", 0, -2)}},
		Lanes:   []pipeline.Lane{{Source: l.Source("in", 0, "g")}},
		Perform: func(context.Context, string) (any, error) { return nil, nil },
		Drain:   10 * time.Second,
	}, d, l
}

func marker(t testing.TB, l *pipelinetest.Log, topic string) {
	t.Helper()
	_, err := l.Append(t.Context(), []pipeline.Output{{Topic: topic, Headers: []pipeline.Header{{Key: pipeline.MarkerHeader, Value: []byte("0")}}}})
	if err != nil {
		t.Fatal(err)
	}
}

// Goal: the reducer knows the whole replay before the first lane record, and follows the replay after that. Method: a
// replay of two fetches and a marker, which no fetch returns.
func TestReplaysComeFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, d, l := keyed(t)
		l.FetchRecords = 2
		publish(t, l, "in", 0, "x")
		publish(t, l, "back", 0, numbers(4)...)
		marker(t, l, "back")
		loop := start(k.Run)
		time.Sleep(time.Second)
		publish(t, l, "back", 0, "later")
		time.Sleep(time.Second)
		if err := loop.stop(); err != nil {
			t.Fatal(err)
		}
		equal(t, "inputs", d.lines(), []string{"back 0", "back 1", "back 2", "back 3", "caught up", "in x", "back later", "draining"})
	})
}

// Goal: a slow broker delays the catching up and does not prevent it. Method: virtual time; each fetch takes 3 s, longer
// than the first look for markers.
func TestSlowReplayCatchesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, d, l := keyed(t)
		l.FetchRecords = 2
		publish(t, l, "back", 0, numbers(4)...)
		k.Replays[0].Source = slowFetch{k.Replays[0].Source}
		if err := live(k.Run); err != nil {
			t.Fatal(err)
		}
		equal(t, "inputs", d.lines(), []string{"back 0", "back 1", "back 2", "back 3", "caught up", "draining"})
	})
}

type slowFetch struct{ pipeline.Source }

func (s slowFetch) Fetch(ctx context.Context) ([]pipeline.Record, error) {
	select {
	case <-time.After(3 * time.Second):
		return s.Source.Fetch(ctx)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Goal: without replays, and with an empty one, the lanes start at once.
func TestNothingToReplay(t *testing.T) {
	for name, replays := range map[string]bool{"NoReplay": false, "EmptyReplay": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k, d, l := keyed(t)
				if !replays {
					k.Replays = nil
				}
				publish(t, l, "in", 0, "x")
				if err := live(k.Run); err != nil {
					t.Fatal(err)
				}
				equal(t, "inputs", d.lines(), []string{"caught up", "in x", "draining"})
			})
		})
	}
}

// finishAll finishes each lane record on arrival.
func finishAll(in pipeline.Input) (next pipeline.Next[string]) {
	if a, ok := in.(pipeline.Arrived); ok {
		next.Finished = []pipeline.Position{a.Position}
	}
	return next
}

// Goal: only what lies below the lowest unfinished record is committed, on the tick and at the end; replays are finished
// once stepped. Method: finish all but record 3 of 10, then record 3.
func TestCommitsUpToLowestUnfinished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, d, l := keyed(t)
		k.Replays[0].Source = l.Source("back", 0, "g")
		publish(t, l, "in", 0, numbers(10)...)
		publish(t, l, "back", 0, numbers(4)...)
		betweenTicks := d.began.Add(time.Minute + 100*time.Millisecond)
		third := pipeline.Position{Topic: "in", Offset: 3}
		d.answer = func(in pipeline.Input) pipeline.Next[string] {
			next := finishAll(in)
			switch in := in.(type) {
			case pipeline.Arrived:
				if in.Position == third {
					return pipeline.Next[string]{WakeAt: betweenTicks}
				}
				if in.Topic == "in" {
					next.WakeAt = betweenTicks
				}
			case pipeline.Woken:
				next.Finished = []pipeline.Position{third, third} // a repeat is ignored
			}
			return next
		}
		loop := start(k.Run)
		time.Sleep(59 * time.Second)
		equal(t, "commit of in, record 3 unfinished", l.Committed("g", "in", 0), int64(3))
		equal(t, "commit of back", l.Committed("g", "back", 0), int64(4))
		time.Sleep(time.Until(betweenTicks))
		synctest.Wait()
		equal(t, "commit of in, just before the tick", l.Committed("g", "in", 0), int64(3))
		if err := loop.stop(); err != nil {
			t.Fatal(err)
		}
		equal(t, "last commit of in", l.Committed("g", "in", 0), int64(10))
	})
}

// Goal: a lane pauses at its read-ahead and goes on as records finish, other lanes meanwhile going on.
func TestReadAheadBoundsUnfinished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, d, l := keyed(t)
		l.Create("other", 1)
		k.Lanes[0].ReadAhead = 3
		k.Lanes = append(k.Lanes, pipeline.Lane{Source: l.Source("other", 0, "g")})
		publish(t, l, "in", 0, numbers(10)...)
		loop := start(k.Run)
		synctest.Wait()
		publish(t, l, "other", 0, "free")
		synctest.Wait()
		equal(t, "inputs", d.lines(), []string{"caught up", "in 0", "in 1", "in 2", "other free"})
		d.answer = func(pipeline.Input) pipeline.Next[string] {
			return pipeline.Next[string]{Finished: []pipeline.Position{{Topic: "in", Offset: 1}}}
		}
		publish(t, l, "other", 0, "finish 1")
		synctest.Wait()
		equal(t, "inputs", d.lines()[5:], []string{"other finish 1", "in 3"})
		if err := loop.stop(); err != nil {
			t.Fatal(err)
		}
		equal(t, "commit", l.Committed("g", "in", 0), int64(0))
	})
}

// Goal: a lane waits until its head is due, and a record behind it does not overtake. Method: virtual time; the second
// record is due in an hour, the third long ago.
func TestLaneWaitsForItsHead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, d, l := keyed(t)
		k.Lanes[0].Due = func(r pipeline.Record) time.Time {
			if string(r.Value) == "late" {
				return d.began.Add(time.Hour)
			}
			return time.Time{}
		}
		publish(t, l, "in", 0, "a", "late", "b")
		loop := start(k.Run)
		time.Sleep(time.Hour - 1)
		synctest.Wait()
		equal(t, "inputs before", d.lines(), []string{"caught up", "in a"})
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		equal(t, "inputs after", d.lines()[2:], []string{"in late", "in b"})
		if err := loop.stop(); err != nil {
			t.Fatal(err)
		}
	})
}

// Goal: the wish of the last Next counts: it replaces an earlier one, and a Next without wish cancels it.
func TestWakeAtIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, d, l := keyed(t)
		var woken []time.Duration
		d.answer = func(in pipeline.Input) (next pipeline.Next[string]) {
			switch describe(in) {
			case "in soon":
				next.WakeAt = d.began.Add(2 * time.Second)
			case "in late":
				next.WakeAt = d.began.Add(20 * time.Second)
			case "in past":
				next.WakeAt = d.began.Add(-time.Second)
			case "woken":
				woken = append(woken, time.Since(d.began))
			}
			return next
		}
		loop := start(k.Run)
		synctest.Wait()
		publish(t, l, "in", 0, "soon", "late") // late replaces soon
		time.Sleep(30 * time.Second)
		publish(t, l, "in", 0, "late", "never") // past as it is, late is cancelled before it rings
		time.Sleep(10 * time.Second)
		publish(t, l, "in", 0, "past")
		time.Sleep(time.Second)
		synctest.Wait()
		equal(t, "woken at", woken, []time.Duration{20 * time.Second, 40 * time.Second})
		if err := loop.stop(); err != nil {
			t.Fatal(err)
		}
	})
}
