package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/sourcegraph/conc/panics"
	"github.com/sourcegraph/conc/pool"
)

// ReasonPanic is the rejection of a record on which a decoder or a step panicked: the same record would again.
const ReasonPanic = "panic"

// drainBound is how long a write under way may go on after its partition was taken away or the process asked to stop.
// It is well under the group's rebalance time-out.
const drainBound = 5 * time.Second

// lagEvery is how often a loop asks the log for its end, for the lag gauges.
const lagEvery = 5 * time.Second

// Limits bound a batch: it is closed at Records or Bytes (keys and values), or Linger after its first record came in.
// Zero Records and Bytes take 8,000 and 8 MiB; zero Linger takes what is there. One record alone may exceed Bytes.
type Limits struct {
	Records int
	Bytes   int
	Linger  time.Duration
}

func (l Limits) orDefaults() Limits {
	if l.Records == 0 {
		l.Records = 8000
	}
	if l.Bytes == 0 {
		l.Bytes = 8 << 20
	}
	return l
}

// DeadLetter is a record that can never pass.
type DeadLetter[In any] struct {
	Record Record
	In     *In // nil when undecodable
	Reason string
}

// Batch runs a stage over one partition, batch by batch: fetch, decode, step, write outputs, write dead letters, commit.
// The parts before and after overlap between batches; the order within a batch and of batches does not change.
type Batch[In, Out any] struct {
	Name        string                   // stage name, label of metrics
	Decode      func(Record) (In, error) // Rejection or world error
	Step        Stage[In, Out]
	Target      Target[Out]            // not called without results
	DeadLetters Target[DeadLetter[In]] // not called without rejections; nil: a rejection stops the loop
	Due         func(In) time.Time     // nil: at once; else the loop waits for the head of the lane
	Limits      Limits
	Retry       Backoff
	Metrics     *Metrics

	reorder func(effects []effect[In, Out]) // only the crash test sets it, to show that it notices
}

// item is a record on its way from fetch to step.
type item[In any] struct {
	record Record
	in     *In
	due    time.Time
	reason string // of the rejection, when decoding ended in one
}

// result is a batch on its way from step to commit.
type result[In, Out any] struct {
	span  Span
	out   []Out
	dead  []DeadLetter[In]
	count int
	began time.Time
}

// effect is one word of the sentence's second half.
type effect[In, Out any] func(ctx context.Context, src Source, r result[In, Out]) error

// Run works until ctx ends (nil, after what is being written is committed if it can be within 5 s) or the world stays
// broken (the error). Nothing is lost either way: what is not committed is fetched again by the next owner.
func (b *Batch[In, Out]) Run(ctx context.Context, src Source) error {
	decoded := make(chan []item[In], 1)
	stepped := make(chan result[In, Out], 1)
	log := newBacklog(src.Committed())

	p := pool.New().WithContext(ctx).WithCancelOnError().WithFirstError()
	p.Go(func(ctx context.Context) error {
		defer close(decoded)
		return b.fetchAndDecode(ctx, src, log, decoded)
	})
	p.Go(func(ctx context.Context) error {
		defer close(stepped)
		return b.gatherAndStep(ctx, decoded, stepped)
	})
	p.Go(func(ctx context.Context) error { return b.settleEach(ctx, src, log, stepped) })
	if b.Metrics != nil {
		p.Go(func(ctx context.Context) error { return b.watchLag(ctx, src, log) })
	}

	var err error
	if r := panics.Try(func() { err = p.Wait() }); r != nil {
		err = errors.New("panic in a target or source") // its value may quote a record
	}
	return ended(ctx, b.Name+" "+src.Topic()+"/"+strconv.Itoa(src.Partition()), err)
}

// ended is what a loop returns: nil once ctx has ended, since what was not committed is the next owner's to repeat.
func ended(ctx context.Context, name string, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() == nil:
		return fmt.Errorf("%s: %w", name, err)
	case !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded):
		slog.Warn("ended with an error, the next owner repeats what is not committed", "loop", name, "class", Class(err))
	}
	return nil
}

// settleEach ends batch after batch. A batch under way when ctx ends gets drainBound to finish; the next is not begun.
func (b *Batch[In, Out]) settleEach(ctx context.Context, src Source, log *backlog, in <-chan result[In, Out]) error {
	drain, cancel := outlive(ctx, drainBound)
	defer cancel()
	for r := range in {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err := b.settle(drain, src, r); err != nil {
			return err
		}
		log.committed(r.span.Next)
		b.count(r)
	}
	return nil
}

// settle is the guarantee: outputs, then dead letters, then the commit, each acknowledged before the next begins.
func (b *Batch[In, Out]) settle(ctx context.Context, src Source, r result[In, Out]) error {
	effects := []effect[In, Out]{b.writeOutputs, b.writeDeadLetters, b.commit}
	if b.reorder != nil {
		b.reorder(effects)
	}
	for _, perform := range effects {
		if err := perform(ctx, src, r); err != nil {
			return err
		}
	}
	return nil
}

func (b *Batch[In, Out]) writeOutputs(ctx context.Context, _ Source, r result[In, Out]) error {
	if len(r.out) == 0 {
		return nil
	}
	defer b.Metrics.begin(b.Name + " write outputs")()
	if err := b.Target.Write(ctx, r.span, r.out); err != nil {
		return fmt.Errorf("write outputs: %w", err)
	}
	return nil
}

func (b *Batch[In, Out]) writeDeadLetters(ctx context.Context, _ Source, r result[In, Out]) error {
	if len(r.dead) == 0 {
		return nil
	}
	if b.DeadLetters == nil {
		return fmt.Errorf("record %s is rejected as %s and this stage has no dead letters", r.dead[0].Record.Position, r.dead[0].Reason)
	}
	defer b.Metrics.begin(b.Name + " write dead letters")()
	if err := b.DeadLetters.Write(ctx, r.span, r.dead); err != nil {
		return fmt.Errorf("write dead letters: %w", err)
	}
	return nil
}

func (b *Batch[In, Out]) commit(ctx context.Context, src Source, r result[In, Out]) error {
	defer b.Metrics.begin(b.Name + " commit")()
	return Retry(ctx, b.Retry, "commit "+src.Topic(), func(ctx context.Context) error {
		return src.Commit(ctx, r.span.Next)
	})
}

func (b *Batch[In, Out]) count(r result[In, Out]) {
	b.Metrics.passed(b.Name, r.count-len(r.dead))
	for i := range r.dead {
		b.Metrics.rejected(b.Name, r.dead[i].Reason)
	}
	b.Metrics.took(b.Name, time.Since(r.began))
}

func (b *Batch[In, Out]) watchLag(ctx context.Context, src Source, log *backlog) error {
	defer b.Metrics.forget(src)
	tick := time.NewTicker(lagEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			committed, oldest := log.oldest()
			b.Metrics.lag(ctx, src, committed, oldest)
		case <-ctx.Done():
			return nil
		}
	}
}
