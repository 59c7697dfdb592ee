package simulator

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// queue holds statuses until they are due. Safe for concurrent use.
type queue struct {
	mu      sync.Mutex
	waiting updates
	seq     uint64
	limit   int
	dropped int
	flying  int           // taken, not yet done
	soonest chan struct{} // holds a token when the head changed
	turn    chan struct{} // held by the one taker that waits for the head
}

// gather is how long statuses wait for company in their POST.
const gather = 10 * time.Millisecond

func newQueue(limit int) *queue {
	return &queue{limit: limit, soonest: make(chan struct{}, 1), turn: make(chan struct{}, 1)}
}

// push adds statuses; those with the same due time keep their order. Beyond the limit they are dropped.
func (q *queue) push(all ...update) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, u := range all {
		if len(q.waiting)+q.flying >= q.limit {
			q.dropped++
			continue
		}
		q.seq++
		u.seq = q.seq
		heap.Push(&q.waiting, u)
	}
	select {
	case q.soonest <- struct{}{}:
	default:
	}
}

// take blocks until statuses are due and returns up to most of them, or nil when ctx ends.
func (q *queue) take(ctx context.Context, most int) []update {
	select {
	case q.turn <- struct{}{}:
		defer func() { <-q.turn }()
	case <-ctx.Done():
		return nil
	}
	for {
		due, wait := q.due(most)
		if len(due) > 0 {
			return due
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-q.soonest:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return nil
		}
	}
}

// due pops what is due, or says how long to wait for it.
func (q *queue) due(most int) (due []update, wait time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		return nil, time.Hour
	}
	now := time.Now()
	if wait = q.waiting[0].due.Add(gather).Sub(now); wait > 0 && len(q.waiting) < most {
		return nil, wait
	}
	for len(q.waiting) > 0 && len(due) < most && !q.waiting[0].due.After(now) {
		due = append(due, heap.Pop(&q.waiting).(update))
	}
	q.flying += len(due)
	return due, max(wait, time.Millisecond)
}

// done says that n taken statuses arrived.
func (q *queue) done(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.flying -= n
}

// giveBack returns taken statuses that did not arrive.
func (q *queue) giveBack(all []update) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.flying -= len(all)
	for _, u := range all {
		heap.Push(&q.waiting, u)
	}
}

func (q *queue) count() (pending, dropped int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.waiting) + q.flying, q.dropped
}

// updates is a heap by due time, then by order of coming.
type updates []update

func (h updates) Len() int      { return len(h) }
func (h updates) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *updates) Push(x any)   { *h = append(*h, x.(update)) }
func (h updates) Less(i, j int) bool {
	if !h[i].due.Equal(h[j].due) {
		return h[i].due.Before(h[j].due)
	}
	return h[i].seq < h[j].seq
}

func (h *updates) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = update{}
	*h = old[:len(old)-1]
	return last
}
