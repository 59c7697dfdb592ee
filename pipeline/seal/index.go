package seal

import (
	"container/list"
	"sync"
	"time"
)

// openedSeeds bounds how many seeds are held open; beyond it the one not used for longest is opened again when needed.
const openedSeeds = 512

// seedKey names a seed in the index.
type seedKey struct {
	family string
	id     seedID
}

// entry is a seed as its key topic holds it.
type entry struct {
	wrapped []byte // nil when the record could not be read
	expires time.Time
	opened  *list.Element // in index.opened, nil while wrapped
}

// index holds the seeds read so far, and some of them opened, until they expire. A timer empties it, so that seeds leave
// an idle process too. Safe for concurrent use.
type index struct {
	now func() time.Time

	mu      sync.Mutex
	entries map[seedKey]*entry
	opened  *list.List // of *seed, the last used first
	timer   *time.Timer
	sweepAt time.Time // when timer fires; zero when it is not set
}

func newIndex(now func() time.Time) *index {
	return &index{now: now, entries: make(map[seedKey]*entry), opened: list.New()}
}

// get returns a seed's entry as it is now: its wrapped form, and the opened seed if it is open. It is gone, ok is false,
// from the instant it expires.
func (x *index) get(key seedKey) (wrapped []byte, opened *seed, ok bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	e := x.entries[key]
	if e == nil {
		return nil, nil, false
	}
	if !x.now().Before(e.expires) {
		x.drop(key, e)
		return nil, nil, false
	}
	if e.opened != nil {
		x.opened.MoveToFront(e.opened)
		opened = e.opened.Value.(*seed)
	}
	return e.wrapped, opened, true
}

// add takes a seed as its key topic has it. The first record of an id counts: a second one is a repeated append.
func (x *index) add(key seedKey, wrapped []byte, expires time.Time) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if _, known := x.entries[key]; known || !x.now().Before(expires) {
		return
	}
	x.entries[key] = &entry{wrapped: wrapped, expires: expires}
	x.sweepBy(expires)
}

// open keeps an opened seed, if its entry is still there.
func (x *index) open(s *seed) {
	x.mu.Lock()
	defer x.mu.Unlock()
	e := x.entries[seedKey{s.family, s.id}]
	if e == nil || e.opened != nil {
		return
	}
	e.opened = x.opened.PushFront(s)
	if x.opened.Len() > openedSeeds {
		last := x.opened.Remove(x.opened.Back()).(*seed)
		x.entries[seedKey{last.family, last.id}].opened = nil
	}
}

func (x *index) drop(key seedKey, e *entry) {
	if e.opened != nil {
		x.opened.Remove(e.opened)
	}
	delete(x.entries, key)
}

// sweepBy makes sure that a sweep comes at t or before.
func (x *index) sweepBy(t time.Time) {
	if !x.sweepAt.IsZero() && !t.Before(x.sweepAt) {
		return
	}
	x.sweepAt = t
	wait := t.Sub(x.now())
	if x.timer == nil {
		x.timer = time.AfterFunc(wait, x.sweep)
		return
	}
	x.timer.Reset(wait)
}

// sweep drops what has expired and sets the timer for what expires next.
func (x *index) sweep() {
	x.mu.Lock()
	defer x.mu.Unlock()
	now := x.now()
	var next time.Time
	for key, e := range x.entries {
		switch {
		case !now.Before(e.expires):
			x.drop(key, e)
		case next.IsZero() || e.expires.Before(next):
			next = e.expires
		}
	}
	x.sweepAt = time.Time{}
	if !next.IsZero() {
		x.sweepBy(next)
	}
}
