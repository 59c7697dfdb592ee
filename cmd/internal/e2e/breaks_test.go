package e2e

import (
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/deployment"
)

// fault is something that breaks and is whole again when do returns.
type fault struct {
	name  string
	apart bool // needs neither validate nor deliver
	do    func(s *storm)
}

// breaks are the faults of our own processes, of the broker and of the engine.
var breaks = []fault{
	{name: "validate killed", do: killed("validate")},
	{name: "route killed", do: killed("route")},
	{name: "deliver killed", do: killed("deliver")},
	{name: "listen killed", do: killed("listen"), apart: true},
	{name: "record killed", do: killed("record"), apart: true},
	{name: "validate and deliver killed before a commit, down for two horizons", do: down},
	{name: "deliver stopped before a call, past its claim's life", do: stoppedBeforeACall},
	{name: "senders changed between a message and its repeat", do: sendersChanged},
	{name: "broker killed", do: func(s *storm) {
		shared.Kill()
		s.pause(s.between(0, 2*time.Second))
		s.must(shared.Restart(s.ctx))
	}},
	{name: "broker paused", do: func(s *storm) {
		s.must(shared.Pause())
		defer func() { _ = shared.Resume() }()
		s.pause(s.between(5*time.Second, longest()))
	}},
	{name: "instances added and removed", do: rebalanced},
	{name: "engine out of reach", apart: true, do: func(s *storm) {
		s.front.down.Store(true)
		defer s.front.down.Store(false)
		s.pause(15 * time.Second)
		s.must(unless(s.front.broken.Load() > 0, "nobody asked for the engine"))
	}},
}

// longest is a pause of the broker, short where CI waits for it.
func longest() time.Duration {
	if resends() {
		return 20 * time.Second
	}
	return 6 * time.Second
}

func anyFault(fault) bool { return true }

// next does the next fault that will do; false says that there is none for the moment.
func (s *storm) next(will func(fault) bool) bool {
	f, ok := s.cards.deal(s.random, will)
	if !ok {
		return false
	}
	s.round++
	s.log("round %d: %s", s.round, f.name)
	s.pause(s.between(0, time.Second))
	f.do(s)
	s.occurred[f.name]++
	return true
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

// rebalanced lets a third instance of some stages come and go.
func rebalanced(s *storm) {
	var added []*deployment.Process
	for _, stage := range []string{"validate", "route", "deliver", "record"} {
		added = append(added, s.start(stage, nil))
	}
	s.pause(s.between(3*time.Second, 6*time.Second))
	s.must(deployment.Stop(added...))
}
