package pipeline

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/sourcegraph/conc/panics"
)

// This file is the first half of the sentence: fetch, decode, gather, step. Nothing in it has an effect outside.

// fetchAndDecode hands on what each Fetch returns, decoded, in order.
func (b *Batch[In, Out]) fetchAndDecode(ctx context.Context, src Source, log *backlog, to chan<- []item[In]) error {
	after := int64(-1)
	for {
		records, err := fetch(ctx, b.Retry, src)
		if err != nil {
			return err
		}
		if len(records) == 0 {
			continue
		}
		items := make([]item[In], len(records))
		for i, r := range records {
			if r.Offset <= after {
				return fmt.Errorf("source went back from offset %d to %d", after, r.Offset)
			}
			after = r.Offset
			if items[i], err = b.decode(ctx, r); err != nil {
				return err
			}
		}
		log.fetched(after+1, later(items[0].record.AppendedAt, items[0].due))
		select {
		case to <- items:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// fetch repeats Fetch while the world is at fault, within the bound.
func fetch(ctx context.Context, b Backoff, src Source) ([]Record, error) {
	records, err := src.Fetch(ctx)
	if err != nil && ctx.Err() == nil {
		err = Retry(ctx, b, "fetch "+src.Topic(), func(ctx context.Context) error {
			records, err = src.Fetch(ctx)
			return err
		})
	}
	return records, err
}

func (b *Batch[In, Out]) decode(ctx context.Context, r Record) (item[In], error) {
	it := item[In]{record: r}
	reason, err := b.try(ctx, "decode", r.Position, func() error {
		in, err := b.Decode(r)
		if err != nil {
			return err
		}
		it.in = &in
		if b.Due != nil {
			it.due = b.Due(in)
		}
		return nil
	})
	it.reason = reason
	return it, err
}

// try calls f on behalf of one record: a rejection or a panic is returned as reason; a world error is repeated within
// the bound and then returned.
func (b *Batch[In, Out]) try(ctx context.Context, what string, p Position, f func() error) (reason string, err error) {
	call := func(context.Context) (err error) {
		if panics.Try(func() { err = f() }) != nil {
			slog.Error("panic on a record, which is rejected", "stage", b.Name, "in", what, "position", p.String())
			err = Reject(ReasonPanic)
		}
		return err
	}
	if err = call(ctx); err == nil {
		return "", nil
	}
	r, rejected := AsRejection(err)
	if !rejected {
		err = Retry(ctx, b.Retry, what+" record", call)
		r, rejected = AsRejection(err)
	}
	if rejected {
		return r.Reason, nil
	}
	return "", err
}

// gatherAndStep forms batches and steps through each record in order.
func (b *Batch[In, Out]) gatherAndStep(ctx context.Context, from <-chan []item[In], to chan<- result[In, Out]) error {
	g := gatherer[In]{from: from, limits: b.Limits.orDefaults()}
	for {
		batch := g.next(ctx)
		if len(batch) == 0 {
			return ctx.Err()
		}
		r, err := b.stepAll(ctx, batch)
		if err != nil {
			return err
		}
		select {
		case to <- r:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (b *Batch[In, Out]) stepAll(ctx context.Context, batch []item[In]) (result[In, Out], error) {
	defer b.Metrics.begin(b.Name + " step")()
	first, last := batch[0].record.Position, batch[len(batch)-1].record.Position
	r := result[In, Out]{
		span:  Span{Topic: first.Topic, Partition: first.Partition, First: first.Offset, Next: last.Offset + 1},
		out:   make([]Out, 0, len(batch)),
		count: len(batch),
		began: time.Now(),
	}
	for _, it := range batch {
		reason := it.reason
		if reason == "" {
			var out []Out
			var err error
			reason, err = b.try(ctx, "step", it.record.Position, func() error {
				out, err = b.Step(*it.in)
				return err
			})
			if err != nil {
				return r, err
			}
			if reason == "" {
				r.out = append(r.out, out...)
			}
		}
		if reason != "" {
			r.dead = append(r.dead, DeadLetter[In]{Record: it.record, In: it.in, Reason: reason})
		}
	}
	return r, nil
}

// gatherer cuts the stream of fetched records into batches.
type gatherer[In any] struct {
	from    <-chan []item[In]
	limits  Limits
	pending []item[In]
}

// next returns the next batch, not empty: due records up to the limits, waiting for more at most the linger. A head that
// is not due closes the batch before it and is then waited for. It returns nil when ctx or the stream ends.
func (g *gatherer[In]) next(ctx context.Context) []item[In] {
	if !g.fill(ctx, nil) || !sleep(ctx, time.Until(g.pending[0].due)) {
		return nil
	}
	linger := time.NewTimer(g.limits.Linger)
	defer linger.Stop()
	var batch []item[In]
	bytes := 0
	for {
		taken := 0
		for _, it := range g.pending {
			bytes += len(it.record.Key) + len(it.record.Value)
			full := len(batch)+taken == g.limits.Records || bytes > g.limits.Bytes
			if len(batch)+taken > 0 && (full || !it.due.IsZero() && time.Now().Before(it.due)) {
				break
			}
			taken++
		}
		batch = append(batch, g.pending[:taken]...)
		g.pending = g.pending[taken:]
		if len(g.pending) > 0 || len(batch) == g.limits.Records || !g.fill(ctx, linger.C) {
			return batch
		}
	}
}

// fill waits for the next fetched records if none are pending; until ends the wait early.
func (g *gatherer[In]) fill(ctx context.Context, until <-chan time.Time) bool {
	if len(g.pending) > 0 {
		return true
	}
	select {
	case g.pending = <-g.from:
	case <-until:
	case <-ctx.Done():
	}
	return len(g.pending) > 0
}

// sleep waits for d, not at all if it is past; false when ctx ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// outlive returns a context that ends d after ctx does, or when cancel is called.
func outlive(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(d, cancel) })
	return longer, func() { stop(); cancel() }
}
