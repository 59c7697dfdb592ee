package simulator

import (
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
)

// Counts is the ledger in numbers, since New. GET /ledger answers it.
type Counts struct {
	Posted             int            `json:"posted"`       // sends whose form was right
	Accepted           int            `json:"accepted"`     // sends that took effect
	Distinct           int            `json:"distinct"`     // (tenant, message, accepted_at) among them
	Doubles            int            `json:"doubles"`      // accepted sends of a distinct beyond its first
	Reused             int            `json:"reused"`       // (tenant, message) accepted with more than one accepted_at
	Unidentified       int            `json:"unidentified"` // accepted sends whose callback data names no message; never doubles
	LimitErrors        map[string]int `json:"limit_errors"` // by code
	Violations         map[string]int `json:"violations"`   // by reason
	Fates              map[Fate]int   `json:"fates"`        // of accepted sends
	Faults             map[Kind]int   `json:"faults"`       // scripted ones that happened
	Senders            map[string]int `json:"senders"`      // accepted, by phone number id
	CallbacksSent      int            `json:"callbacks_sent"`
	CallbacksPending   int            `json:"callbacks_pending"`   // waiting, under way or being repeated
	CallbacksFailed    int            `json:"callbacks_failed"`    // POSTs not answered with 200; their statuses are repeated
	CallbacksDropped   int            `json:"callbacks_dropped"`   // for want of room
	CallbacksDoubled   int            `json:"callbacks_doubled"`   // statuses among those sent that came a second time
	CallbacksReordered int            `json:"callbacks_reordered"` // of messages whose statuses came in reverse order
	CallbacksEarly     int            `json:"callbacks_early"`     // that arrived before the answer to their send was written
	Forgotten          int            `json:"forgotten"`           // messages no longer in the ledger: doubles of theirs go unseen
}

// Entry is one distinct message of the ledger, a line of GET /ledger/messages.
type Entry struct {
	Tenant     string `json:"tenant"`
	Message    string `json:"message"`
	AcceptedAt string `json:"accepted_at"` // as it stands in the callback data
	Sends      int    `json:"sends"`       // accepted; 0: only refused or reset
	Attempts   []int  `json:"attempts"`    // of all posts, accepted or not
	Fate       Fate   `json:"fate"`        // of the first accepted send

	digest [8]byte
}

type entryKey struct{ tenant, message, acceptedAt string }

// ledger remembers messages in a ring. The caller locks.
type ledger struct {
	counts  Counts
	entries map[entryKey]*Entry
	ids     map[[2]string]int // accepted entries of a (tenant, message)
	ring    []entryKey        // oldest at next once full
	next    int
	size    int
}

func newLedger(size int) ledger {
	if size == 0 {
		size = 500_000
	}
	return ledger{
		entries: map[entryKey]*Entry{}, ids: map[[2]string]int{}, size: size,
		counts: Counts{
			LimitErrors: map[string]int{}, Violations: map[string]int{}, Fates: map[Fate]int{}, Faults: map[Kind]int{},
			Senders: map[string]int{},
		},
	}
}

// entry returns the entry of a request, a new one if there is none.
func (l *ledger) entry(id *identity) *Entry {
	key := entryKey{id.tenant, id.message, id.acceptedAt}
	e := l.entries[key]
	if e != nil {
		return e
	}
	e = &Entry{Tenant: id.tenant, Message: id.message, AcceptedAt: id.acceptedAt}
	l.entries[key] = e
	if len(l.ring) < l.size {
		l.ring = append(l.ring, key)
		return e
	}
	l.forget(l.ring[l.next])
	l.ring[l.next] = key
	l.next = (l.next + 1) % l.size
	return e
}

func (l *ledger) forget(key entryKey) {
	l.counts.Forgotten++
	if l.entries[key].Sends > 0 {
		id := [2]string{key.tenant, key.message}
		if l.ids[id]--; l.ids[id] == 0 {
			delete(l.ids, id)
		}
	}
	delete(l.entries, key)
}

// posted counts a send of right form, whatever becomes of it. The same attempt twice means that one claim made two calls.
func (l *ledger) posted(r *request) {
	l.counts.Posted++
	if !r.identity.known {
		return
	}
	e := l.entry(&r.identity)
	for _, attempt := range e.Attempts {
		if attempt == r.identity.attempt {
			l.violated("attempt_repeated")
			return
		}
	}
	e.Attempts = append(e.Attempts, r.identity.attempt)
}

// accepted counts a send that took effect and returns which one of its message it is, from 1.
func (l *ledger) accepted(r *request, fate Fate) (nth int) {
	l.counts.Accepted++
	l.counts.Fates[fate]++
	l.counts.Senders[r.sender]++
	if !r.identity.known {
		l.counts.Unidentified++
		return l.counts.Unidentified
	}
	e := l.entry(&r.identity)
	digest := [8]byte(r.digest[:8])
	if e.Sends++; e.Sends > 1 {
		l.counts.Doubles++
		if e.digest != digest {
			l.violated("content_changed")
		}
		return e.Sends
	}
	l.counts.Distinct++
	e.Fate, e.digest = fate, digest
	id := [2]string{e.Tenant, e.Message}
	if l.ids[id]++; l.ids[id] == 2 {
		l.counts.Reused++
	}
	return 1
}

func (l *ledger) violated(reason string) { l.counts.Violations[reason]++ }

func (l *ledger) limited(code int) { l.counts.LimitErrors[strconv.Itoa(code)]++ }

// Counts returns the counts so far.
func (s *Simulator) Counts() Counts {
	s.mu.Lock()
	c := s.ledger.counts
	c.LimitErrors, c.Violations = maps.Clone(c.LimitErrors), maps.Clone(c.Violations)
	c.Fates, c.Faults, c.Senders = maps.Clone(c.Fates), maps.Clone(c.Faults), maps.Clone(c.Senders)
	s.mu.Unlock()
	s.callbacks.count(&c)
	return c
}

// Messages returns the messages remembered, oldest first.
func (s *Simulator) Messages() []Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := &s.ledger
	all := make([]Entry, 0, len(l.ring))
	for i := range l.ring {
		e := *l.entries[l.ring[(l.next+i)%len(l.ring)]]
		e.Attempts = append([]int(nil), e.Attempts...)
		all = append(all, e)
	}
	return all
}

func (s *Simulator) getLedger(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, s.Counts())
}

func (s *Simulator) getMessages(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/jsonl")
	encoder := json.NewEncoder(w)
	for _, e := range s.Messages() {
		if encoder.Encode(e) != nil {
			return // the caller went away
		}
	}
}
