package simulator

import (
	"encoding/json"
	"net/http"
	"path"
	"strconv"
	"time"
)

// Kind is what a fault does.
type Kind string

// The kinds of faults. Before acceptance nothing enters the ledger, after it the send stands there.
const (
	Refuse            Kind = "refuse" // answers Code
	ResetBeforeAccept Kind = "reset_before_accept"
	ResetAfterAccept  Kind = "reset_after_accept"
	HangBeforeAccept  Kind = "hang_before_accept" // answers nothing until the caller gives up
	HangAfterAccept   Kind = "hang_after_accept"
	HTML              Kind = "html"              // HTTPStatus (503) and a page, as a proxy answers; not accepted
	HTMLAfterAccept   Kind = "html_after_accept" // the same, though the send was accepted
	LateAnswer        Kind = "late_answer"       // accepted at once and answered after Latency: callbacks come first
	Slow              Kind = "slow"              // nothing but Latency
)

// Fault is one scripted fault; of all that match a send the first happens. Durations are nanoseconds in JSON.
type Fault struct {
	Kind       Kind          `json:"kind,omitempty"` // "": Refuse
	Code       int           `json:"code,omitempty"`
	HTTPStatus int           `json:"http_status,omitempty"` // 0: Meta's for the code
	RetryAfter time.Duration `json:"retry_after,omitempty"`
	Latency    time.Duration `json:"latency,omitempty"` // before the fault, of LateAnswer between acceptance and answer
	Details    string        `json:"details,omitempty"` // of a refusal; "": scripted

	// Which sends: patterns as path.Match takes them, "" for all. Recipient is digits or a user id.
	Sender    string  `json:"sender,omitempty"`
	Recipient string  `json:"recipient,omitempty"`
	Tenant    string  `json:"tenant,omitempty"`
	Message   string  `json:"message,omitempty"`
	Attempt   int     `json:"attempt,omitempty"`
	Share     float64 `json:"share,omitempty"` // of these, by the seed; 0: all

	// When: matching sends let through first, then so many hit (0: no end); a span of time since the fault was set.
	Skip  int           `json:"skip,omitempty"`
	Count int           `json:"count,omitempty"`
	After time.Duration `json:"after,omitempty"`
	For   time.Duration `json:"for,omitempty"`
}

// script is the faults in force. The caller locks.
type script struct {
	faults []Fault
	seen   []int // matching sends, by fault
	since  time.Time
}

func newScript(faults []Fault, now time.Time) script {
	return script{faults: faults, seen: make([]int, len(faults)), since: now}
}

// next returns the fault of a send.
func (s *script) next(now time.Time, r *request, d dice) (Fault, bool) {
	elapsed := now.Sub(s.since)
	for i := range s.faults {
		f := &s.faults[i]
		if elapsed < f.After || (f.For > 0 && elapsed >= f.After+f.For) || !f.matches(r) {
			continue
		}
		if f.Share > 0 && d.roll("fault "+strconv.Itoa(i)) >= f.Share {
			continue
		}
		if s.seen[i]++; s.seen[i] <= f.Skip || (f.Count > 0 && s.seen[i] > f.Skip+f.Count) {
			continue
		}
		return *f, true
	}
	return Fault{}, false
}

func (f *Fault) matches(r *request) bool {
	id := &r.identity
	return like(f.Sender, r.sender) && like(f.Recipient, r.address()) && like(f.Tenant, id.tenant) &&
		like(f.Message, id.message) && (f.Attempt == 0 || f.Attempt == id.attempt)
}

// valid finds the mistakes that would make a fault silently do nothing.
func (f *Fault) valid() bool {
	for _, pattern := range []string{f.Sender, f.Recipient, f.Tenant, f.Message} {
		if _, err := path.Match(pattern, ""); err != nil {
			return false
		}
	}
	switch f.Kind {
	case "":
		return f.Code > 0
	case Refuse, ResetBeforeAccept, ResetAfterAccept, HangBeforeAccept, HangAfterAccept, HTML, HTMLAfterAccept, LateAnswer, Slow:
		return true
	}
	return false
}

func like(pattern, s string) bool {
	if pattern == "" {
		return true
	}
	ok, err := path.Match(pattern, s)
	return err == nil && ok
}

// SetFaults replaces the faults; their counts and times start now.
func (s *Simulator) SetFaults(faults []Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.script = newScript(faults, time.Now())
}

func (s *Simulator) postFaults(w http.ResponseWriter, r *http.Request) {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20))
	decoder.DisallowUnknownFields()
	var faults []Fault
	if err := decoder.Decode(&faults); err != nil {
		http.Error(w, "not a JSON array of faults: "+err.Error(), http.StatusBadRequest)
		return
	}
	for i := range faults {
		if !faults[i].valid() {
			http.Error(w, "fault "+strconv.Itoa(i)+": unknown kind, a refusal without a code, or a bad pattern", http.StatusBadRequest)
			return
		}
	}
	s.SetFaults(faults)
	w.WriteHeader(http.StatusNoContent)
}
