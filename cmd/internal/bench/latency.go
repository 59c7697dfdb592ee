package main

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/deployment"
	"github.com/whatsapplink/cloud/cmd/internal/wire"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/sinks/cloudapi/simulator"
)

const (
	latencyRate = 500
	latencyRun  = 20 * time.Second
	latencyP50  = 40 * time.Millisecond
	latencyP99  = 200 * time.Millisecond
)

// hops are when each message stood where, by id.
type hops struct {
	mu    sync.Mutex
	where map[string]*[4]time.Time // acknowledged in requests, validated and routed, then claimed
}

func (h *hops) at(m schemas.Identity, place int, at time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.where[m.MessageID]
	if t == nil {
		t = &[4]time.Time{0: m.AcceptedAt}
		h.where[m.MessageID] = t
	}
	if t[place].IsZero() {
		t[place] = at
	}
}

// latency streams 500 messages a second through the whole pipeline and measures, on one machine's clock, from the broker's
// append time of the request to the first bytes of the call, hop by hop.
func (w *world) latency(ctx context.Context) ([]figure, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	senders := numbers(400, 10, latencyRate/10)
	registered := numbers(400, 10, latencyRate/5)
	s, err := w.sending(ctx, "latency.", registered, simulator.Config{Latency: 50 * time.Millisecond}, map[string]string{
		"WL_LISTEN": deployment.FreeAddress(),
	})
	if err != nil {
		return nil, err
	}
	defer s.close()
	processes, err := s.start(ctx, deployment.Stages...)
	if err != nil {
		return nil, err
	}
	if _, err := s.times(ctx, senders, senders, 3*time.Second); err != nil { // warms everything up
		return nil, err
	}
	say("latency at %d messages/s", latencyRate)
	watching, stop := context.WithCancel(ctx)
	defer stop()
	h := hops{where: map[string]*[4]time.Time{}}
	if err := h.watch(watching, s); err != nil {
		return nil, err
	}
	seen := len(s.door.taken())
	took, err := s.times(ctx, senders, senders, latencyRun)
	if err != nil {
		return nil, err
	}
	figures := []figure{
		{what: "acknowledged to call, 500/s, p50", rate: ms(quantile(took, 0.5)), unit: "ms", ceiling: ms(latencyP50), comment: fmt.Sprintf("(%d messages)", len(took))},
		{what: "  p99", rate: ms(quantile(took, 0.99)), unit: "ms", ceiling: ms(latencyP99)},
	}
	figures = append(figures, h.figures(s.door.taken()[seen:])...)
	for _, p := range processes {
		if strings.HasSuffix(p.Name, "deliver") {
			f, err := claims(ctx, p)
			if err != nil {
				return figures, err
			}
			figures = append(figures, f)
		}
	}
	if err := s.door.fair(); err != nil {
		return figures, err
	}
	return figures, deployment.Stop(processes...)
}

// watch notes when messages are appended to the topics between the binaries, from now on.
func (h *hops) watch(ctx context.Context, s *sending) error {
	topics, err := s.cluster.Topics(ctx)
	if err != nil {
		return err
	}
	for place, topic := range []string{1: wire.ValidatedT, 2: wire.RoutedT, 3: wire.Attempts} {
		for partition := range topics[topic] {
			_, next, err := s.cluster.Bounds(ctx, topic, partition)
			if err != nil {
				return err
			}
			src := s.cluster.Tail(topic, partition, next)
			go func() {
				for ctx.Err() == nil {
					records, _ := src.Fetch(ctx) // an error is repeated until the end
					for _, r := range records {
						if m, ok := identity(place, r); ok {
							h.at(m, place, r.AppendedAt)
						}
					}
				}
			}()
		}
	}
	return nil
}

// identity is whose record stands at a place; of attempts only claims count.
func identity(place int, r pipeline.Record) (schemas.Identity, bool) {
	switch place {
	case 1:
		m, err := schemas.Validateds.Decode(r.Value)
		return m.Identity, err == nil
	case 2:
		m, err := schemas.Routeds.Decode(r.Value)
		return m.Identity, err == nil
	}
	m, err := schemas.Attempts.Decode(r.Value)
	return m.Identity, err == nil && m.Class == schemas.Claim
}

// figures are the hops of the messages that were seen everywhere.
func (h *hops) figures(calls []call) (all []figure) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var took [4][]time.Duration
	for _, c := range calls {
		t := h.where[c.of.MessageID]
		if t == nil || t[1].IsZero() || t[2].IsZero() || t[3].IsZero() {
			continue
		}
		for i := range 3 {
			took[i] = append(took[i], t[i+1].Sub(t[i]))
		}
		took[3] = append(took[3], c.at.Sub(t[3]))
	}
	for i, what := range []string{"requests to validated", "validated to routed", "routed to the claim in attempts", "claim in attempts to the call"} {
		if len(took[i]) == 0 {
			continue
		}
		f := figure{what: "  " + what + ", p99", rate: ms(quantile(took[i], 0.99)), unit: "ms", comment: fmt.Sprintf("(p50 %.1f)", ms(quantile(took[i], 0.5)))}
		all = append(all, f)
	}
	return all
}

// claims says how many of a deliver's claims were back within 10 ms, by its own metric.
func claims(ctx context.Context, p *deployment.Process) (f figure, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.HTTP+"/metrics", nil)
	if err != nil {
		return f, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return f, fmt.Errorf("ask for metrics: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	var soon, all float64
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		switch name {
		case `wl_claim_seconds_bucket{le="0.01"}`:
			_, err = fmt.Sscan(value, &soon)
		case "wl_claim_seconds_count":
			_, err = fmt.Sscan(value, &all)
		}
		if err != nil {
			return f, fmt.Errorf("read a metric: %w", err)
		}
	}
	return figure{
		what: "  claims made and read back within 10 ms", rate: 100 * soon / max(all, 1), unit: "% of them", floor: 99,
		comment: fmt.Sprintf("(%.0f claims)", all),
	}, nil
}
