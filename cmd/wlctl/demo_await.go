package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/whatsapplink/cloud/sinks/cloudapi/simulator"
)

// newestSent waits for a message that was just sent and has content of its own.
func (w *world) newestSent(ctx context.Context) (tenant, message string, err error) {
	within, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		rows, err := w.db.Query(within, `SELECT tenant_id, message_id FROM messages FINAL
WHERE sent_at IS NOT NULL AND content_type = 'text' AND redacted_at IS NULL ORDER BY sent_at DESC LIMIT 1`)
		if err == nil && len(rows.Values) == 1 {
			return rows.Values[0][0], rows.Values[0][1], nil
		}
		if err := pause(within, 100*time.Millisecond); err != nil {
			if ctx.Err() != nil {
				return "", "", ctx.Err()
			}
			return "", "", errors.New("no message was sent within a minute")
		}
	}
}

// await waits until every request is settled, recorded and, where it was sealed, redacted.
func (w *world) await(ctx context.Context, published int, progress *progress) error {
	ctx, cancel := context.WithTimeout(ctx, 4*time.Minute)
	defer cancel()
	for _, step := range []struct {
		name string
		done func(context.Context) (n, total int, err error)
	}{
		{"settled", func(ctx context.Context) (int, int, error) {
			c, err := w.db.Conservation(ctx)
			return int(c.Rejected + c.FinalSends() + c.Repeated), published, err
		}},
		{"redacted", func(ctx context.Context) (int, int, error) {
			c, err := w.db.Conservation(ctx)
			if err != nil {
				return 0, 1, err
			}
			f, err := w.db.Funnel(ctx, "")
			return int(f.Redacted), int(c.FinalSends()), err
		}},
		{"called back", func(ctx context.Context) (int, int, error) {
			f, err := w.db.Funnel(ctx, "")
			return int(f.Delivered), w.calledBack(), err
		}},
	} {
		for begun := false; ; {
			n, total, err := step.done(ctx)
			if err != nil {
				return err
			}
			if !begun {
				progress.step(step.name, total)
				begun = true
			}
			progress.at(n, total)
			if n >= total {
				break
			}
			if err := pause(ctx, 250*time.Millisecond); err != nil {
				return fmt.Errorf("%d of %d %s", n, total, step.name)
			}
		}
	}
	return nil
}

// calledBack is how many messages the simulator says are delivered or read; none where it is not the simulator.
func (w *world) calledBack() int {
	if w.simulator == nil {
		return 0
	}
	fates := w.simulator.Counts().Fates
	return fates[simulator.FateDelivered] + fates[simulator.FateRead]
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
