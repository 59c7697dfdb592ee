package simulator

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// independentHMAC is HMAC-SHA-256 written out from RFC 2104, not the library's.
func independentHMAC(key, message []byte) string {
	block := make([]byte, sha256.BlockSize)
	copy(block, key)
	inner, outer := sha256.New(), sha256.New()
	for _, b := range block {
		inner.Write([]byte{b ^ 0x36})
		outer.Write([]byte{b ^ 0x5c})
	}
	inner.Write(message)
	outer.Write(inner.Sum(nil))
	return hex.EncodeToString(outer.Sum(nil))
}

func TestSignaturesMatchKnownValues(t *testing.T) {
	// Goal: the signature is the documented one. Method: RFC 4231 case 2, and a body with an escape whose value was computed
	// with Python and OpenSSL.
	for _, c := range []struct{ key, body, want string }{
		{"Jefe", "what do ya want for nothing?", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
		{
			"app-secret-for-tests",
			`{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"messages","value":{"messaging_product":"whatsapp","messages":[{"text":{"body":"caf\u00e9"}}]}}]}]}`,
			"fe2a898309790aac973a3c21f31b8cadc0fbf1007dec55586f6b751f42061e15",
		},
	} {
		if got := signature(c.key, []byte(c.body)); got != "sha256="+c.want || independentHMAC([]byte(c.key), []byte(c.body)) != c.want {
			t.Errorf("%s: %s", c.key, got)
		}
	}
}

func TestEverythingBeyondASCIIIsEscaped(t *testing.T) {
	// Goal: as Meta, lower-case \uXXXX, surrogate pairs beyond the basic plane, and the same text when read. Method: known forms.
	in, _ := json.Marshal("é Я 😀 \u2028 / ok")
	out := escape(in)
	if want := `"\u00e9 \u042f \ud83d\ude00 \u2028 / ok"`; string(out) != want {
		t.Errorf("%s, want %s", out, want)
	}
}

// hook is a callback URL that notes statuses. It checks everything about a callback that must hold always.
type hook struct {
	t      *testing.T
	server *httptest.Server
	answer func(post int) int // HTTP status of the n-th POST

	mu       sync.Mutex
	posts    int
	sizes    []int
	statuses []string // wamid status, of those answered with 200, in order of coming
	codes    map[int]int
}

func newHook(t *testing.T, answer func(int) int) *hook {
	h := &hook{t: t, answer: answer, codes: map[int]int{}}
	h.server = httptest.NewServer(h)
	t.Cleanup(h.server.Close)
	return h
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		q := r.URL.Query()
		if q.Get("hub.mode") == "subscribe" && q.Get("hub.verify_token") == "verify" {
			_, _ = io.WriteString(w, q.Get("hub.challenge"))
			return
		}
		w.WriteHeader(http.StatusForbidden)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the simulator was stopped in the middle of it
	}
	if got, want := r.Header.Get("X-Hub-Signature-256"), "sha256="+independentHMAC([]byte("app-secret-for-tests"), body); got != want {
		h.t.Errorf("signature %s, want %s", got, want)
	}
	if bytes.ContainsFunc(body, func(r rune) bool { return r >= 0x80 }) || !bytes.Contains(body, []byte(`Zo\u00eb`)) && !bytes.Contains(body, []byte(`failed`)) {
		h.t.Errorf("not escaped as Meta does: %.300s", body)
	}
	var e envelopeJSON
	if err := json.Unmarshal(body, &e); err != nil || e.Object != "whatsapp_business_account" {
		h.t.Errorf("%v: %.300s", err, body)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.posts++
	status := h.answer(h.posts)
	if status == http.StatusOK {
		h.take(&e)
	}
	w.WriteHeader(status)
}

func (h *hook) take(e *envelopeJSON) {
	size := 0
	for _, entry := range e.Entry {
		for _, change := range entry.Changes {
			if change.Field != "messages" || map[string]string{sender: "900", "200": "901"}[change.Value.Metadata.ID] != entry.ID {
				h.t.Errorf("change %s of %s in entry %s", change.Field, change.Value.Metadata.ID, entry.ID)
			}
			for _, s := range change.Value.Statuses {
				size++
				h.statuses = append(h.statuses, s.CallbackData+" "+s.Status)
				if len(s.Errors) > 0 {
					h.codes[s.Errors[0].Code]++
				}
				if (s.Status == "failed") != (len(s.Errors) == 1) || s.Timestamp == "" || s.ID == "" || s.RecipientID == "" {
					h.t.Errorf("%+v", s)
				}
			}
		}
	}
	h.sizes = append(h.sizes, size)
}

// of returns the statuses of a message in the order they came.
func (h *hook) of(data string) []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []string
	for _, s := range h.statuses {
		if rest, ok := strings.CutPrefix(s, data+" "); ok {
			all = append(all, rest)
		}
	}
	return all
}

// always answers every POST alike.
func always(status int) func(int) int { return func(int) int { return status } }

// run runs the simulator until nothing is pending or the test's patience ends.
func run(t *testing.T, s *Simulator) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	eventually(t, func() bool { return s.Counts().CallbacksPending == 0 })
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func eventually(t *testing.T, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen in time")
		}
	}
}

func TestEachFateHasItsCallbacks(t *testing.T) {
	// Goal: a message's callbacks are those of its fate, in order, with the failure's code, all signed. Method: one simulator
	// for each fate.
	for name, c := range map[string]struct {
		fates Fates
		want  []string
	}{
		"delivered": {Fates{}, []string{"sent", "delivered"}},
		"sent":      {Fates{Sent: 1}, []string{"sent"}},
		"read":      {Fates{Read: 1}, []string{"sent", "delivered", "read"}},
		"failed":    {Fates{Failed: map[int]float64{131026: 1}}, []string{"sent", "failed"}},
		"never":     {Fates{Never: 1}, nil},
	} {
		h := newHook(t, always(200))
		config := config()
		config.CallbackURLs, config.Fates, config.VerifyToken = []string{h.server.URL}, c.fates, "verify"
		s := New(config)
		send(s, text(to, data("m", 1)))
		run(t, s)
		if got := h.of(data("m", 1)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
		if counts := s.Counts(); counts.CallbacksSent != len(c.want) || counts.Fates[Fate(name)] != 1 {
			t.Errorf("%s: %+v", name, counts)
		}
		if name == "failed" && h.codes[131026] != 1 {
			t.Errorf("codes %v", h.codes)
		}
	}
}

func TestEveryCallbackArrivesWhateverListenersDo(t *testing.T) {
	// Goal: what is not answered with exactly 200 comes again, to the next URL, in batches of the size allowed, and a stopped
	// Run loses nothing. Method: one URL that is dead, one that answers 503, 204 and 500 at first; two runs.
	dead := httptest.NewServer(nil)
	dead.Close()
	h := newHook(t, func(post int) int { return cmp.Or(map[int]int{1: 503, 2: 204, 3: 500, 5: 201}[post], 200) })
	config := config()
	config.Unlimited, config.Callbacks.Batch = true, 50
	config.CallbackURLs, config.VerifyToken = []string{dead.URL, h.server.URL}, "verify"
	s := New(config)
	const n = 200
	for i := range n {
		send(s, text(to, data(fmt.Sprint(i), 1)))
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	eventually(t, func() bool { return s.Counts().CallbacksSent > 0 })
	cancel()
	<-ended
	if c := s.Counts(); c.CallbacksPending+c.CallbacksSent < 2*n {
		t.Errorf("stopping lost some: %+v", c)
	}
	run(t, s)
	for i := range n {
		if got := h.of(data(fmt.Sprint(i), 1)); !slices.Contains(got, "sent") || !slices.Contains(got, "delivered") {
			t.Fatalf("message %d got %v", i, got)
		}
	}
	if most := slices.Max(h.sizes); most > 50 {
		t.Errorf("a POST of %d statuses", most)
	}
	if s.Counts().CallbacksFailed < 4 {
		t.Errorf("%+v: the failures did not happen", s.Counts())
	}
}

func TestAWrongVerifyTokenGetsNoCallback(t *testing.T) {
	// Goal: nothing is posted to a URL that does not pass the handshake. Method: a token it does not know.
	h := newHook(t, always(200))
	config := config()
	config.CallbackURLs, config.VerifyToken = []string{h.server.URL}, "other"
	s := New(config)
	send(s, text(to, data("m", 1)))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	eventually(t, func() bool { return s.Counts().CallbacksFailed > 1 })
	cancel()
	<-ended
	if h.posts > 0 || s.Counts().CallbacksPending != 2 {
		t.Errorf("%d posts, %+v", h.posts, s.Counts())
	}
}

func TestCallbacksComeTwiceAndOutOfOrder(t *testing.T) {
	// Goal: the shares asked for come doubled or reversed, and each status later by the delay. Method: shares of 1.
	h := newHook(t, always(200))
	config := config()
	config.CallbackURLs, config.Fates = []string{h.server.URL}, Fates{Read: 1}
	config.Callbacks = Callbacks{Reordered: 1}
	s := New(config)
	send(s, text(to, data("m", 1)))
	run(t, s)
	if got := h.of(data("m", 1)); !slices.Equal(got, []string{"read", "delivered", "sent"}) {
		t.Errorf("reordered: %v", got)
	}
	if c := s.Counts(); c.CallbacksReordered != 3 || c.CallbacksDoubled+c.CallbacksEarly != 0 {
		t.Errorf("reordered: %+v", c)
	}
	config.Callbacks = Callbacks{Delay: 20 * time.Millisecond}
	s = New(config)
	start := time.Now()
	send(s, text(to, data("late", 1)))
	run(t, s)
	if took, n := time.Since(start), len(h.of(data("late", 1))); took < 60*time.Millisecond || n != 3 {
		t.Errorf("%d came, the last after %v", n, took)
	}
	config.Callbacks = Callbacks{Duplicates: 1}
	s = New(config)
	send(s, text(to, data("n", 1)))
	run(t, s)
	got := h.of(data("n", 1))
	slices.Sort(got)
	if !slices.Equal(got, []string{"delivered", "delivered", "read", "read", "sent", "sent"}) {
		t.Errorf("doubled: %v", got)
	}
	if c := s.Counts(); c.CallbacksDoubled != 3 || c.CallbacksReordered+c.CallbacksEarly != 0 {
		t.Errorf("doubled: %+v", c)
	}
}

func TestALateAnswerComesAfterItsCallbacks(t *testing.T) {
	// Goal: a send whose answer is late has its callbacks before, which the ledger counts, and is accepted like any other.
	// Method: an answer later than the test may take; the caller goes away once both statuses are there.
	h := newHook(t, always(200))
	config := config()
	config.CallbackURLs, config.Faults = []string{h.server.URL}, []Fault{{Kind: LateAnswer, Latency: time.Hour}}
	s := New(config)
	ctx, cancel := context.WithCancel(t.Context())
	answered := make(chan answer)
	go func() { answered <- do(s, wellFormed(text(to, data("m", 1))).WithContext(ctx)) }()
	eventually(t, func() bool { return s.Counts().Accepted == 1 })
	run(t, s)
	if c := s.Counts(); c.CallbacksEarly != 2 || c.Doubles != 0 {
		t.Errorf("%+v", c)
	}
	cancel()
	if a := <-answered; a.wamid == "" {
		t.Errorf("%+v", a)
	}
}

func TestTheBacklogIsBounded(t *testing.T) {
	// Goal: with nobody listening memory stays bounded, and what was dropped is counted. Method: a backlog of 10.
	config := config()
	config.CallbackURLs, config.Callbacks.Backlog, config.Unlimited = []string{"http://127.0.0.1:1"}, 10, true
	s := New(config)
	for i := range 20 {
		send(s, text(to, data(fmt.Sprint(i), 1)))
	}
	if c := s.Counts(); c.CallbacksPending != 10 || c.CallbacksDropped != 30 {
		t.Errorf("%+v", c)
	}
}
