package seal

import (
	"errors"
	"sync"
	"testing"
	"time"
	"unsafe"

	"pgregory.net/rapid"

	"github.com/whatsapplink/cloud/schemas"
)

// clock is a machine's two clocks: the monotonic one, which stood still while the machine was suspended, and the other
// one, which is off.
type clock struct {
	start time.Time // with a monotonic reading

	mu                      sync.Mutex // the code's timers read the clock too
	elapsed, suspended, off time.Duration
}

func (c *clock) passes(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.elapsed += d
}

func (c *clock) suspends(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.elapsed, c.suspended = c.elapsed+d, c.suspended+d
}

func (c *clock) set(off time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.off = off
}

// true is the time at the broker.
func (c *clock) true() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.start.Round(0).Add(c.elapsed)
}

// now is what time.Now returns there. A Time's wall reading cannot be set apart from its monotonic one but by its layout:
// the first word counts seconds since 1885 from bit 30 on and nanoseconds below.
func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.start.Add(c.elapsed - c.suspended)
	wall := c.start.Round(0).Add(c.elapsed + c.off)
	seconds := uint64(wall.Unix() + 2682288000)
	*(*uint64)(unsafe.Pointer(&t)) = 1<<63 | seconds<<30 | uint64(wall.Nanosecond())
	return t
}

func TestTheClocksOfTheTestAreTwo(t *testing.T) {
	// Goal: the forged readings are what the tests below take them for. Method: read both.
	c := &clock{start: time.Now()}
	before := c.now()
	c.passes(time.Minute)
	c.set(-time.Hour)
	after := c.now()
	if got := after.Sub(before); got != time.Minute {
		t.Fatalf("the monotonic clock went on by %v", got)
	}
	if got := after.Round(0).Sub(before.Round(0)); got != time.Minute-time.Hour {
		t.Fatalf("the wall clock went on by %v", got)
	}
}

const (
	clockWindow = 300 * time.Hour
	clockBucket = 90 * time.Minute
	clockTopic  = "keys.300h"
)

// keyWorld is a key topic, and sealers and openers on a machine whose clock is set at will, restarted at will.
type keyWorld struct {
	clock   *clock
	log     *memory
	keeper  Keeper
	sealers [2]*Sealer
	openers [2]*opening
	owners  map[string]*Sealer // of a seed
	nonces  map[string]bool    // with the seed and message they were used under
	sealed  []sealedOne
}

// opening is an opener, and by how much its machine's clock was slow when it read, and was ever fast.
type opening struct {
	*Opener
	read       int // records of the key topic there were
	slow, fast time.Duration
}

type sealedOne struct {
	value   schemas.Sealed
	ref     schemas.SeedRef
	message string
}

func newKeyWorld(t *testing.T) *keyWorld {
	w := &keyWorld{clock: &clock{start: time.Now()}, log: newMemory(), keeper: newKeeper(t), owners: make(map[string]*Sealer), nonces: make(map[string]bool)}
	w.log.now = w.clock.true
	for i := range 2 {
		w.sealers[i], w.openers[i] = w.sealer(), w.opener()
	}
	return w
}

func (w *keyWorld) sealer() *Sealer {
	return NewSealer(SealerConfig{Log: w.log, Keeper: w.keeper, ShortestBucket: clockBucket, Now: w.clock.now})
}

func (w *keyWorld) opener() *opening {
	return &opening{
		Opener: NewOpener(OpenerConfig{Tail: w.log.tail, Keeper: w.keeper, ShortestBucket: clockBucket, Now: w.clock.now}),
		fast:   max(0, w.clock.off),
	}
}

// retain has the broker remove what it keeps no longer, late as it does.
func (w *keyWorld) retain() {
	first := int64(0)
	for _, r := range w.log.records(clockTopic) {
		if w.clock.true().Sub(r.AppendedAt) > KeyRetention(clockWindow, clockBucket)+clockBucket {
			first = r.Offset + 1
		}
	}
	w.log.trim(clockTopic, first)
}

func (w *keyWorld) seal(t *rapid.T) {
	s := w.sealers[rapid.IntRange(0, 1).Draw(t, "sealer")]
	message := rapid.SampledFrom([]string{"1", "2"}).Draw(t, "message")
	value, ref, err := s.Seal(t.Context(), clockWindow, "acme", message, Transit, []byte("hello "+message))
	if errors.Is(err, errLateSeed) {
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	records := w.log.records(clockTopic)
	if value.OffsetHint >= int64(len(records)) || string(records[value.OffsetHint].Key) != string(value.SeedID) {
		t.Fatal("sealed under a seed that the key topic does not hold")
	}
	if age := w.clock.true().Sub(records[value.OffsetHint].AppendedAt); age >= clockBucket {
		t.Fatalf("sealed under a seed appended %v ago", age)
	}
	seed := string(value.SeedID)
	if owner := w.owners[seed]; owner != nil && owner != s {
		t.Fatal("two sealers, or one before and after its restart, share a seed")
	}
	w.owners[seed] = s
	if nonce := seed + message + string(value.Nonce); w.nonces[nonce] {
		t.Fatal("a nonce was used twice under one key")
	} else {
		w.nonces[nonce] = true
	}
	w.sealed = append(w.sealed, sealedOne{value, ref, message})
}

func (w *keyWorld) open(t *rapid.T) {
	o := w.openers[rapid.IntRange(0, 1).Draw(t, "opener")]
	if n := len(w.log.records(clockTopic)); n > o.read {
		o.read, o.slow = n, max(o.slow, -w.clock.off)
	}
	for _, s := range w.sealed {
		plain, err := o.Open(t.Context(), s.value, "acme", s.message, Transit)
		now, ends := w.clock.true(), s.ref.AppendedAt.Add(KeyRetention(clockWindow, clockBucket))
		switch {
		case err == nil && string(plain) != "hello "+s.message:
			t.Fatal("opened to something else")
		case err == nil && !now.Before(ends.Add(o.slow)):
			t.Fatalf("opened %v after its end by a clock that was at most %v slow when it read", now.Sub(ends), o.slow)
		case errors.Is(err, ErrGone) && now.Add(o.fast).Before(ends):
			t.Fatalf("gone %v before its end by a clock that was never more than %v fast", ends.Sub(now), o.fast)
		case err != nil && !errors.Is(err, ErrGone):
			t.Fatal(err)
		}
	}
}

func TestNoStepOfAClockReusesOrOutlivesASeed(t *testing.T) {
	// Goal: whatever the clock of a machine does and whichever process restarts, a seed is acknowledged before it is used,
	// has one owner, seals for less than a bucket after its append, no nonce comes twice under a key, and what it sealed
	// opens until its end and not after, save by as much as the clock was off. Method: random operations, by forged clocks.
	spans := rapid.SampledFrom([]time.Duration{1, clockBucket / 2, clockBucket - 1, clockBucket, clockWindow, clockWindow + clockBucket})
	rapid.Check(t, func(rt *rapid.T) {
		w, suspends := newKeyWorld(t), rapid.Bool().Draw(rt, "suspends")
		rt.Repeat(map[string]func(*rapid.T){
			"seal": w.seal,
			"seal slowly": func(t *rapid.T) {
				takes := spans.Draw(t, "append takes")
				w.log.appending = func() { w.clock.passes(takes) }
				w.seal(t)
				w.log.appending = nil
			},
			"open": w.open,
			"pass": func(t *rapid.T) { w.clock.passes(spans.Draw(t, "passes")); w.retain() },
			"disturb": func(t *rapid.T) {
				if suspends { // and then its clock is right: of two faults at once nobody could know
					w.clock.suspends(spans.Draw(t, "suspended"))
					w.retain()
					return
				}
				off := spans.Draw(t, "off") * rapid.SampledFrom([]time.Duration{-1, 0, 1}).Draw(t, "sign")
				for _, o := range w.openers {
					o.fast = max(o.fast, off) // its timers read the clock whenever they come
				}
				w.clock.set(off)
			},
			"restart": func(t *rapid.T) {
				i := rapid.IntRange(0, 1).Draw(t, "which")
				w.sealers[i], w.openers[i] = w.sealer(), w.opener()
			},
		})
	})
}

func TestAClockSetBackKeepsNoSeed(t *testing.T) {
	// Goal: a clock set back, before or after a seed is read, does not prolong it by a moment: the monotonic clock and what
	// the broker shows tell the time then. Method: the same end, with the step on either side of the first opening, at
	// once and of an old seed.
	for name, how := range map[string]struct {
		before bool
		reads  time.Duration
	}{"set back before reading": {before: true}, "set back after reading": {}, "set back after reading late": {reads: clockWindow}} {
		w := newKeyWorld(t)
		if how.before {
			w.clock.set(-100 * time.Hour)
		}
		value, _, err := w.sealers[0].Seal(t.Context(), clockWindow, "acme", "1", Transit, nil)
		if err != nil {
			t.Fatal(err)
		}
		o := w.openers[0]
		for _, c := range []struct {
			after time.Duration
			want  error
		}{{how.reads, nil}, {KeyRetention(clockWindow, clockBucket) - 1, nil}, {KeyRetention(clockWindow, clockBucket), ErrGone}} {
			w.clock.passes(c.after - w.clock.elapsed)
			if _, err := o.Open(t.Context(), value, "acme", "1", Transit); !errors.Is(err, c.want) {
				t.Errorf("%s, after %v: %v; want %v", name, c.after, err, c.want)
			}
			w.clock.set(-100 * time.Hour)
		}
		if held(o.Opener) != 0 {
			t.Errorf("%s: the seed is held", name)
		}
	}
}

func TestASuspendedMachineDoesNotSealOn(t *testing.T) {
	// Goal: a bucket ends while the monotonic clock stands still. Method: only the wall clock goes on, for a bucket.
	w := newKeyWorld(t)
	_, first, err := w.sealers[0].Seal(t.Context(), clockWindow, "acme", "1", Transit, nil)
	if err != nil {
		t.Fatal(err)
	}
	w.clock.set(clockBucket)
	_, second, err := w.sealers[0].Seal(t.Context(), clockWindow, "acme", "1", Transit, nil)
	if err != nil || string(first.SeedID) == string(second.SeedID) {
		t.Errorf("the seed of before was used again: %v", err)
	}
}
