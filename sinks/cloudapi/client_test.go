package cloudapi

import (
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

const token = "EAAGcanary-token-7f3a"

func newClient(t testing.TB, c Config) *Client {
	t.Helper()
	if c.Version == "" {
		c.Version = "v26.0"
	}
	client, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func message() Message {
	return Message{SenderID: "106540352242922", Token: token, Body: []byte(`{"messaging_product":"whatsapp"}`), Until: time.Now().Add(time.Hour)}
}

const accepted = `{"messages":[{"id":"wamid.X"}]}`

// serve runs handle for every connection; the test ends when all have ended.
func serve(t testing.TB, handle func(net.Conn)) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { handle(c) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		running.Wait()
	})
	return listener.Addr().String()
}

func TestOnlyASafeAddressIsTaken(t *testing.T) {
	// Goal: the token goes over TLS or stays on the machine, and the version is pinned. Method: a table of configurations.
	for _, c := range []struct {
		base, version string
		ok            bool
	}{
		{"https://graph.facebook.com", "v26.0", true},
		{"http://127.0.0.1:8081", "v26.0", true},
		{"http://[::1]:8081", "v26.0", true},
		{"http://localhost:8081", "v26.0", true},
		{"http://graph.facebook.com", "v26.0", false},
		{"http://127.0.0.1.example.com", "v26.0", false},
		{"ftp://graph.facebook.com", "v26.0", false},
		{"https://user:secret@graph.facebook.com", "v26.0", false},
		{"graph.facebook.com", "v26.0", false},
		{"https://graph.facebook.com", "", false},
		{"https://graph.facebook.com", "latest", false},
	} {
		_, err := New(Config{BaseURL: c.base, Version: c.version})
		if (err == nil) != c.ok {
			t.Errorf("%s %q: %v", c.base, c.version, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error quotes the url: %v", err)
		}
	}
}

func TestARequestIsWhatMetaWants(t *testing.T) {
	// Goal: path, headers and body are those of the reference, over HTTP/1 and over HTTP/2. Method: a server that notes what
	// it gets.
	for _, h2 := range []bool{false, true} {
		var got *http.Request
		var body []byte
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got = r
			body, _ = io.ReadAll(r.Body)
			_, _ = io.WriteString(w, accepted)
		}))
		server.EnableHTTP2 = h2
		server.StartTLS()
		config := server.Client().Transport.(*http.Transport).TLSClientConfig
		client := newClient(t, Config{BaseURL: server.URL, Connections: 2, TLS: &tls.Config{RootCAs: config.RootCAs}})
		a := client.Send(t.Context(), message())
		client.Close()
		server.Close()
		if a.Phase != Answered || a.HTTPStatus != 200 || a.WAMID != "wamid.X" || a.Latency <= 0 {
			t.Fatalf("h2 %v: %+v", h2, a)
		}
		if (got.ProtoMajor == 2) != h2 {
			t.Errorf("h2 %v: spoken %s", h2, got.Proto)
		}
		if got.Method != "POST" || got.URL.Path != "/v26.0/106540352242922/messages" || got.URL.RawQuery != "" {
			t.Errorf("%s %s", got.Method, got.URL)
		}
		h := got.Header
		if h.Get("Authorization") != "Bearer "+token || h.Get("Content-Type") != "application/json" || h.Get("Idempotency-Key") != "" {
			t.Errorf("headers %v", h)
		}
		if string(body) != string(message().Body) || got.ContentLength != int64(len(body)) {
			t.Errorf("body %q", body)
		}
	}
}

func TestPhaseSaysHowFarARequestCame(t *testing.T) {
	// Goal: NotSent only if not a byte of the request can have left, Ambiguous whenever it may have been taken. Method: a
	// hostile server for each way to fail.
	heard := make(chan struct{}, 10)
	hang := func(c net.Conn) {
		_, _ = c.Read(make([]byte, 64<<10))
		heard <- struct{}{} // the caller gives up now
		_, _ = io.Copy(io.Discard, c)
		_ = c.Close()
	}
	readThen := func(answer string) func(net.Conn) {
		return func(c net.Conn) {
			_, _ = c.Read(make([]byte, 64<<10))
			_, _ = io.WriteString(c, answer)
			_ = c.Close()
		}
	}
	refused, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = refused.Close()
	untrusted := httptest.NewUnstartedServer(http.NotFoundHandler())
	untrusted.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	untrusted.StartTLS()
	defer untrusted.Close()
	for name, c := range map[string]struct {
		url    string
		status int
		want   Phase
	}{
		"nobody listens":             {"http://" + refused.Addr().String(), 0, NotSent},
		"certificate of a stranger":  {untrusted.URL, 0, NotSent},
		"no TLS spoken":              {"https://" + serve(t, readThen("HTTP/1.1 400 Bad Request\r\n\r\n")), 0, NotSent},
		"TLS handshake hangs":        {"https://" + serve(t, hang), 0, NotSent},
		"closed before reading":      {"http://" + serve(t, func(c net.Conn) { _ = c.Close() }), 0, Ambiguous},
		"closed after reading":       {"http://" + serve(t, readThen("")), 0, Ambiguous},
		"no answer":                  {"http://" + serve(t, hang), 0, Ambiguous},
		"garbage for an answer":      {"http://" + serve(t, readThen("\x00\x01\x02\r\n\r\n")), 0, Ambiguous},
		"closed within the header":   {"http://" + serve(t, readThen("HTTP/1.1 200 OK\r\nContent-Le")), 0, Ambiguous},
		"closed within the body":     {"http://" + serve(t, readThen("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"+accepted)), 0, Ambiguous},
		"endless header":             {"http://" + serve(t, readThen("HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 64<<10)+"\r\n\r\n")), 0, Ambiguous},
		"an error that is not JSON":  {"http://" + serve(t, readThen("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 6\r\n\r\n<html>")), 502, Answered},
		"a body larger than allowed": {"http://" + serve(t, readThen("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{\"messages\":[{\"id\":\""+strings.Repeat("x", maxAnswerBytes)+"\"}]}")), 200, Answered},
	} {
		t.Run(name, func(t *testing.T) {
			client := newClient(t, Config{BaseURL: c.url, Connections: 1})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go func() {
				select {
				case <-heard:
					cancel()
				case <-ctx.Done():
				}
			}()
			a := client.Send(ctx, message())
			if a.Phase != c.want || a.HTTPStatus != c.status || a.Parsed {
				t.Errorf("%+v, want %s with status %d", a, c.want, c.status)
			}
		})
	}
}

func TestWaitingForAConnectionIsNotSending(t *testing.T) {
	// Goal: a send whose time passes while all connections are taken is provably not sent. Method: one connection, held by a
	// hanging call, and a second send with little time.
	posts := make(chan struct{}, 10)
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		posts <- struct{}{}
		<-release
		_, _ = io.WriteString(w, accepted)
	}))
	defer server.Close()
	client := newClient(t, Config{BaseURL: server.URL, Connections: 1})
	first := make(chan Answer)
	go func() { first <- client.Send(context.Background(), message()) }()
	<-posts
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if a := client.Send(ctx, message()); a.Phase != NotSent {
		t.Errorf("second: %+v", a)
	}
	close(release)
	if a := <-first; a.Phase != Answered {
		t.Errorf("first: %+v", a)
	}
	if len(posts) != 0 {
		t.Error("the second send was posted")
	}
}

func TestTimeOutsHold(t *testing.T) {
	// Goal: no call lasts longer than Total; one without a header ends before. Method: a peer in memory that is silent or
	// answers a byte a second, in virtual time.
	for name, c := range map[string]struct {
		peer func(net.Conn)
		want time.Duration
	}{
		"silent": {func(net.Conn) {}, headerTimeout},
		"drips": {func(peer net.Conn) {
			_, _ = io.WriteString(peer, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
			for {
				time.Sleep(time.Second)
				if _, err := io.WriteString(peer, " "); err != nil {
					return
				}
			}
		}, Total},
		"switches protocols": {func(peer net.Conn) {
			_, _ = io.WriteString(peer, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
		}, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			client := newClient(t, Config{BaseURL: "http://127.0.0.1:1", Connections: 1})
			client.http.Transport.(*http.Transport).DialContext = func(context.Context, string, string) (net.Conn, error) {
				ours, peer := net.Pipe()
				go func() {
					_, _ = peer.Read(make([]byte, 64<<10))
					go func() { _, _ = io.Copy(io.Discard, peer) }()
					c.peer(peer)
				}()
				return ours, nil
			}
			start := time.Now()
			a := client.Send(t.Context(), message())
			if took := time.Since(start); a.Phase != Ambiguous || took != c.want || a.Latency != took {
				t.Errorf("%s: %+v after %v, want ambiguous after %v", name, a, took, c.want)
			}
			time.Sleep(2 * time.Second) // virtual: the peer notices that it is alone
		})
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	// Goal: token and content reach only the registered host. Method: a server that sends elsewhere, and one there.
	var elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	for _, status := range []int{301, 302, 307, 308} {
		server := httptest.NewServer(http.RedirectHandler(other.URL, status))
		a := newClient(t, Config{BaseURL: server.URL, Connections: 1}).Send(t.Context(), message())
		server.Close()
		if a.Phase != Answered || a.HTTPStatus != status || a.Parsed {
			t.Errorf("%d: %+v", status, a)
		}
	}
	if elsewhere.Load() > 0 {
		t.Error("a redirect was followed")
	}
	client := newClient(t, Config{BaseURL: "http://127.0.0.1:1", Connections: 1})
	dial := client.http.Transport.(*http.Transport).DialContext
	if _, err := dial(t.Context(), "tcp", other.Listener.Addr().String()); err == nil {
		t.Error("another host was dialled")
	}
}

func TestNothingOfTheEnvironmentMovesACall(t *testing.T) {
	// Goal: egress only to the configured host: a proxy named by the environment sees neither token nor content. Method: the
	// transport has no proxy function, where net/http's own default has one. (The environment's proxy is never asked for loopback
	// hosts, so a live proxy could not show it.)
	if http.DefaultTransport.(*http.Transport).Proxy == nil {
		t.Fatal("net/http no longer asks the environment: this test shows nothing")
	}
	client := newClient(t, Config{BaseURL: "https://graph.facebook.com", Connections: 1})
	if client.http.Transport.(*http.Transport).Proxy != nil {
		t.Error("the environment may name a proxy")
	}
	if client.http.Jar != nil {
		t.Error("cookies are kept")
	}
}

func TestBurstsOverHTTP2AreAnswered(t *testing.T) {
	// Goal: over HTTP/2, with a hundred streams a connection as large sites allow, every call of a burst is answered, from a cold
	// start on, over far fewer connections than calls. Method: two bursts; each call is held until as many as one connection takes
	// are there.
	const streams, calls = 100, 200
	var barrier atomic.Pointer[sync.WaitGroup]
	var there, spoken atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		here := barrier.Load()
		if there.Add(1) <= streams {
			here.Done()
		}
		here.Wait()
		_, _ = io.WriteString(w, accepted)
	}))
	server.EnableHTTP2 = true
	server.Config.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: streams}
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	var seen sync.Map // connections on which HTTP/2 was spoken: surplus ones are closed in their handshakes
	server.Config.ConnState = func(c net.Conn, s http.ConnState) {
		if s == http.StateActive {
			if _, again := seen.LoadOrStore(c, true); !again {
				spoken.Add(1)
			}
		}
	}
	server.StartTLS()
	defer server.Close()
	roots := server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	client := newClient(t, Config{BaseURL: server.URL, Connections: calls, TLS: &tls.Config{RootCAs: roots}})
	for burst := range 2 {
		barrier.Store(new(sync.WaitGroup))
		barrier.Load().Add(streams)
		there.Store(0)
		var answered atomic.Int64
		var all sync.WaitGroup
		for range calls {
			all.Go(func() {
				if a := client.Send(t.Context(), message()); a.Phase == Answered && a.WAMID != "" {
					answered.Add(1)
				}
			})
		}
		all.Wait()
		if answered.Load() != calls {
			t.Errorf("burst %d: %d of %d answered", burst, answered.Load(), calls)
		}
	}
	if n := spoken.Load(); n > calls/4 {
		t.Errorf("%d connections carried %d calls at once", n, calls)
	}
}
