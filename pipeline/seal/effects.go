package seal

import (
	"context"
	"time"

	"golang.org/x/sync/singleflight"
)

// sharedBound ends a call to the keeper or the log that several callers wait for.
const sharedBound = 30 * time.Second

// effects are calls that many may ask for at once and that are made once.
type effects[T any] struct{ group singleflight.Group }

// do runs f once for all who ask for the same name at once. f outlives the caller that started it, so that the end of
// one caller's ctx does not fail the others, and is bounded by sharedBound instead.
func (g *effects[T]) do(ctx context.Context, name string, f func(context.Context) (T, error)) (T, error) {
	result := g.group.DoChan(name, func() (any, error) {
		shared, cancel := context.WithTimeout(context.WithoutCancel(ctx), sharedBound)
		defer cancel()
		return f(shared)
	})
	select {
	case r := <-result:
		value, _ := r.Val.(T)
		return value, r.Err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}
