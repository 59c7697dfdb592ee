package pipelinetest

import (
	"context"
	"slices"
	"sync"

	"github.com/whatsapplink/cloud/pipeline"
)

// Recorder is a Target that keeps what it is given. Each Write is one effect of Crash.
type Recorder[T any] struct {
	Crash *Crasher // nil for none

	mu     sync.Mutex
	writes []Write[T]
}

// Write is one call of a Recorder.
type Write[T any] struct {
	Span pipeline.Span
	Out  []T
}

// Write keeps the results.
func (r *Recorder[T]) Write(ctx context.Context, span pipeline.Span, out []T) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return r.Crash.Do(func(share func(int) int) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.writes = append(r.writes, Write[T]{span, slices.Clone(out[:share(len(out))])})
		return nil
	})
}

// Writes returns the calls so far.
func (r *Recorder[T]) Writes() []Write[T] {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.writes)
}

// All returns the results of all calls, end to end.
func (r *Recorder[T]) All() []T {
	var all []T
	for _, w := range r.Writes() {
		all = append(all, w.Out...)
	}
	return all
}
