package lifecycle_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/whatsapplink/cloud/cmd/internal/boot"
	"github.com/whatsapplink/cloud/cmd/internal/wire"
	"github.com/whatsapplink/cloud/pipeline/pipelinetest"
)

// names are the processes of the model, in the order of the flow.
var names = []string{"validate", "route", "deliver", "redact", "custody"}

// variables are those that each binary reads.
var variables = map[string][]string{
	"validate": {"WL_KEYS_URL", "WL_REFS_URL", "WL_DELIVERY_WINDOW", "WL_DIAGNOSTIC_WINDOW"},
	"route":    nil,
	"deliver":  {"WL_KEYS_URL", "WL_REFS_URL", "WL_CLOUD_API_URL", "WL_CREDENTIALS_DIR", "WL_DEDUP_HORIZON"},
	"redact":   nil,
	"custody":  {"WL_KEYS_URL"},
}

// life is one life of a process.
type life struct {
	*pipelinetest.Process
	cancel context.CancelFunc
	done   chan struct{}
	deaf   atomic.Bool
	step   atomic.Int64 // seconds that its wall clock was stepped by

	mu    sync.Mutex
	keeps []any

	behind time.Duration            // its wall clock, when last looked at
	took   map[string]time.Duration // the excuses of what it holds
}

// begin starts a life of a process that ends at its n-th effect, or at none for 0.
func (w *world) begin(name string, n int, point pipelinetest.CrashPoint) {
	w.ports++
	address := fmt.Sprintf("127.0.0.1:%d", w.ports)
	l := &life{done: make(chan struct{}), took: map[string]time.Duration{}}
	l.Process = &pipelinetest.Process{
		Broker: w.broker, Name: name, Crash: pipelinetest.CrashAt(n, point), Deaf: l.deaf.Load, Wall: l.wall,
		Dial: func(ctx context.Context) (net.Conn, error) { return w.api.dial(ctx, l) },
		Keeps: func(k any) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.keeps = append(l.keeps, k)
		},
	}
	unplug := pipelinetest.Plug(address, l.Process)
	env := map[string]string{"WL_KAFKA_BROKERS": address, "WL_HTTP": "127.0.0.1:0"}
	for _, v := range variables[name] {
		env[v] = w.env[v]
	}
	if name == "deliver" {
		env["WL_CLOUD_API_URL"] = "http://" + address
	}
	service, problems := build(name, env, &w.logs)
	if len(problems) > 0 {
		w.fault("wiring", "%s: %v", name, problems)
	}
	ctx, cancel := context.WithCancel(context.Background())
	l.cancel = cancel
	w.mu.Lock()
	w.lives = append(w.lives, l)
	w.mu.Unlock()
	go func() { // it may die at an effect that nobody waits for, as a trim
		<-l.Crash.Dead()
		cancel()
	}()
	go func() {
		defer close(l.done)
		defer unplug()
		if err := service.Run(ctx); err != nil && ctx.Err() == nil && !l.Crash.Crashed() {
			w.fault("liveness", "%s ended by itself: %v", name, err)
		}
		l.Crash.Kill()
		l.mu.Lock()
		l.keeps = nil // its memory goes with it
		l.mu.Unlock()
	}()
}

func build(name string, env map[string]string, logs *buffer) (boot.Service, []boot.Problem) {
	var service boot.Service
	var problems []boot.Problem
	switch name {
	case "validate":
		_, service, problems = boot.Build[wire.ValidateConfig](name, wire.Validate, env, logs)
	case "route":
		_, service, problems = boot.Build[wire.RouteConfig](name, wire.Route, env, logs)
	case "deliver":
		_, service, problems = boot.Build[wire.DeliverConfig](name, wire.Deliver, env, logs)
	case "redact":
		_, service, problems = boot.Build[wire.RedactConfig](name, wire.Redact, env, logs)
	case "custody":
		_, service, problems = boot.Build[wire.CustodyConfig](name, wire.Custody, env, logs)
	}
	return service, problems
}

// alive lists the lives of a process that have not ended; all processes for "".
func (w *world) alive(name string) []*life {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(w.lives), func(l *life) bool {
		return (name != "" && l.Name != name) || l.Crash.Crashed()
	})
}

// end ends all lives of a process, in order or at once.
func (w *world) end(name string, inOrder bool) {
	for _, l := range w.alive(name) {
		if !inOrder {
			l.Crash.Kill()
		}
		l.cancel()
		<-l.done
	}
}

// revive starts every process that has no life.
func (w *world) revive() {
	for _, name := range names {
		if len(w.alive(name)) == 0 {
			w.begin(name, 0, pipelinetest.Before)
		}
	}
}

// holding is a seed in the memory of a process.
type holding struct {
	id, name string
	excuse   time.Duration // how far behind the process's wall clock was when it took the seed: it cannot know its age
}

// held are the seeds in the memory of any process.
func (w *world) held() (all []holding) {
	for _, l := range w.alive("") {
		l.mu.Lock()
		behind := max(0, -time.Duration(l.step.Load())*time.Second)
		for _, k := range l.keeps {
			for _, id := range k.(interface{ Held() []string }).Held() {
				if _, before := l.took[id]; !before {
					l.took[id] = max(behind, l.behind)
				}
				all = append(all, holding{id, l.Name, l.took[id]})
			}
		}
		l.behind = behind
		l.mu.Unlock()
	}
	return all
}

// wall is the time with a wall clock that was stepped and a monotonic clock that was not, which package time offers no
// way to make: in a bubble its times have no monotonic reading at all.
func (l *life) wall() time.Time {
	now := time.Now()
	const hasMonotonic, year1885 = 1 << 63, 2682288000 // see the comments of time.Time
	t := time.Unix(0, 0)
	raw := (*struct {
		wall uint64
		ext  int64
	})(unsafe.Pointer(&t))
	raw.wall = hasMonotonic | uint64(now.Unix()+l.step.Load()+year1885)<<30 | uint64(now.Nanosecond())
	raw.ext = now.UnixNano()
	return t
}
