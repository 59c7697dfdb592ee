package pipeline

import (
	"sync"
	"time"
)

// backlog remembers, for the lag gauges, when the records between fetch and commit were appended: by the first record
// of each fetch, so the age may be too high by the span of one fetch, never too low.
type backlog struct {
	mu      sync.Mutex
	next    int64 // committed
	fetches []fetched
}

type fetched struct {
	next int64 // after the fetch's last record
	at   time.Time
}

func newBacklog(committed int64) *backlog { return &backlog{next: committed} }

func (b *backlog) fetched(next int64, at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fetches = append(b.fetches, fetched{next, at})
}

func (b *backlog) committed(next int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.next = next
	for len(b.fetches) > 0 && b.fetches[0].next <= next {
		b.fetches = b.fetches[1:]
	}
}

// oldest returns the commit and the time of the oldest record not committed, zero when there is none.
func (b *backlog) oldest() (committed int64, at time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.fetches) > 0 {
		at = b.fetches[0].at
	}
	return b.next, at
}
