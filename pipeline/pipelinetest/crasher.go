package pipelinetest

import (
	"errors"
	"sync"

	"github.com/whatsapplink/cloud/pipeline"
)

// ErrCrashed is what an effect returns when the process under test is dead. It is permanent: nobody retries it.
var ErrCrashed = errors.New("crashed")

// CrashPoint says where in an effect the process dies.
type CrashPoint int

// The places of death: before the effect takes place, after it took place in part (an Append: the first half of its
// records), and after it took place in full but before it was acknowledged.
const (
	Before CrashPoint = iota
	Half
	After
)

// CrashPoints lists all places of death.
var CrashPoints = []CrashPoint{Before, Half, After}

// Crasher numbers the effects of one life of a process from 1 and ends that life at one of them: from then on nothing
// takes place. A nil Crasher lets everything pass.
type Crasher struct {
	at    int
	point CrashPoint

	mu    sync.Mutex
	count int
	dead  chan struct{} // closed: this life is over
}

// CrashAt returns a Crasher that dies at the n-th effect; n 0: never, it only counts.
func CrashAt(n int, point CrashPoint) *Crasher {
	return &Crasher{at: n, point: point, dead: make(chan struct{})}
}

// Effects returns how many effects were begun.
func (c *Crasher) Effects() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.count
}

// Crashed says whether this life is over.
func (c *Crasher) Crashed() bool {
	select {
	case <-c.dead:
		return true
	default:
		return false
	}
}

// Dead is closed when this life is over.
func (c *Crasher) Dead() <-chan struct{} { return c.dead }

// Do performs an effect, one at a time, or dies at it. The effect asks share how many of its n parts shall take place.
func (c *Crasher) Do(effect func(share func(n int) int) error) error {
	whole := func(n int) int { return n }
	if c == nil {
		return effect(whole)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.Crashed() {
		return pipeline.Permanent(ErrCrashed)
	}
	c.count++
	if c.count != c.at {
		return effect(whole)
	}
	close(c.dead)
	switch c.point {
	case Half:
		_ = effect(func(n int) int { return n / 2 })
	case After:
		_ = effect(whole)
	case Before:
	}
	return pipeline.Permanent(ErrCrashed)
}

// Kill ends this life between two effects.
func (c *Crasher) Kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.Crashed() {
		close(c.dead)
	}
}
