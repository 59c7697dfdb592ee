package clickhouse

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/sinks/clickhouse/embedded"
)

// tries are the deduplication tokens of inserts, one a try.
type tries struct {
	mu     sync.Mutex
	tokens []string
}

func (t *tries) add(token string) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.tokens = append(t.tokens, token)
	return int64(len(t.tokens))
}

// faulty is ClickHouse behind a proxy that spoils the first inserts: it drops the answer after the server committed, or
// answers in its place.
func faulty(t *testing.T, spoil func(w http.ResponseWriter, r *http.Request, n int64, forward http.Handler)) (*DB, *tries) {
	t.Helper()
	direct := embedded.ForTest(t)
	u, err := url.Parse(direct)
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: u.Scheme, Host: u.Host})
	var inserts tries
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Query().Get("query"), "INSERT INTO events") {
			spoil(w, r, inserts.add(r.URL.Query().Get("insert_deduplication_token")), forward)
			return
		}
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(proxy.Close)
	db, err := Open(Config{
		URL:   strings.Replace(direct, u.Host, strings.TrimPrefix(proxy.URL, "http://"), 1),
		Retry: pipeline.Backoff{Initial: time.Millisecond, Max: 5 * time.Millisecond, Elapsed: 10 * time.Second},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db, &inserts
}

// Goal: an insert whose answer is lost after the server committed is tried again and counts once. Method: a proxy that
// lets the insert through, then breaks the connection, twice; the raw table, which no FINAL collapses, holds each row
// once, in one part, and all tries carried one token.
func TestAnInsertWithALostAnswerCountsOnce(t *testing.T) {
	db, inserts := faulty(t, func(w http.ResponseWriter, r *http.Request, n int64, forward http.Handler) {
		if n > 2 {
			forward.ServeHTTP(w, r)
			return
		}
		forward.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler) // closes the connection without an answer
	})
	write(t, db, span(0, 2), tell(1, schemas.KindAccepted, 0), tell(2, schemas.KindAccepted, 0))
	if len(inserts.tokens) != 3 || inserts.tokens[0] == "" || len(slices.Compact(inserts.tokens)) != 1 {
		t.Errorf("the tokens of the tries: %q, want 3 alike", inserts.tokens)
	}
	expect(t, db, "2", "SELECT count() FROM events")
	expect(t, db, "1", "SELECT count() FROM system.parts WHERE database = currentDatabase() AND table = 'events'")
}

// Goal: an insert that the server refuses for now is tried again with the rows it had, and lands. Method: a proxy that
// answers the first two with an exception (too many parts) and nothing else.
func TestARefusedInsertIsTriedAgain(t *testing.T) {
	db, _ := faulty(t, func(w http.ResponseWriter, r *http.Request, n int64, forward http.Handler) {
		if n > 2 {
			forward.ServeHTTP(w, r)
			return
		}
		w.Header().Set("X-ClickHouse-Exception-Code", "252")
		http.Error(w, "Code: 252. DB::Exception: canary +4915112345678", http.StatusInternalServerError)
	})
	write(t, db, span(0, 1), tell(1, schemas.KindAccepted, 0))
	expect(t, db, "1", "SELECT count() FROM events")
}

// Goal: an insert that fails for longer than the bound is the process's end, under an error that names the effect and the
// code, and nothing of what ClickHouse said. Method: a proxy that always refuses, with a canary in the text.
func TestAnErrorCarriesTheCodeAndNothingElse(t *testing.T) {
	db, _ := faulty(t, func(w http.ResponseWriter, _ *http.Request, _ int64, _ http.Handler) {
		w.Header().Set("X-ClickHouse-Exception-Code", "241")
		http.Error(w, "Code: 241. DB::Exception: canary +4915112345678", http.StatusInternalServerError)
	})
	db.retry.Elapsed = 50 * time.Millisecond
	err := Events(db).Write(t.Context(), span(0, 1), []schemas.Event{tell(1, schemas.KindAccepted, 0)})
	var e *Error
	if !errors.As(err, &e) || e.Code != 241 {
		t.Fatalf("got %v", err)
	}
	for _, leak := range []string{"canary", "4915112345678", "DB::", id(1)} {
		if strings.Contains(err.Error(), leak) {
			t.Errorf("the error quotes %q: %v", leak, err)
		}
	}
	if got := pipeline.Class(err); got != "exception_241" {
		t.Errorf("class: got %s", got)
	}
}

// Goal: errors of the network and of contexts are told apart, by class. Method: a port nobody listens on; a context that
// has ended.
func TestErrorsWithoutAnExceptionAreClassed(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	db, err := Open(Config{URL: server.URL + "/whatsapplink"})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if got := pipeline.Class(db.Ping(t.Context())); got != "net" {
		t.Errorf("nobody listens: got class %s", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := db.Ping(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("ended context: got %v", err)
	}
}

// Goal: plaintext leaves this machine by no URL. Method: which URLs get TLS, read from the options.
func TestPlaintextIsForLoopback(t *testing.T) {
	for raw, encrypted := range map[string]bool{
		"clickhouse://127.0.0.1:9000/d": false, "clickhouse://localhost/d": false, "clickhouse://[::1]/d": false, "http://127.0.0.1:8123/d": false,
		"clickhouse://ch.example/d": true, "clickhouse://127.0.0.1,ch.example/d": true, "https://127.0.0.1:8443/d": true,
	} {
		db, err := Open(Config{URL: raw})
		if err != nil {
			t.Errorf("%s: %v", raw, err)
			continue
		}
		if got := db.options.TLS != nil; got != encrypted {
			t.Errorf("%s: TLS is %v", raw, got)
		}
		_ = db.Close()
	}
}

// Goal: a URL that cannot be used is refused at once, without its password in the error, and a good one connects to
// nothing. Method: a table.
func TestOpenChecksTheURL(t *testing.T) {
	for raw, ok := range map[string]bool{
		"clickhouse://127.0.0.1:9000/whatsapplink": true, "clickhouse://a,b:9001/whatsapplink": true,
		"http://127.0.0.1:1/whatsapplink": true, "https://ch.example/whatsapplink": true,
		"": false, "http://ch.example/whatsapplink": false, "ch.example:9000/whatsapplink": false, "clickhouse://127.0.0.1:9000": false, "tcp://h/d": false,
		"clickhouse://u:hunter2@h/d?x=%zz": false, "clickhouse://u:hunter2@h:port/d": false, "http://h/d?async_insert=1": false,
	} {
		db, err := Open(Config{URL: raw, User: "default"})
		if (err == nil) != ok {
			t.Errorf("%q: got %v", raw, err)
		}
		if err != nil && strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error quotes the password: %v", err)
		}
		if err == nil {
			_ = db.Close()
		}
	}
}
