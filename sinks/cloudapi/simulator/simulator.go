package simulator

import (
	"cmp"
	"net/http"
	"sync"
	"time"
)

// Simulator is an http.Handler and, while Run runs, the caller of the callbacks. Safe for concurrent use.
type Simulator struct {
	config    Config
	mux       *http.ServeMux
	callbacks *callbacks

	mu     sync.Mutex
	limits limits
	script script
	ledger ledger
}

// New builds a simulator. It opens nothing.
func New(c Config) *Simulator {
	s := &Simulator{
		config: c, mux: http.NewServeMux(), callbacks: newCallbacks(&c),
		limits: newLimits(c.Senders), script: newScript(c.Faults, time.Now()), ledger: newLedger(c.Remember),
	}
	s.mux.HandleFunc("POST /{version}/{sender}/messages", s.postMessage)
	s.mux.HandleFunc("GET /ledger", s.getLedger)
	s.mux.HandleFunc("GET /ledger/messages", s.getMessages)
	s.mux.HandleFunc("POST /faults", s.postFaults)
	s.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		s.refuse(w, &refusal{code: 100, reason: "unknown_path", details: "Unknown path components"})
	})
	return s
}

// ServeHTTP answers as Meta, and /ledger and /faults. A scripted reset panics with http.ErrAbortHandler, as net/http asks.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

func (s *Simulator) postMessage(w http.ResponseWriter, hr *http.Request) {
	r, f := s.read(w, hr)
	if f != nil {
		s.refuse(w, f)
		return
	}
	d := s.dice(r)
	s.mu.Lock()
	s.ledger.posted(r)
	fault, faulty := s.script.next(time.Now(), r, d)
	if faulty {
		s.ledger.counts.Faults[cmp.Or(fault.Kind, Refuse)]++
	}
	s.mu.Unlock()
	wait(hr, s.config.Latency+time.Duration(d.roll("latency")*float64(s.config.Jitter)))
	if faulty {
		if fault.Kind != LateAnswer {
			wait(hr, fault.Latency)
		}
		if s.spoilBefore(w, hr, &fault) {
			return
		}
	}
	accepted, f := s.accept(r, d)
	defer s.callbacks.unanswered.Delete(accepted.wamid)
	switch {
	case f != nil:
		s.refuse(w, f)
	case faulty && s.spoilAfter(w, hr, &fault):
	default:
		writeJSON(w, http.StatusOK, accepted.body())
	}
}

// spoilBefore does a fault that comes before acceptance, and reports whether it was one.
func (s *Simulator) spoilBefore(w http.ResponseWriter, r *http.Request, f *Fault) bool {
	switch f.Kind {
	case Refuse, "":
		s.refuse(w, &refusal{code: f.Code, status: f.HTTPStatus, retryAfter: f.RetryAfter, details: cmp.Or(f.Details, "scripted")})
	case ResetBeforeAccept:
		panic(http.ErrAbortHandler)
	case HangBeforeAccept:
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	case HTML:
		writeHTML(w, f)
	default:
		return false
	}
	return true
}

// spoilAfter does a fault that hides an acceptance, and reports whether it was one.
func (s *Simulator) spoilAfter(w http.ResponseWriter, r *http.Request, f *Fault) bool {
	switch f.Kind {
	case ResetAfterAccept:
		panic(http.ErrAbortHandler)
	case HangAfterAccept:
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	case HTMLAfterAccept:
		writeHTML(w, f)
		return true
	case LateAnswer:
		wait(r, f.Latency)
	}
	return false
}

func writeHTML(w http.ResponseWriter, f *Fault) {
	status := f.HTTPStatus
	if status == 0 {
		status = http.StatusServiceUnavailable
	}
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(status)
	_, _ = w.Write([]byte("<html><body><h1>Sorry, something went wrong.</h1></body></html>"))
}

// acceptance is what the answer to an accepted send says.
type acceptance struct {
	request *request
	wamid   string
	waID    string // "" where sent to a user id
}

// accept counts the send against the limits, writes it into the ledger and schedules its callbacks.
func (s *Simulator) accept(r *request, d dice) (acceptance, *refusal) {
	a := acceptance{request: r}
	recipient := r.userID
	if r.to != "" {
		a.waID = waID(r.to)
		recipient = a.waID
	}
	fate, code := s.fate(r, d)
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if !s.config.Unlimited {
		if limit := s.limits.take(now, pairKey{r.sender, recipient}); limit != 0 {
			s.ledger.limited(limit)
			return a, &refusal{code: limit, details: "Message failed to send because there were too many messages sent"}
		}
	}
	nth := s.ledger.accepted(r, fate)
	a.wamid = wamid(recipient, d, nth)
	s.callbacks.unanswered.Store(a.wamid, nil)
	s.callbacks.schedule(now, &a, d, fate, code, s.config.Senders[r.sender].WABA)
	return a, nil
}

// body is Meta's success answer.
func (a *acceptance) body() any {
	contact := map[string]string{"input": a.request.input}
	if a.waID != "" {
		contact["wa_id"] = a.waID
	} else {
		contact["user_id"] = a.request.userID
	}
	message := map[string]string{"id": a.wamid}
	if a.request.kind == "template" {
		message["message_status"] = "accepted"
	}
	return map[string]any{"messaging_product": "whatsapp", "contacts": []any{contact}, "messages": []any{message}}
}

func (s *Simulator) refuse(w http.ResponseWriter, f *refusal) {
	if f.reason != "" {
		s.mu.Lock()
		s.ledger.violated(f.reason)
		s.mu.Unlock()
	}
	f.write(w)
}

// wait waits unless the caller goes away first.
func wait(r *http.Request, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	}
}
