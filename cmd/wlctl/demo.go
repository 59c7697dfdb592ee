package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/sourcegraph/conc/pool"

	"github.com/whatsapplink/cloud/cmd/internal/boot"
)

type demoCmd struct {
	Requests int    `help:"How many requests to publish, bad and repeated ones among them; at least 500." default:"10000"`
	Seed     uint64 `help:"Seed of the samples and of the simulator's faults." default:"1"`
	Stay     bool   `help:"Keep everything up afterwards and print the addresses."`
}

// shortfalls are the guarantees the run did not keep; none means success.
type shortfalls []string

func (s *shortfalls) expect(ok bool, format string, args ...any) {
	if !ok {
		*s = append(*s, fmt.Sprintf(format, args...))
	}
}

// fewestRequests leaves room for one bad record of each reason, repeats, and messages of every fate.
const fewestRequests = 500

// Run runs the demo: every binary's own wiring in this process, on embedded parts unless a WL_ variable names a real one.
func (c *demoCmd) Run(ctx context.Context, s streams) (err error) {
	if c.Requests < fewestRequests {
		return boot.Problem{Variable: "--requests", What: "is under 500", Hint: "one bad record for each reason and enough good ones must have room"}
	}
	dir, err := os.MkdirTemp("", "wlctl-demo-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	progress := newProgress(s.out)
	defer slog.SetDefault(slog.Default())
	w, err := newWorld(ctx, dir, c.Seed, progress, s)
	if err != nil {
		return err
	}
	defer w.close()

	running, stop := context.WithCancel(ctx)
	group := pool.New().WithContext(running).WithCancelOnError().WithFirstError()
	group.Go(w.run)
	var missed shortfalls
	group.Go(func(ctx context.Context) error {
		defer stop()
		missed, err = c.play(ctx, w, progress, s)
		return err
	})
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		_, _ = fmt.Fprintln(s.err, w.logs.tail(20))
		return err
	}
	for _, m := range missed {
		_, _ = fmt.Fprintln(s.out, "SHORTFALL:", m)
	}
	if len(missed) > 0 {
		return exit(1)
	}
	if c.Stay && err == nil {
		return nil // it was asked to stop, and had shown everything
	}
	return ctx.Err()
}

// play publishes, watches, and checks.
func (c *demoCmd) play(ctx context.Context, w *world, progress *progress, s streams) (missed shortfalls, err error) {
	began := time.Now()
	if err := awaitReady(ctx, w.services); err != nil {
		return nil, err
	}
	p, err := newPlan(c.Requests, c.Seed, w)
	if err != nil {
		return nil, err
	}
	tenant, message, err := c.publishAndShow(ctx, p, w, &missed, progress, s.out)
	if err != nil {
		return nil, err
	}
	if err := w.await(ctx, p.published, progress); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		missed.expect(false, "not everything was settled and redacted in time: %v", err)
	}
	progress.done()
	if err := w.report(ctx, s.out); err != nil {
		return nil, err
	}
	if err := c.refuseOne(ctx, w, tenant, message, &missed, s.out); err != nil {
		return nil, err
	}
	if err := w.check(ctx, p, &missed, s.out); err != nil {
		return nil, err
	}
	_, _ = fmt.Fprintf(s.out, "\n%d requests in %s\n", p.published, time.Since(began).Round(100*time.Millisecond))
	if c.Stay && len(missed) == 0 {
		w.addresses(s.out)
		<-ctx.Done()
	}
	return missed, nil
}

// The seconds of a demo window can pass on a busy machine between a message's being sent and its being found and asked
// for. So the last requests are held back: where showTries messages were asked for too late, it is tried again with them,
// once nothing else is under way.
const (
	showTries = 5
	heldBack  = 20
)

// publishAndShow publishes everything and shows one message's content.
func (c *demoCmd) publishAndShow(ctx context.Context, p *plan, w *world, missed *shortfalls, progress *progress, out io.Writer) (tenant, message string, err error) {
	first := p.published - heldBack
	if err := p.publish(ctx, w, progress, 0, first); err != nil {
		return "", "", err
	}
	progress.pause()
	tenant, message, refusal, err := c.showOne(ctx, w, out)
	if err != nil {
		return "", "", err
	}
	late := refusal != nil
	if late {
		if err := w.await(ctx, first, progress); err != nil {
			return "", "", err
		}
	}
	if err := p.publish(ctx, w, progress, first, p.published); err != nil {
		return "", "", err
	}
	if late {
		progress.pause()
		if tenant, message, refusal, err = c.showOne(ctx, w, out); err != nil {
			return "", "", err
		}
	}
	missed.expect(refusal == nil, "content was not readable within its window: %v", refusal)
	return tenant, message, nil
}

// showOne asks custody for the content of the message sent last: it is readable within its window. The refusal is that of
// the last try, nil when content was shown.
func (c *demoCmd) showOne(ctx context.Context, w *world, out io.Writer) (tenant, message string, refusal, err error) {
	for try := 1; ; try++ {
		if tenant, message, err = w.newestSent(ctx); err != nil {
			return "", "", nil, err
		}
		content, refusal := w.operator.show(ctx, ask(tenant, message))
		if refusal == nil {
			_, _ = fmt.Fprintf(out, "\ncontent of %s, asked within its window of %s:\n", message, w.operator.cfg.Diagnostic)
			return tenant, message, nil, printShown(out, content)
		}
		if try == showTries {
			return tenant, message, refusal, ctx.Err()
		}
	}
}

// refuseOne asks for the same message after its window: nobody gets it.
func (c *demoCmd) refuseOne(ctx context.Context, w *world, tenant, message string, missed *shortfalls, out io.Writer) error {
	_, err := w.operator.show(ctx, ask(tenant, message))
	var no refused
	missed.expect(errors.As(err, &no), "content was readable after its window")
	_, _ = fmt.Fprintf(out, "\ncontent of %s, asked again after its window: %v\n", message, err)
	steps, err := w.db.Trace(ctx, tenant, message)
	if err != nil {
		return err
	}
	missed.expect(len(steps) >= 5, "the trace of %s has %d steps", message, len(steps))
	_, _ = fmt.Fprintf(out, "\ntrace of %s:\n", message)
	return printTrace(out, steps)
}

func ask(tenant, message string) contentShowCmd {
	return contentShowCmd{MessageID: message, Tenant: tenant, askFlags: askFlags{Purpose: "debug", Incident: "INC-1", Actor: "demo", Wait: 20 * time.Second}}
}
