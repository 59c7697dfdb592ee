package pipeline

import (
	"context"
	"time"
)

// Input is what a Keyed loop tells its reducer: Arrived, Performed[E], Woken, CaughtUp or Draining.
type Input interface{ input() }

// Arrived is the next record of a lane or a replay.
type Arrived struct{ Record }

// Performed is the result of an effect that the reducer asked for.
type Performed[E any] struct {
	Effect E
	Result any
}

// Woken says that the reducer's WakeAt has come.
type Woken struct{}

// CaughtUp says, once, that all replays have reached the end noted at the start; the lanes begin after it.
type CaughtUp struct{}

// Draining says, once, that the loop was asked to stop: no lane record arrives any more. A reducer should begin nothing
// new and conclude what it began.
type Draining struct{}

func (Arrived) input()      {}
func (Performed[E]) input() {}
func (Woken) input()        {}
func (CaughtUp) input()     {}
func (Draining) input()     {}

// Next is the reducer's answer to an Input.
type Next[E any] struct {
	Effects  []E        // performed side by side: order, where it matters, is the reducer's to keep
	Finished []Position // lane records that nothing remains to be done for; a repeat is ignored
	WakeAt   time.Time  // replaces the wish of the Next before; zero: none
}

// Lane is one source of a Keyed loop, read from its Position.
type Lane struct {
	Source Source
	// Due says when a record may arrive; nil: at once. The lane waits for its head, no record overtakes it. Replays have
	// none.
	Due func(Record) time.Time
	// ReadAhead bounds the records that have arrived and are not finished; at it the lane pauses, holding at most one
	// fetch more. Zero takes 1,000. Replays have none: their records are finished once stepped.
	ReadAhead int
}

// Keyed runs a reducer over one partition of several topics, with many effects in flight: Step is called from one
// goroutine only, each effect is performed on its own, and its result comes back as an Input. A source is committed only
// up to its lowest unfinished record, so a crash repeats records and loses none.
//
// Replays are read first, each to the end noted at the start; then the lanes are read and the replays followed.
type Keyed[E any] struct {
	Name    string // stage name, label of metrics
	Replays []Lane
	Lanes   []Lane
	Step    func(now time.Time, in Input) Next[E]
	// Perform does one effect; it must heed ctx. Its error is the world's: repeated within Retry's bound, then it stops
	// the loop, as a panic does at once. A failed business outcome is a result, not an error.
	Perform func(ctx context.Context, e E) (any, error)
	Drain   time.Duration // how long started effects may go on after ctx ends
	Retry   Backoff
	Metrics *Metrics
	Now     func() time.Time // nil: time.Now
}

// Run works until ctx ends (nil, after started effects concluded or Drain passed, and a last commit) or the world stays
// broken or Step panics (the error).
func (k *Keyed[E]) Run(ctx context.Context) error {
	r, err := newKeyedRun(ctx, k)
	if err != nil {
		return err
	}
	err = r.loop(ctx)
	if stopped := r.stop(); err == nil {
		err = stopped
	}
	if last := r.commitLast(context.WithoutCancel(ctx)); err == nil {
		err = last
	}
	return ended(ctx, k.Name, err)
}

func (k *Keyed[E]) now() time.Time {
	if k.Now == nil {
		return time.Now()
	}
	return k.Now()
}
