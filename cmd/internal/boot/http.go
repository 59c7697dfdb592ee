package boot

import (
	"context"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/whatsapplink/cloud/pipeline"
)

// Endpoint serves /metrics, /healthz and /readyz.
type Endpoint struct {
	server  *http.Server
	address net.Addr
}

// Listen opens the endpoint. Health: the process is up and no effect has been stuck for StuckAfter. Readiness: what the
// service itself says.
func Listen(p *Process, address string, ready func() error) (*Endpoint, error) {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(p.Registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if stuck := p.Metrics.Progress.Stuck(StuckAfter); len(stuck) > 0 {
			http.Error(w, "stuck on "+strings.Join(stuck, ", "), http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := ready(); err != nil {
			http.Error(w, "not ready: "+pipeline.Class(err), http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ready\n"))
	})
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	go func() { _ = server.Serve(listener) }()
	return &Endpoint{server: server, address: listener.Addr()}, nil
}

// Address is where the endpoint listens.
func (e *Endpoint) Address() string { return e.address.String() }

// Close stops the endpoint, giving a scrape in progress a second.
func (e *Endpoint) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = e.server.Shutdown(ctx)
}

// StuckAfter is how long one effect may take before the process calls itself unhealthy.
const StuckAfter = 5 * time.Minute
