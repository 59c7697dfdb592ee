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

// fewest is the rounds of the form that CI runs: one of every fault.
const fewest = 12

var (
	rounds = flag.Int("rounds", fewest, "rounds of faults, with a thousand messages each")
	seed   = flag.Uint64("seed", 28, "decides which faults meet, and when")
)

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
	{"answer after its callbacks", simulator.Fault{Kind: simulator.LateAnswer, Share: 0.3, Latency: 2 * time.Second}, 3 * time.Second},
	{"outage, five minutes scaled to 20 s", simulator.Fault{Kind: simulator.Refuse, Code: 2, HTTPStatus: 503}, 20 * time.Second},
}

// mostRefused is how many outages a run has: one that is refused again and again waits twice as long each time, for minutes.
const mostRefused = 2

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
	for s.round < *rounds {
		s.next(anyFault)
		s.ready()
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
		"WL_WINDOWS": "60s,1800s", "WL_DELIVERY_WINDOW": "1800s", "WL_DIAGNOSTIC_WINDOW": "60s", "WL_DEDUP_HORIZON": horizon.String(),
	})
	s := &storm{
		world: w, db: w.engine(), broker: w.cluster(w.prefix()), random: rand.New(rand.NewPCG(*seed, 1)), occurred: map[string]int{}, held: map[identity]map[int]bool{},
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
	s.cards.suit = breaks
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
type deck[T any] struct{ suit, left []T }

// deal returns the next card that will do; ok is false when the round has none left.
func (d *deck[T]) deal(random *rand.Rand, will func(T) bool) (card T, ok bool) {
	if len(d.left) == 0 {
		d.left = slices.Clone(d.suit)
		random.Shuffle(len(d.left), func(i, j int) { d.left[i], d.left[j] = d.left[j], d.left[i] })
	}
	i := slices.IndexFunc(d.left, will)
	if i < 0 {
		return card, false
	}
	card = d.left[i]
	d.left = slices.Delete(d.left, i, i+1)
	return card, true
}

// provide lets the provider fail in one way after another until over is closed, each at least until a send met it; all is
// closed once every way had its turn.
func (s *storm) provide(ctx context.Context, over, all chan struct{}) {
	random, cards, refused := rand.New(rand.NewPCG(*seed, 3)), deck[outage]{suit: outages}, 0
	for n := 0; ctx.Err() == nil; n++ {
		if n == len(outages) {
			close(all)
		}
		o, _ := cards.deal(random, func(outage) bool { return true })
		if o.fault.Kind == simulator.Refuse {
			if refused++; refused > mostRefused {
				continue
			}
		}
		met := s.meta.Counts().Faults[o.fault.Kind]
		s.script(func() { s.theirs = []simulator.Fault{o.fault} })
		for wait := o.lasts; ctx.Err() == nil && s.meta.Counts().Faults[o.fault.Kind] == met; wait = time.Second {
			select {
			case <-time.After(wait):
			case <-over:
				s.script(func() { s.theirs = nil })
				return
			case <-ctx.Done():
			}
		}
	}
}
