package pipeline

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/sourcegraph/conc/panics"
	"github.com/sourcegraph/conc/pool"
)

const (
	commitEvery = 250 * time.Millisecond
	lastCommit  = 5 * time.Second // bound of the last commit
	// atOnce is how many effects may be under way before the lanes wait: each has a goroutine, so without a bound a filled
	// topic whose records need no call takes as much memory as is read ahead. Above the calls that a partition may have
	// under way (deliver's flightOfAll), so that slow ones stop no lane.
	atOnce = 2048
)

// keyedRun is one Run of a Keyed. Its fields belong to the goroutine of loop; the others talk to it by channels.
type keyedRun[E any] struct {
	k        *Keyed[E]
	feeds    map[partition]*feed
	stepping string // name of a step

	cancel    context.CancelFunc
	work      *pool.ContextPool // feeds, effects and commits; its first error or panic ends all
	stopped   chan struct{}     // closed when work has failed or its time to drain is over
	replayed  chan arrival
	arrivals  chan arrival
	performed chan Performed[E]
	reached   chan reached
	saved     chan struct{}
	ends      chan ends

	catching   int // replays that have not reached their end
	performing int
	started    int // effects ever started
	saving     bool
	ticks      int
	wake       *time.Timer
	draining   bool
	asked      int // value of started when the ends of the replays were asked for last
	known      ends
}

func newKeyedRun[E any](ctx context.Context, k *Keyed[E]) (*keyedRun[E], error) {
	r := &keyedRun[E]{
		k:         k,
		feeds:     make(map[partition]*feed),
		stepping:  k.Name + " step",
		stopped:   make(chan struct{}),
		replayed:  make(chan arrival),
		arrivals:  make(chan arrival),
		performed: make(chan Performed[E]),
		reached:   make(chan reached),
		saved:     make(chan struct{}),
		ends:      make(chan ends),
		catching:  len(k.Replays),
		wake:      time.NewTimer(time.Hour),
	}
	r.wake.Stop()
	for _, l := range k.Replays {
		r.feeds[partitionOf(l.Source)] = newFeed(l, true)
	}
	for _, l := range k.Lanes {
		r.feeds[partitionOf(l.Source)] = newFeed(l, false)
	}
	if len(r.feeds) != len(k.Replays)+len(k.Lanes) {
		return nil, fmt.Errorf("%s: a partition stands twice among lanes and replays", k.Name)
	}
	outlasting, cancel := outlive(ctx, k.Drain)
	r.cancel = cancel
	r.work = pool.New().WithContext(outlasting).WithCancelOnError().WithFirstError()
	r.work.Go(func(ctx context.Context) error {
		<-ctx.Done()
		close(r.stopped)
		return nil
	})
	return r, nil
}

// loop is the reducer's one goroutine.
func (r *keyedRun[E]) loop(ctx context.Context) (err error) {
	r.startReplays()
	if r.catching == 0 {
		if err = r.catchUp(ctx); err != nil {
			return err
		}
	}
	tick := time.NewTicker(commitEvery)
	defer tick.Stop()
	asked := ctx.Done()
	for !(r.draining && r.concluded()) {
		arrivals := r.arrivals
		if r.performing >= atOnce {
			arrivals = nil
		}
		select {
		case <-r.stopped:
			return nil // stop tells why
		case <-asked:
			asked, r.draining = nil, true
			err = r.step(Draining{})
		case a := <-r.replayed:
			err = r.arrive(a)
		case a := <-arrivals:
			err = r.arrive(a)
		case p := <-r.performed:
			r.performing--
			err = r.step(p)
		case <-r.wake.C:
			err = r.step(Woken{})
		case c := <-r.reached:
			c.feed.tracker.passed(c.position)
			if r.catching--; r.catching == 0 && !r.draining {
				err = r.catchUp(ctx)
			}
		case r.known = <-r.ends:
		case <-r.saved:
			r.saving = false
		case <-tick.C:
			r.save()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// stop ends all goroutines and returns why they ended, if it was not by request.
func (r *keyedRun[E]) stop() (err error) {
	r.cancel()
	if p := panics.Try(func() { err = r.work.Wait() }); p != nil {
		return errors.New("panic in an effect or source") // its value may quote a record
	}
	return err
}

// spawn runs f beside the loop. What it returns after the end of its ctx is only the echo of that.
func (r *keyedRun[E]) spawn(f func(ctx context.Context) error) {
	r.work.Go(func(ctx context.Context) error {
		if err := f(ctx); ctx.Err() == nil {
			return err
		}
		return nil
	})
}

func (r *keyedRun[E]) catchUp(ctx context.Context) error {
	if err := r.step(CaughtUp{}); err != nil {
		return err
	}
	for _, l := range r.k.Lanes {
		f := r.feeds[partitionOf(l.Source)]
		r.spawn(func(work context.Context) error { return f.feedLane(ctx, work, r.k.Retry, r.k.now, r.arrivals) })
	}
	return nil
}

func (r *keyedRun[E]) startReplays() {
	for _, l := range r.k.Replays {
		f := r.feeds[partitionOf(l.Source)]
		r.spawn(func(ctx context.Context) error { return f.feedReplay(ctx, r.k.Retry, r.replayed, r.reached) })
	}
}

func (r *keyedRun[E]) arrive(a arrival) error {
	if r.draining && !a.feed.replay {
		return nil // it was on its way when the loop was asked to stop; it is fetched again by the next owner
	}
	for _, record := range a.records {
		a.feed.tracker.arrived(record, r.k.now())
		if err := r.step(Arrived{record}); err != nil {
			return err
		}
		if a.feed.replay {
			a.feed.tracker.finish(record.Offset)
		}
	}
	return nil
}

// step calls the reducer and does what its answer asks for.
func (r *keyedRun[E]) step(in Input) error {
	end := r.k.Metrics.begin(r.stepping)
	now := r.k.now()
	var next Next[E]
	p := panics.Try(func() { next = r.k.Step(now, in) })
	end()
	if p != nil {
		return stepPanic(in)
	}
	for _, e := range next.Effects {
		r.perform(e)
	}
	for _, position := range next.Finished {
		r.finish(position)
	}
	r.wake.Stop()
	if !next.WakeAt.IsZero() {
		r.wake.Reset(max(0, next.WakeAt.Sub(now)))
	}
	return nil
}

// stepPanic says at which input the reducer panicked; the panic's value may quote the record.
func stepPanic(in Input) error {
	if a, ok := in.(Arrived); ok {
		return fmt.Errorf("panic in step at %s", a.Position)
	}
	return fmt.Errorf("panic in step at %T", in)
}

func (r *keyedRun[E]) perform(e E) {
	r.performing++
	r.started++
	name := r.k.Name + " perform " + reflect.TypeOf(e).String()
	r.spawn(func(ctx context.Context) error {
		defer r.k.Metrics.begin(name)()
		var result any
		err := Retry(ctx, r.k.Retry, name, func(ctx context.Context) (err error) {
			result, err = r.k.Perform(ctx, e)
			return err
		})
		if err != nil {
			return err
		}
		select {
		case r.performed <- Performed[E]{Effect: e, Result: result}:
		case <-ctx.Done():
		}
		return nil
	})
}

func (r *keyedRun[E]) finish(p Position) {
	f := r.feeds[partition{p.Topic, p.Partition}]
	if f == nil || f.replay {
		return
	}
	if at, ok := f.tracker.finish(p.Offset); ok {
		<-f.slots
		r.k.Metrics.finished(r.k.Name, r.k.now().Sub(at))
	}
}

// concluded says that everything begun has come to its end: no effect is performing, and the replays have been read to
// the end they had after the last effect, since a result may come back through the log.
func (r *keyedRun[E]) concluded() bool {
	if r.performing > 0 {
		return false
	}
	if r.started == 0 {
		return true
	}
	if r.asked != r.started {
		r.asked = r.started
		r.askEnds(r.asked)
	}
	if r.known.asked != r.asked {
		return false
	}
	for f, end := range r.known.ends {
		if f.tracker.next < end {
			return false
		}
	}
	return true
}

// ends are the ends of the replays, asked for when so many effects had been started.
type ends struct {
	asked int
	ends  map[*feed]int64
}

// askEnds asks every replay for its end. A fault leaves the ends unknown; then the time to drain decides.
func (r *keyedRun[E]) askEnds(asked int) {
	replays := r.k.Replays
	r.spawn(func(ctx context.Context) error {
		answer := ends{asked, make(map[*feed]int64, len(replays))}
		for _, l := range replays {
			_, next, err := l.Source.Bounds(ctx)
			if err != nil {
				return nil //nolint:nilerr // see above
			}
			answer.ends[r.feeds[partitionOf(l.Source)]] = next
		}
		select {
		case r.ends <- answer:
		case <-ctx.Done():
		}
		return nil
	})
}
