package pipeline

import (
	"context"
	"errors"
	"time"
)

// mark is what a commit needs to know of one feed, taken in the loop's goroutine.
type mark struct {
	source    Source
	committed int64
	moved     bool
	oldest    time.Time
}

// marks returns the feeds whose lowest unfinished offset moved since the last call, or all of them.
func (r *keyedRun[E]) marks(all bool) []mark {
	var marks []mark
	for _, f := range r.feeds {
		low, oldest := f.tracker.lowest()
		moved := low > f.committed
		if moved {
			f.committed = low
		}
		if moved || all {
			marks = append(marks, mark{f.lane.Source, f.committed, moved, oldest})
		}
	}
	return marks
}

// save commits on a tick, beside the loop, one at a time; every now and then it asks for the lag as well.
func (r *keyedRun[E]) save() {
	r.ticks++
	if r.saving {
		return
	}
	withLag := r.k.Metrics != nil && r.ticks%int(lagEvery/commitEvery) == 0
	marks := r.marks(withLag)
	if len(marks) == 0 {
		return
	}
	r.saving = true
	r.spawn(func(ctx context.Context) error {
		err := r.commit(ctx, marks)
		if withLag && err == nil {
			for _, m := range marks {
				r.k.Metrics.lag(ctx, m.source, m.committed, m.oldest)
			}
		}
		if err != nil {
			return err
		}
		select {
		case r.saved <- struct{}{}:
		case <-ctx.Done():
		}
		return nil
	})
}

func (r *keyedRun[E]) commit(ctx context.Context, marks []mark) error {
	defer r.k.Metrics.begin(r.k.Name + " commit")()
	var errs []error
	for _, m := range marks {
		if m.moved {
			errs = append(errs, Retry(ctx, r.k.Retry, "commit "+m.source.Topic(), func(ctx context.Context) error {
				return m.source.Commit(ctx, m.committed)
			}))
		}
	}
	return errors.Join(errs...)
}

// commitLast commits once everything else has ended. A commit that was cut off by the end is repeated here.
func (r *keyedRun[E]) commitLast(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lastCommit)
	defer cancel()
	marks := r.marks(true)
	for i := range marks {
		marks[i].moved = marks[i].committed > marks[i].source.Committed()
		r.k.Metrics.forget(marks[i].source)
	}
	return r.commit(ctx, marks)
}
