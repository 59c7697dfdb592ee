package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/sinks/cloudapi/simulator"
)

// door is the simulated Cloud API in this process, which notes when each call's first bytes arrived.
type door struct {
	*simulator.Simulator
	server   *http.Server
	url      string
	counting sync.WaitGroup

	mu    sync.Mutex
	calls []call
}

// call is one POST.
type call struct {
	sender string
	of     schemas.Identity
	at     time.Time
}

func open(cfg simulator.Config) (*door, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("open the door: %w", err)
	}
	d := &door{Simulator: simulator.New(cfg), url: "http://" + listener.Addr().String()}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /{version}/{sender}/messages", d.post)
	d.server = &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	d.counting.Go(func() { _ = d.server.Serve(listener) })
	return d, nil
}

func (d *door) close() {
	_ = d.server.Close()
	d.counting.Wait()
}

func (d *door) post(w http.ResponseWriter, r *http.Request) {
	c := call{sender: r.PathValue("sender"), at: time.Now()}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // the caller went away
	}
	c.of = identityOf(body)
	d.mu.Lock()
	d.calls = append(d.calls, c)
	d.mu.Unlock()
	r.Body = io.NopCloser(bytes.NewReader(body))
	d.ServeHTTP(w, r)
}

// identityOf finds the message in the callback data of a call's body.
func identityOf(body []byte) schemas.Identity {
	_, rest, _ := bytes.Cut(body, []byte(`"biz_opaque_callback_data":"`))
	data, _, _ := bytes.Cut(rest, []byte(`"`))
	c, _ := schemas.ParseCallbackData(string(data))
	return c.Identity
}

// taken returns the calls so far.
func (d *door) taken() []call {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.calls[:len(d.calls):len(d.calls)]
}

// accepted waits until n messages were accepted.
func (d *door) accepted(ctx context.Context, n int) error {
	for d.Counts().Distinct < n {
		if err := pause(ctx); err != nil {
			return fmt.Errorf("%d of %d are sent: %w", d.Counts().Distinct, n, err)
		}
	}
	return nil
}

// fair is an error where the door saw a double or broke a rule or limit.
func (d *door) fair() error {
	if c := d.Counts(); c.Doubles > 0 || len(c.LimitErrors) > 0 || len(c.Violations) > 0 {
		return fmt.Errorf("the door complains: %d doubles, limits %v, violations %v", c.Doubles, c.LimitErrors, c.Violations)
	}
	return nil
}
