package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
)

// Goal: repeats space out and stop at the bound. Method: virtual time; an effect that always fails.
func TestRetrySpacesOutAndStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		var at []time.Duration
		err := pipeline.Retry(t.Context(), pipeline.Backoff{Initial: time.Second, Max: 4 * time.Second, Elapsed: time.Minute}, "append",
			func(context.Context) error {
				at = append(at, time.Since(began))
				return errWorld
			})
		if !errors.Is(err, errWorld) || !strings.HasPrefix(err.Error(), "append: ") {
			t.Errorf("Retry returned %v", err)
		}
		for i := 1; i < len(at); i++ {
			mean := min(time.Second<<(i-1), 4*time.Second)
			if gap := at[i] - at[i-1]; gap < mean/2 || gap > mean*3/2 {
				t.Errorf("gap %d is %s, want %s give or take half", i, gap, mean)
			}
		}
		if last := at[len(at)-1]; last > time.Minute || last < 50*time.Second {
			t.Errorf("last try after %s of a minute", last)
		}
	})
}

// Goal: what cannot heal is tried once: a rejection, a permanent error, anything under an ended context.
func TestRetryDoesNotRepeatTheHopeless(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		ctx   context.Context
		err   error
		is    error
		tries int
	}{
		"Rejection": {t.Context(), pipeline.Reject("r"), pipeline.Rejection{Reason: "r"}, 1},
		"Permanent": {t.Context(), pipeline.Permanent(errWorld), errWorld, 1},
		"Ended":     {ended, errWorld, context.Canceled, 0},
	} {
		t.Run(name, func(t *testing.T) {
			tries := 0
			err := pipeline.Retry(c.ctx, pipeline.Backoff{}, "e", func(context.Context) error {
				tries++
				return c.err
			})
			if tries != c.tries || !errors.Is(err, c.is) {
				t.Errorf("%d tries, %v; want %d, %v", tries, err, c.tries, c.is)
			}
		})
	}
}

// Goal: the end of the context ends the wait between two tries.
func TestRetryEndsWithContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		err := pipeline.Retry(ctx, pipeline.Backoff{Initial: time.Hour, Max: time.Hour, Elapsed: 1000 * time.Hour}, "e",
			func(context.Context) error { return errWorld })
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("Retry returned %v after %s", err, time.Since(began))
		}
	})
}

// Goal: the log tells once that an effect fails and once that it heals, and never the error's text.
func TestRetryLogsOnceByClass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		log := logged(func() {
			_ = pipeline.Retry(t.Context(), pipeline.Backoff{}, "append", func(context.Context) error {
				if tries++; tries < 5 {
					return errors.New("canary")
				}
				return nil
			})
		})
		if strings.Count(log, "\n") != 2 || strings.Contains(log, "canary") || !strings.Contains(log, "tries=5") {
			t.Errorf("log: %q", log)
		}
	})
}

type classed struct{ error }

func (classed) Class() string { return "overloaded" }

// Goal: every error has a class that holds none of its text.
func TestClass(t *testing.T) {
	for want, err := range map[string]error{
		"none":                nil,
		"overloaded":          fmt.Errorf("canary: %w", classed{errors.New("canary")}),
		"rejection":           pipeline.Reject("canary"),
		"canceled":            fmt.Errorf("canary: %w", context.Canceled),
		"deadline":            context.DeadlineExceeded,
		"net":                 fmt.Errorf("canary: %w", &net.OpError{Op: "canary", Err: syscall.ECONNREFUSED}),
		"*errors.errorString": fmt.Errorf("canary: %w", errors.New("canary")),
	} {
		if got := pipeline.Class(err); got != want {
			t.Errorf("class of %T is %q, want %q", err, got, want)
		}
	}
	if got := pipeline.Class(io.EOF); got != "net" {
		t.Errorf("class of EOF is %q", got)
	}
}
