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
	wrapped []byte        // nil when the record could not be read
	expires time.Time     // by the broker's clock
	until   time.Time     // by the monotonic clock
	opened  *list.Element // in index.opened, nil while wrapped
}

// over says that a seed has expired by either clock: a clock that is set back keeps no seed.
func (e *entry) over(now time.Time) bool {
	return !now.Before(e.until) || !now.Round(0).Before(e.expires)
}

// index holds the seeds read so far, and some of them opened, until they expire. A timer empties it, so that seeds leave
// an idle process too. What leaves it is wiped. Safe for concurrent use.
type index struct {
	now func() time.Time

	mu      sync.Mutex
	entries map[seedKey]*entry
	opened  *list.List // of *seed, the last used first
	timer   *time.Timer
	sweepAt time.Time // when timer fires; zero when it is not set

	newest, seen time.Time // the latest append time there was, and when it was read
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
	if e.over(x.now()) {
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
func (x *index) add(key seedKey, wrapped []byte, appended time.Time, retention time.Duration) {
	x.mu.Lock()
	defer x.mu.Unlock()
	now := x.now()
	age := x.brokersNow(now, appended.Round(0)).Sub(appended.Round(0))
	e := &entry{wrapped: wrapped, expires: appended.Add(retention).Round(0), until: now.Add(retention - age)}
	if _, known := x.entries[key]; known || e.over(now) {
		return
	}
	x.entries[key] = e
	x.sweepBy(e.until)
}

// brokersNow is the time at the broker, as of an append time read now: ours, unless the broker has shown a later one.
func (x *index) brokersNow(now, appended time.Time) time.Time {
	shown := x.newest.Add(now.Sub(x.seen))
	if x.newest.IsZero() || appended.After(shown) {
		x.newest, x.seen, shown = appended, now, appended
	}
	if ours := now.Round(0); ours.After(shown) {
		return ours
	}
	return shown
}

// open keeps an opened seed, from now on the index's own to wipe. It is false, and s wiped, if it is there no more.
func (x *index) open(s *seed) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	key := seedKey{s.family, s.id}
	e := x.entries[key]
	switch {
	case e == nil || e.over(x.now()):
		s.wipe()
		return false
	case e.opened != nil:
		x.opened.Remove(e.opened).(*seed).wipe()
	}
	e.opened = x.opened.PushFront(s)
	if x.opened.Len() > openedSeeds {
		last := x.opened.Back().Value.(*seed)
		x.close(x.entries[seedKey{last.family, last.id}])
	}
	return true
}

// close wipes an entry's opened seed; it can be opened again.
func (x *index) close(e *entry) {
	if e.opened != nil {
		x.opened.Remove(e.opened).(*seed).wipe()
		e.opened = nil
	}
}

func (x *index) drop(key seedKey, e *entry) {
	x.close(e)
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
		case e.over(now):
			x.drop(key, e)
		case next.IsZero() || e.until.Before(next):
			next = e.until
		}
	}
	x.sweepAt = time.Time{}
	if !next.IsZero() {
		x.sweepBy(next)
	}
}
