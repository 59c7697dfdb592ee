package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/deployment"
	"github.com/whatsapplink/cloud/cmd/internal/wire"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/sinks/cloudapi/simulator"
)

// What a bad number may do to the p99 of others: a quarter, or this much where that is more.
const (
	isolationRuns  = 5
	isolationRun   = 6 * time.Second
	isolationShare = 0.25
	isolationMost  = 20 * time.Millisecond
)

// isolation streams through eight numbers and three more, which are well in one run and in the next one stopped, one slow (5 s)
// and one throttled. It compares the time from acknowledgement to call of the eight, by the median of five pairs of runs.
func (w *world) isolation(ctx context.Context) ([]figure, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	others := append(numbers(300, 7, 40), numbers(310, 1, 150)...)
	well, bad := numbers(320, 3, 40), numbers(330, 3*isolationRuns, 40)
	registered := slices.Concat(others, well, bad)
	for i := range registered {
		registered[i].rate *= 2
	}
	s, err := w.sending(ctx, "isolation.", registered, simulator.Config{Latency: 50 * time.Millisecond}, nil)
	if err != nil {
		return nil, err
	}
	defer s.close()
	processes, err := s.start(ctx, "validate", "route", "deliver")
	if err != nil {
		return nil, err
	}
	if _, err := s.times(ctx, slices.Concat(others, well), others, isolationRun/2); err != nil { // warms everything up
		return nil, err
	}
	var calm, troubled []time.Duration
	for run := range isolationRuns {
		say("isolation, run %d of %d", run+1, isolationRuns)
		took, err := s.times(ctx, slices.Concat(others, well), others, isolationRun)
		if err != nil {
			return nil, err
		}
		calm = append(calm, quantile(took, 0.99))
		three := bad[3*run : 3*run+3]
		if err := s.spoil(ctx, three); err != nil {
			return nil, err
		}
		if took, err = s.times(ctx, slices.Concat(others, three), others, isolationRun); err != nil {
			return nil, err
		}
		troubled = append(troubled, quantile(took, 0.99))
		s.door.SetFaults(nil)
	}
	before, after := quantile(calm, 0.5), quantile(troubled, 0.5)
	bound := before + max(isolationMost, time.Duration(float64(before)*isolationShare))
	figures := []figure{
		{what: "p99 to the call, all numbers well", rate: ms(before), unit: "ms", comment: spread(calm)},
		{what: "  of the others, three numbers bad", rate: ms(after), unit: "ms", ceiling: ms(bound), comment: spread(troubled)},
	}
	return figures, deployment.Stop(processes...)
}

// spoil stops the first number, slows the second down and throttles the third.
func (s *sending) spoil(ctx context.Context, three []number) error {
	s.door.SetFaults([]simulator.Fault{
		{Kind: simulator.Slow, Latency: 5 * time.Second, Sender: three[1].id}, {Kind: simulator.Refuse, Code: 130429, Sender: three[2].id},
	})
	return s.stop(ctx, three[0].id, time.Hour)
}

// stop parks what a number has, as an answer of Meta's would.
func (s *sending) stop(ctx context.Context, id string, lasting time.Duration) error {
	now := time.Now().UTC().Truncate(time.Millisecond)
	value, err := schemas.Stops.Encode(&schemas.Stop{
		Scope: "number", ID: id, Effect: "park", Reason: "spam_limited", SetAt: now, Until: now.Add(lasting),
		Source: schemas.Coordinates{Topic: "requests"},
	})
	if err != nil {
		return err
	}
	_, err = s.cluster.Log().Append(ctx, []pipeline.Output{{
		Topic: wire.StopsT, Partition: pipeline.AnyPartition, Key: []byte(wire.StopKey("number", id)), Value: value,
	}})
	return err
}

// start starts stages and waits until they are ready.
func (s *sending) start(ctx context.Context, stages ...string) (all []*deployment.Process, err error) {
	for _, stage := range stages {
		p, err := s.Start(stage, nil)
		if err != nil {
			return all, err
		}
		all = append(all, p)
	}
	for _, p := range all {
		if err := p.Ready(ctx); err != nil {
			return all, err
		}
	}
	return all, nil
}

// times streams for a while and returns how long messages of some numbers took from acknowledgement to call, once all of
// theirs have been called.
func (s *sending) times(ctx context.Context, senders, of []number, lasting time.Duration) (took []time.Duration, err error) {
	seen, people := len(s.door.taken()), s.people
	if _, err := s.stream(ctx, senders, lasting); err != nil {
		return nil, err
	}
	total, share := 0, 0
	for _, n := range senders {
		total += n.rate
	}
	for _, n := range of {
		share += n.rate
	}
	want := (s.people - people) * share / total * 99 / 100 // shares are whole only over whole seconds
	for {
		took = took[:0]
		for _, c := range s.door.taken()[seen:] {
			if slices.ContainsFunc(of, func(n number) bool { return n.id == c.sender }) {
				took = append(took, c.at.Sub(c.of.AcceptedAt))
			}
		}
		if len(took) >= want {
			return took, nil
		}
		if err := pause(ctx); err != nil {
			return nil, fmt.Errorf("%d of %d calls came: %w", len(took), want, err)
		}
	}
}

// quantile returns the value that a share of all do not pass.
func quantile(all []time.Duration, share float64) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	return sorted[min(int(share*float64(len(sorted))), len(sorted)-1)]
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// spread says how far the runs lie apart.
func spread(runs []time.Duration) string {
	return fmt.Sprintf("(median of %d runs, %.1f to %.1f)", len(runs), ms(slices.Min(runs)), ms(slices.Max(runs)))
}
