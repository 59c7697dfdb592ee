package main

import (
	"context"
	"fmt"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/deployment"
	"github.com/whatsapplink/cloud/sinks/cloudapi/simulator"
)

// What one process of deliver must reach at Meta's limits.
const (
	rateShare  = 0.95
	rateWarm   = 8 * time.Second
	rateSteady = 20 * time.Second
)

// rate sends from a filled routed through ten numbers at 80/s and one at 400/s to a provider that takes 200 ms: every number
// must come near its limit and none may pass it, nor that of a pair.
func (w *world) rate(ctx context.Context) ([]figure, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	senders := append(numbers(0, 10, 80), numbers(100, 1, 400)...)
	s, err := w.sending(ctx, "rate.", senders, simulator.Config{Latency: 200 * time.Millisecond}, nil)
	if err != nil {
		return nil, err
	}
	defer s.close()
	if err := s.fill(ctx, 1200*int((rateWarm+rateSteady+10*time.Second).Seconds())); err != nil {
		return nil, err
	}
	say("sending at the limits")
	p, err := s.Start("deliver", nil)
	if err != nil {
		return nil, err
	}
	if err := s.door.accepted(ctx, 1); err != nil {
		return nil, fmt.Errorf("%w; the log of %s ends:\n%s", err, p.Name, p.Tail(5))
	}
	if err := wait(ctx, rateWarm); err != nil {
		return nil, err
	}
	from, cpu, before := time.Now(), usage(p), s.door.Counts()
	if err := wait(ctx, rateSteady); err != nil {
		return nil, err
	}
	took, after := time.Since(from), s.door.Counts()
	sent := after.Accepted - before.Accepted
	all := figure{
		what: "deliver at 10 x 80/s and 400/s, 200 ms a call", rate: float64(sent) / took.Seconds(),
		comment: fmt.Sprintf("(%d in %s)", sent, took.Round(100*time.Millisecond)),
	}
	if sent > 0 {
		all.cpu = (usage(p) - cpu) / time.Duration(sent)
	}
	_, all.rss = p.Usage()
	least := figure{what: "  the number furthest below its limit", unit: "% of it", floor: rateShare * 100, rate: 100}
	for _, n := range senders {
		share := float64(after.Senders[n.id]-before.Senders[n.id]) / took.Seconds() / float64(n.rate) * 100
		if share < least.rate {
			least.rate, least.comment = share, fmt.Sprintf("(%d/s)", n.rate)
		}
	}
	figures := []figure{all, least}
	if err := s.door.fair(); err != nil {
		return figures, err
	}
	return figures, deployment.Stop(p)
}

// ceiling sends n messages from a filled routed through twenty numbers of one tenant to a door without limits: what one
// process, and so one tenant, can do, and what it takes to remember them.
func (w *world) ceiling(ctx context.Context, n int) ([]figure, error) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Minute)
	defer cancel()
	s, err := w.sending(ctx, "ceiling.", numbers(200, 20, 1000), simulator.Config{Unlimited: true, Latency: 20 * time.Millisecond}, nil)
	if err != nil {
		return nil, err
	}
	defer s.close()
	if err := s.fill(ctx, n); err != nil {
		return nil, err
	}
	say("one tenant as fast as it goes")
	p, err := s.Start("deliver", nil)
	if err != nil {
		return nil, err
	}
	m := middle{total: int64(n)}
	for all := false; !all; all = s.door.Counts().Distinct >= n {
		m.see(point{time.Now(), int64(s.door.Counts().Distinct), usage(p)})
		if err := pause(ctx); err != nil {
			return nil, fmt.Errorf("%d are sent: %w; the log of %s ends:\n%s", s.door.Counts().Distinct, err, p.Name, p.Tail(5))
		}
	}
	f := m.figure()
	f.what = "deliver, one tenant, no limits, 20 ms a call"
	f.comment = fmt.Sprintf("(%d are sent)", n)
	_, f.rss = p.Usage()
	if err := s.door.fair(); err != nil {
		return []figure{f}, err
	}
	return []figure{f}, deployment.Stop(p)
}

func usage(p *deployment.Process) time.Duration {
	cpu, _ := p.Usage()
	return cpu
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
