package pipeline

import (
	"context"
	"sync"
	"time"
)

// Batcher is a Log that gathers what many goroutines append into one Append of the log below, so that each waits about
// one round trip and the log sees few large requests. The order of one caller's outputs holds; between callers there is
// none. It has no goroutine of its own: nothing to start or close.
type Batcher struct {
	log    Log
	linger time.Duration
	limits Limits

	mu   sync.Mutex
	open *flush
}

// flush is one Append below: the outputs of its callers, end to end.
type flush struct {
	outputs []Output
	bytes   int
	callers int
	ctx     context.Context // ends when no caller waits any more
	cancel  context.CancelFunc
	done    chan struct{}

	appended []Appended
	err      error
}

// Batched returns a Log over log that waits at most linger (2 ms is usual) for others to join, and flushes earlier at
// 1,000 records or 512 KiB.
func Batched(log Log, linger time.Duration) *Batcher {
	return &Batcher{log: log, linger: linger, limits: Limits{Records: 1000, Bytes: 512 << 10}}
}

// Append joins the open flush and returns its own positions once that is acknowledged. An error goes to all callers of
// the flush. When ctx ends first, the outputs may be appended all the same.
func (b *Batcher) Append(ctx context.Context, outputs []Output) ([]Appended, error) {
	if len(outputs) == 0 {
		return nil, ctx.Err()
	}
	f, from := b.join(ctx, outputs)
	select {
	case <-f.done:
		if f.err != nil {
			return nil, f.err
		}
		return f.appended[from : from+len(outputs) : from+len(outputs)], nil
	case <-ctx.Done():
		b.leave(f)
		return nil, ctx.Err()
	}
}

func (b *Batcher) join(ctx context.Context, outputs []Output) (f *flush, from int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open == nil {
		opened := &flush{done: make(chan struct{})}
		// The flush outlives the caller that opened it: only when all have left is it given up.
		opened.ctx, opened.cancel = context.WithCancel(context.WithoutCancel(ctx))
		b.open = opened
		time.AfterFunc(b.linger, func() { b.flush(opened) })
	}
	f = b.open
	from = len(f.outputs)
	f.outputs = append(f.outputs, outputs...)
	f.callers++
	for i := range outputs {
		f.bytes += len(outputs[i].Key) + len(outputs[i].Value)
	}
	if len(f.outputs) >= b.limits.Records || f.bytes >= b.limits.Bytes {
		b.open = nil
		go b.append(f)
	}
	return f, from
}

func (b *Batcher) leave(f *flush) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if f.callers--; f.callers > 0 {
		return
	}
	if b.open == f {
		b.open = nil // nobody waits for it and nobody may join what is given up
	}
	f.cancel()
}

// flush closes f by time, unless its size closed it before.
func (b *Batcher) flush(f *flush) {
	b.mu.Lock()
	mine := b.open == f
	if mine {
		b.open = nil
	}
	b.mu.Unlock()
	if mine {
		b.append(f)
	}
}

func (b *Batcher) append(f *flush) {
	defer f.cancel()
	f.appended, f.err = b.log.Append(f.ctx, f.outputs)
	close(f.done)
}
