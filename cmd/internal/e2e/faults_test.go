package e2e

import (
	"context"
	"flag"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/deployment"
	"github.com/whatsapplink/cloud/sinks/cloudapi/simulator"
)

var (
	rounds = flag.Int("rounds", len(breaks), "rounds of faults, with a thousand messages each")
	seed   = flag.Uint64("seed", 28, "decides which faults meet, and when")
)

// fault is something that breaks and is whole again when do returns.
type fault struct {
	name string
	do   func(s *storm)
}

// breaks are the faults of our own processes, of the broker and of the engine.
var breaks = []fault{
	{"validate killed", killed("validate")},
	{"route killed", killed("route")},
	{"deliver killed", killed("deliver")},
	{"listen killed", killed("listen")},
	{"record killed", killed("record")},
	{"deliver paused past its claims' life", stalled},
	{"broker killed", func(s *storm) {
		shared.Kill()
		s.pause(s.between(0, 2*time.Second))
		s.must(shared.Restart(s.ctx))
	}},
	{"broker paused", func(s *storm) {
		s.must(shared.Pause())
		defer func() { _ = shared.Resume() }()
		s.pause(s.between(5*time.Second, 20*time.Second))
	}},
	{"instances added and removed", rebalanced},
	{"engine out of reach", func(s *storm) {
		s.front.down.Store(true)
		defer s.front.down.Store(false)
		s.pause(15 * time.Second)
		s.must(unless(s.front.broken.Load() > 0, "nobody asked for the engine"))
	}},
}

// killed kills one of a stage's two instances and starts it again a little later.
func killed(stage string) func(s *storm) {
	return func(s *storm) {
		i := s.random.IntN(2)
		s.instances[i][stage].Kill()
		s.pause(s.between(0, 3*time.Second))
		s.begin(i, stage)
		s.pause(s.between(time.Second, 3*time.Second))
	}
}

// stalled stops a deliver for longer than a claim lives and a session lasts: another takes its partitions.
func stalled(s *storm) {
	p := s.instances[s.random.IntN(2)]["deliver"]
	s.must(p.Pause())
	defer func() { _ = p.Resume() }()
	s.pause(s.between(11*time.Second, 13*time.Second))
}

// rebalanced lets a third instance of some stages come and go.
func rebalanced(s *storm) {
	var added []*deployment.Process
	for _, stage := range []string{"validate", "route", "deliver", "record"} {
		added = append(added, s.start(stage, nil))
	}
	s.pause(s.between(3*time.Second, 6*time.Second))
	s.must(deployment.Stop(added...))
}

// outage is a provider's fault: what the simulator does, and for how long.
type outage struct {
	name  string
	fault simulator.Fault
	lasts time.Duration
}

// outages are the faults of the provider, by what a sender sees of them.
var outages = []outage{
	{"reset after accept", simulator.Fault{Kind: simulator.ResetAfterAccept, Share: 0.3}, 3 * time.Second},
	{"reset before accept", simulator.Fault{Kind: simulator.ResetBeforeAccept, Share: 0.2}, 2 * time.Second},
	{"no answer after accept", simulator.Fault{Kind: simulator.HangAfterAccept, Count: 50}, 15 * time.Second},
	{"no answer before accept", simulator.Fault{Kind: simulator.HangBeforeAccept, Count: 30}, 15 * time.Second},
	{"a page for an answer", simulator.Fault{Kind: simulator.HTML, Share: 0.1}, 3 * time.Second},
	{"a page after accept", simulator.Fault{Kind: simulator.HTMLAfterAccept, Share: 0.3}, 3 * time.Second},
	{"unavailable", simulator.Fault{Kind: simulator.Refuse, Code: 2, HTTPStatus: 503}, 20 * time.Second},
}

// Goal: whatever breaks while messages flow, none is lost, none is sent twice, each ends in one final state, and that is
// the one the simulator knows of; unknown are only messages that it never got or never called back for. In the long form
// one tenant wants messages in doubt to be sent once more, and no more than that. Method: real processes, broker and
// engine; rounds of faults of ours beside a row of the provider's, both dealt like cards by a seed, so that every one
// occurs; callbacks come at once, twice and in disorder all the time.
func TestFaultsLoseNothingAndSendNothingTwice(t *testing.T) {
	s := newStorm(t)
	published := make(chan error, 1)
	over := make(chan struct{})
	s.beside(func(ctx context.Context) {
		published <- s.producer.run(ctx, func(n int) bool {
			select {
			case <-over:
				return n >= 1000**rounds
			default:
				return false
			}
		})
	})
	all := make(chan struct{})
	s.beside(func(ctx context.Context) { s.provide(ctx, over, all) })
	next := deck(s.random, breaks)
	for n := range *rounds {
		f := next()
		s.log("round %d: %s", n+1, f.name)
		s.pause(s.between(0, time.Second))
		f.do(s)
		s.ready()
		s.occurred[f.name]++
	}
	select {
	case <-all:
	case <-s.ctx.Done():
	}
	close(over)
	s.must(<-published)
	s.log("%d messages are published", len(s.producer.published))
	s.await("all settled", 2*time.Second, s.settled)
	s.occurredAll()
	for _, all := range s.instances {
		stopAll(t, all)
	}
	s.log("stopped")
}

// newStorm starts everything and returns it ready.
func newStorm(t *testing.T) *storm {
	within := 4*time.Minute + time.Duration(*rounds)*25*time.Second
	w := newWorld(t, "faults.", within, map[string]string{
		"WL_WINDOWS": "60s,1800s", "WL_DELIVERY_WINDOW": "1800s", "WL_DIAGNOSTIC_WINDOW": "60s",
	})
	s := &storm{
		world: w, db: w.engine(), random: rand.New(rand.NewPCG(*seed, 1)), occurred: map[string]int{},
		callbacks: [2]string{deployment.FreeAddress(), deployment.FreeAddress()},
		producer: &producer{
			log: w.cluster(w.prefix()).Log(), random: rand.New(rand.NewPCG(*seed, 2)), published: map[identity]bool{},
		},
	}
	front, path, err := newFront(w.Environment["WL_CLICKHOUSE_URL"])
	w.must(err)
	s.front, w.Environment["WL_CLICKHOUSE_URL"] = front, s.serve(front)+path
	if resends() {
		s.resend()
	}
	_, err = w.Wlctl(w.ctx, "setup", "--apply", "--tenants", w.Tenants())
	w.must(err)
	s.simulate(*seed)
	for i := range s.instances {
		s.instances[i] = map[string]*deployment.Process{}
		for _, stage := range pairs {
			s.begin(i, stage)
		}
	}
	s.begin(0, "redact")
	s.ready()
	s.log("ready")
	return s
}

// deck deals the cards of a suit in random order, again and again.
func deck[T any](random *rand.Rand, suit []T) func() T {
	var left []T
	return func() T {
		if len(left) == 0 {
			left = slices.Clone(suit)
			random.Shuffle(len(left), func(i, j int) { left[i], left[j] = left[j], left[i] })
		}
		card := left[0]
		left = left[1:]
		return card
	}
}

// provide lets the provider fail in one way after another until over is closed, each at least until a send met it; all is
// closed once every way had its turn.
func (s *storm) provide(ctx context.Context, over, all chan struct{}) {
	next := deck(rand.New(rand.NewPCG(*seed, 3)), outages)
	for n := 0; ctx.Err() == nil; n++ {
		if n == len(outages) {
			close(all)
		}
		o := next()
		met := s.meta.Counts().Faults[o.fault.Kind]
		s.meta.SetFaults([]simulator.Fault{o.fault})
		for wait := o.lasts; ctx.Err() == nil && s.meta.Counts().Faults[o.fault.Kind] == met; wait = time.Second {
			select {
			case <-time.After(wait):
			case <-over:
				s.meta.SetFaults(nil)
				return
			case <-ctx.Done():
			}
		}
	}
}
