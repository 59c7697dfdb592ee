package wire

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/whatsapplink/cloud/cmd/internal/boot"
	"github.com/whatsapplink/cloud/pipeline"
)

// checkEvery is how often a running stage compares the broker's settings with the schedule.
const checkEvery = 5 * time.Minute

// guarded is a service that starts only where the deployment keeps the promise (see refuse), and is ready only as long as
// no setting keeps anything longer than scheduled.
func guarded(p *boot.Process, s boot.Service) boot.Service { return newGuard(p).over(s) }

func (g *guard) over(s boot.Service) boot.Service {
	return boot.Service{
		Ready: func() error {
			if err := s.Ready(); err != nil {
				return err
			}
			return g.ready()
		},
		Run: func(ctx context.Context) error {
			there := func(topics map[string]int) bool { _, ok := topics[Notices]; return ok }
			if awaitTopics(ctx, g.process, there) != nil {
				return nil // asked to stop before the deployment was there
			}
			if err := g.admit(ctx); err != nil {
				return err
			}
			return together(ctx, s.Run, g.watch)
		},
	}
}

// guard watches the settings of a deployment for one process.
type guard struct {
	process *boot.Process
	gauge   *prometheus.GaugeVec
	now     func() time.Time

	mu      sync.Mutex
	drifted []Drift // that weaken, as of the last look
}

func newGuard(p *boot.Process) *guard {
	g := &guard{process: p, now: time.Now, gauge: prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "wl_retention_drift", Help: "Settings of a topic that keep something longer than scheduled.",
	}, []string{"object"})}
	p.Registry.MustRegister(g.gauge)
	return g
}

// drift is why a stage is not ready. Topics and settings are no secret.
type drift []Drift

func (d drift) Error() string { return d.Class() }

// Class names every object that differs.
func (d drift) Class() string {
	var names []string
	for _, one := range d {
		names = append(names, one.Setting+" of "+one.Topic+" is "+one.Have+", not "+one.Want)
	}
	return "retention drift: " + strings.Join(names, ", ")
}

// ready is nil while nothing is kept longer than scheduled, as of the last look.
func (g *guard) ready() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.drifted) == 0 {
		return nil
	}
	return drift(g.drifted)
}

// watch looks at start and every checkEvery. A broker that does not answer changes no verdict: the last one stands.
func (g *guard) watch(ctx context.Context) error {
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	for {
		if err := g.look(ctx); err != nil && ctx.Err() == nil {
			g.process.Log.Warn("cannot compare the broker's settings with the schedule", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// look compares once, and says what changed.
func (g *guard) look(ctx context.Context) error {
	drifts, err := g.drifts(ctx)
	if err != nil {
		return err
	}
	drifts = slices.DeleteFunc(drifts, func(d Drift) bool { return !d.Weakens })
	g.mu.Lock()
	before := g.drifted
	g.drifted = drifts
	g.mu.Unlock()
	g.gauge.Reset()
	for _, d := range drifts {
		g.gauge.WithLabelValues(d.Topic).Inc()
		if !slices.Contains(before, d) {
			g.process.Log.Error("content would be kept longer than promised", "topic", d.Topic, "reason", d.Setting, "hint", "wlctl setup --apply")
		}
	}
	if len(before) > 0 && len(drifts) == 0 {
		g.process.Log.Info("retention is as scheduled again")
	}
	return nil
}

// drifts asks the broker once.
func (g *guard) drifts(ctx context.Context) ([]Drift, error) {
	existing, err := g.process.Cluster.Topics(ctx)
	if err != nil {
		return nil, err
	}
	actual, err := g.process.Cluster.Settings(ctx, slices.Collect(maps.Keys(existing))...)
	if err != nil {
		return nil, err
	}
	return Drifts(Scheduled(existing), actual), nil
}

// admit refuses to start where the broker could not keep what this system promises.
func (g *guard) admit(ctx context.Context) error {
	return pipeline.Retry(ctx, pipeline.Backoff{}, "check the settings of Kafka", func(ctx context.Context) error {
		for _, check := range []func(context.Context) error{g.topics, g.brokers, g.clock} {
			if err := check(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}
