package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"syscall"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// Backoff bounds the repeats of one effect: exponential from Initial to Max with half of jitter, for Elapsed in all.
// Zero fields take the defaults 100 ms, 5 s and 2 min.
type Backoff struct {
	Initial, Max, Elapsed time.Duration
}

func (b Backoff) orDefaults() Backoff {
	if b.Initial == 0 {
		b.Initial = 100 * time.Millisecond
	}
	if b.Max == 0 {
		b.Max = 5 * time.Second
	}
	if b.Elapsed == 0 {
		b.Elapsed = 2 * time.Minute
	}
	return b
}

// Permanent marks an error that Retry must not repeat.
func Permanent(err error) error { return backoff.Permanent(err) }

// Retry performs an effect until it succeeds, its error is a Rejection or Permanent, ctx ends, or the bound is passed;
// then it returns the last error under the effect's name (ctx's own error when ctx ended). It logs once when the effect
// starts to fail and once when it heals, by effect and class, never by the error's text.
func Retry(ctx context.Context, b Backoff, effect string, f func(context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s: %w", effect, err)
	}
	err := f(ctx)
	if err == nil {
		return nil // the usual case, kept cheap
	}
	b = b.orDefaults()
	tries := 0
	_, err = backoff.Retry(ctx, func() (struct{}, error) {
		if tries++; tries > 1 {
			err = f(ctx)
		}
		if _, rejected := AsRejection(err); rejected {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	},
		backoff.WithBackOff(&backoff.ExponentialBackOff{
			InitialInterval:     b.Initial,
			MaxInterval:         b.Max,
			Multiplier:          2,
			RandomizationFactor: 0.5,
		}),
		backoff.WithMaxElapsedTime(b.Elapsed),
		backoff.WithNotify(func(err error, _ time.Duration) {
			if tries == 1 {
				slog.Warn("effect fails, repeating it", "effect", effect, "class", Class(err))
			}
		}),
	)
	if err != nil {
		return fmt.Errorf("%s: %w", effect, err)
	}
	if tries > 1 {
		slog.Info("effect heals", "effect", effect, "tries", tries)
	}
	return nil
}

// Class names the kind of an error without its text, which may quote what the log must not hold: what its own Class
// method says, else "rejection", "canceled", "deadline", "net", or the type at the bottom of the chain.
func Class(err error) string {
	var classed interface{ Class() string }
	var netErr net.Error
	var errno syscall.Errno
	switch {
	case err == nil:
		return "none"
	case errors.As(err, &classed):
		return classed.Class()
	case errors.As(err, new(Rejection)):
		return "rejection"
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, context.DeadlineExceeded):
		return "deadline"
	case errors.As(err, &netErr), errors.As(err, &errno), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "net"
	}
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return fmt.Sprintf("%T", err)
		}
		err = inner
	}
}
