package pipeline_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
)

// performEach performs an effect for each lane record.
func performEach(in pipeline.Input) (next pipeline.Next[string]) {
	if a, ok := in.(pipeline.Arrived); ok && a.Topic == "in" {
		next.Effects = []string{string(a.Value)}
	}
	return next
}

// Goal: a slow effect delays no other. Method: one effect that hangs among ten.
func TestSlowEffectDelaysNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, d, l := keyed(t)
		d.answer = performEach
		k.Perform = func(ctx context.Context, e string) (any, error) {
			if e == "0" {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return nil, nil
		}
		publish(t, l, "in", 0, numbers(10)...)
		loop := start(k.Run)
		synctest.Wait()
		performed := 0
		for _, line := range d.lines() {
			if strings.HasPrefix(line, "performed") {
				performed++
			}
		}
		equal(t, "performed beside the hanging one", performed, 9)
		began := time.Now()
		if err := loop.stop(); err != nil {
			t.Fatalf("Run returned %v", err)
		}
		equal(t, "time to drain", time.Since(began), k.Drain)
	})
}

// Goal: an effect is repeated while the world is at fault; past the bound, or on a panic, the loop stops with an error
// that quotes no value.
func TestPerformIsRetriedThenStops(t *testing.T) {
	for name, c := range map[string]struct {
		perform func(call int) error
		stops   bool
	}{
		"Heals":       {func(call int) error { return map[bool]error{true: errWorld}[call < 4] }, false},
		"StaysBroken": {func(int) error { return errWorld }, true},
		"TimesOut":    {func(int) error { return context.DeadlineExceeded }, true},
		"Panics":      {func(int) error { panic("canary") }, true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k, d, l := keyed(t)
				d.answer = performEach
				calls := 0
				k.Perform = func(context.Context, string) (any, error) {
					calls++
					return nil, c.perform(calls)
				}
				publish(t, l, "in", 0, "x")
				loop := start(k.Run)
				time.Sleep(3 * time.Minute)
				synctest.Wait()
				select {
				case err := <-loop.done:
					loop.cancel()
					if !c.stops || err == nil || strings.Contains(err.Error(), "canary") {
						t.Errorf("Run ended with %v", err)
					}
				default:
					if err := loop.stop(); c.stops || err != nil {
						t.Errorf("Run went on, then returned %v", err)
					}
					equal(t, "last inputs", d.lines()[2:], []string{"performed x", "draining"})
				}
				equal(t, "commit", l.Committed("g", "in", 0), int64(0))
			})
		})
	}
}

// Goal: a panicking reducer stops the loop, telling where and not what.
func TestStepPanicStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, d, l := keyed(t)
		d.answer = func(in pipeline.Input) pipeline.Next[string] {
			if describe(in) == "in b" {
				panic("canary")
			}
			return finishAll(in)
		}
		publish(t, l, "in", 0, "a", "b")
		err := live(k.Run)
		if err == nil || strings.Contains(err.Error(), "canary") || !strings.Contains(err.Error(), "in/0/1") {
			t.Errorf("Run returned %v", err)
		}
		equal(t, "commit", l.Committed("g", "in", 0), int64(1))
	})
}

// Goal: after the request to stop no lane record arrives, while what was begun concludes even when its result comes back
// through the replay and asks for a further effect; then all of it is committed. Method: deliver's shape: an effect
// appends to the replay, and its arrival there asks for the effect that counts.
func TestDrainConcludesWhatWasBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, d, l := keyed(t)
		d.answer = func(in pipeline.Input) (next pipeline.Next[string]) {
			switch describe(in) {
			case "in x":
				next.Effects = []string{"claim"}
			case "back claimed":
				next.Effects = []string{"dial"}
			case "performed dial":
				next.Finished = []pipeline.Position{{Topic: "in", Offset: 0}}
			}
			return next
		}
		k.Perform = func(ctx context.Context, e string) (any, error) {
			time.Sleep(time.Second)
			if e == "claim" {
				return l.Append(ctx, []pipeline.Output{{Topic: "back", Value: []byte("claimed")}})
			}
			return nil, nil
		}
		publish(t, l, "in", 0, "x")
		loop := start(k.Run)
		synctest.Wait()
		loop.cancel()
		synctest.Wait()
		publish(t, l, "in", 0, "y")
		began := time.Now()
		if err := <-loop.done; err != nil {
			t.Fatal(err)
		}
		told := d.lines()
		slices.Sort(told[3:5]) // the result and its echo in the log may come in either order
		equal(t, "inputs", told, []string{"caught up", "in x", "draining", "back claimed", "performed claim", "performed dial"})
		equal(t, "commit", l.Committed("g", "in", 0), int64(1))
		equal(t, "time to drain", time.Since(began), 2*time.Second)
	})
}

// Goal: a record fetched while the loop was asked to stop does not arrive. Method: a source that heeds no context and
// returns after the request; many rounds, since the feed may or may not notice by itself.
func TestNothingArrivesWhileDraining(t *testing.T) {
	for range 50 {
		synctest.Test(t, func(t *testing.T) {
			k, d, l := keyed(t)
			publish(t, l, "in", 0, "x")
			gate := make(chan struct{})
			k.Lanes[0].Source = deafSource{k.Lanes[0].Source, gate}
			d.answer = func(in pipeline.Input) (next pipeline.Next[string]) {
				if describe(in) == "caught up" {
					next.Effects = []string{"slow"} // keeps the loop draining
				}
				return next
			}
			k.Perform = func(context.Context, string) (any, error) {
				time.Sleep(time.Second)
				return nil, nil
			}
			loop := start(k.Run)
			synctest.Wait()
			loop.cancel()
			synctest.Wait()
			close(gate)
			if err := <-loop.done; err != nil {
				t.Fatal(err)
			}
			equal(t, "inputs", d.lines(), []string{"caught up", "draining", "performed slow"})
		})
	}
}

type deafSource struct {
	pipeline.Source
	gate chan struct{}
}

func (s deafSource) Fetch(context.Context) ([]pipeline.Record, error) {
	<-s.gate
	return s.Source.Fetch(context.Background())
}

// Goal: a commit under way when the loop ends is made again before Run returns. Method: a source whose first commit
// takes no effect and lasts until it is cancelled.
func TestLastCommitRepeatsOneCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, d, l := keyed(t)
		d.answer = finishAll
		k.Drain = 0
		publish(t, l, "in", 0, "x", "y")
		k.Lanes[0].Source = &slowCommit{Source: k.Lanes[0].Source}
		if err := live(k.Run); err != nil {
			t.Fatal(err)
		}
		equal(t, "commit", l.Committed("g", "in", 0), int64(2))
	})
}

type slowCommit struct {
	pipeline.Source
	calls int
}

func (s *slowCommit) Commit(ctx context.Context, next int64) error {
	if s.calls++; s.calls == 1 {
		<-ctx.Done()
		return ctx.Err()
	}
	return s.Source.Commit(ctx, next)
}

// Goal: the loop refuses a partition given twice, since its commits would contradict each other.
func TestPartitionGivenTwiceIsRefused(t *testing.T) {
	k, _, l := keyed(t)
	k.Lanes = append(k.Lanes, pipeline.Lane{Source: l.Source("in", 0, "g")})
	if err := k.Run(t.Context()); err == nil {
		t.Error("Run returned nil")
	}
}

// Goal: a broken lane or replay stops the loop once the bound is passed.
func TestBrokenSourceStops(t *testing.T) {
	for name, broken := range map[string]func(k *pipeline.Keyed[string], s pipeline.Source){
		"Lane":   func(k *pipeline.Keyed[string], s pipeline.Source) { k.Lanes[0].Source = s },
		"Replay": func(k *pipeline.Keyed[string], s pipeline.Source) { k.Replays[0].Source = s },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k, _, l := keyed(t)
				l.Create("broken", 1)
				publish(t, l, "broken", 0, "x")
				broken(k, brokenSource{l.Source("broken", 0, "g")})
				loop := start(k.Run)
				if err := <-loop.done; !errors.Is(err, errWorld) {
					t.Errorf("Run returned %v", err)
				}
				loop.cancel()
			})
		})
	}
}

type brokenSource struct{ pipeline.Source }

func (brokenSource) Fetch(context.Context) ([]pipeline.Record, error) { return nil, errWorld }

// Goal: many effects under way stop the lanes, so that memory stays bounded, and never a replay, on which their ends may
// hang. Method: effects that hang, more of them than may be under way at once.
func TestEffectsUnderWayBoundTheLanes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 5000
		k, d, l := keyed(t)
		k.Lanes[0].ReadAhead = n
		d.answer = performEach
		free := make(chan struct{})
		k.Perform = func(context.Context, string) (any, error) { <-free; return nil, nil }
		publish(t, l, "in", 0, numbers(n)...)
		loop := start(k.Run)
		synctest.Wait()
		arrived := len(d.lines()) - 1
		if most := pipeline.AtOnce + pipeline.ArrivalSize; arrived < pipeline.AtOnce || arrived >= most {
			t.Errorf("%d records arrived, want at least %d and less than %d", arrived, pipeline.AtOnce, most)
		}
		publish(t, l, "back", 0, "followed")
		synctest.Wait()
		equal(t, "inputs", d.lines()[arrived+1:], []string{"back followed"})
		close(free)
		synctest.Wait()
		equal(t, "inputs in the end", len(d.lines()), 1+n+1+n)
		if err := loop.stop(); err != nil {
			t.Fatal(err)
		}
	})
}
