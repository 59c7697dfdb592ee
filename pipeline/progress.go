package pipeline

import (
	"slices"
	"sync"
	"time"
)

// Progress knows which effects are running and since when, so that a wedged one shows: Kafka's heartbeats go on beside
// a stuck loop, and nobody else would tell. Waiting for records is not an effect. The zero value is ready.
type Progress struct {
	mu      sync.Mutex
	running map[*running]struct{}
}

type running struct {
	effect string
	since  time.Time
}

// Begin marks an effect as running until end is called.
func (p *Progress) Begin(effect string) (end func()) {
	r := &running{effect: effect, since: time.Now()}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running == nil {
		p.running = make(map[*running]struct{})
	}
	p.running[r] = struct{}{}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.running, r)
	}
}

// Stuck returns the names of the effects that have been running, repeats included, for longer than d: sorted, each once.
func (p *Progress) Stuck(d time.Duration) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var stuck []string
	for r := range p.running {
		if time.Since(r.since) > d {
			stuck = append(stuck, r.effect)
		}
	}
	slices.Sort(stuck)
	return slices.Compact(stuck)
}
