package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/boot"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/stages/listen"
)

const (
	callbackPath = "/webhooks/whatsapp"
	maxCallbacks = 64              // worked on at once
	appendWithin = 8 * time.Second // Meta retries what is not answered in time
)

// serve answers Meta until ctx ends, then lets calls in progress finish.
func (l *listener) serve(ctx context.Context) error {
	socket, err := net.Listen("tcp", l.cfg.Address)
	if err != nil {
		return boot.Problem{Variable: "WL_LISTEN", What: "cannot be listened on", Hint: "is another process there?"}
	}
	server := &http.Server{
		Handler: l.handler(), ReadHeaderTimeout: 2 * time.Second, ReadTimeout: 15 * time.Second, WriteTimeout: 20 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10, TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12},
		ErrorLog: log.New(io.Discard, "", 0), // it would name callers' addresses and quote what a panic holds
	}
	return together(ctx,
		func(context.Context) error {
			if l.cfg.CertFile != "" {
				err = server.ServeTLS(socket, l.cfg.CertFile, l.cfg.KeyFile)
			} else {
				err = server.Serve(socket)
			}
			if errors.Is(err, http.ErrServerClosed) {
				return nil
			}
			return err
		},
		func(ctx context.Context) error {
			<-ctx.Done()
			drain, cancel := context.WithTimeout(context.Background(), boot.DrainTimeout)
			defer cancel()
			return server.Shutdown(drain)
		})
}

func (l *listener) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+callbackPath, l.challenge)
	mux.HandleFunc("POST "+callbackPath, l.callback)
	return mux
}

// challenge answers Meta's verification handshake.
func (l *listener) challenge(w http.ResponseWriter, r *http.Request) {
	answer, ok := listen.Challenge(r.URL.Query(), string(l.token))
	if !ok {
		http.Error(w, "forbidden", http.StatusForbidden)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = io.WriteString(w, answer)
}

// callback takes one POST of Meta's: genuine or refused cheaply, acknowledged only once Kafka has it, shed with 503
// rather than piled up. Nothing of the body is ever logged.
func (l *listener) callback(w http.ResponseWriter, r *http.Request) {
	body, held, refusal := l.take(w, r)
	defer l.memory.Release(held)
	if refusal.status == 0 && !listen.Verify(l.secrets, body, r.Header.Get(signatureHeader)) {
		refusal = badSignature
	}
	if refusal.status != 0 {
		l.refuse(w, refusal.status, refusal.reason)
		return
	}
	select { // only the genuine come so far: who cannot sign takes no slot
	case l.slots <- struct{}{}:
		defer func() { <-l.slots }()
	default:
		l.refuse(w, busy.status, busy.reason)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), appendWithin)
	defer cancel()
	reduction, err := l.reduce(ctx, body)
	if rejection, ok := pipeline.AsRejection(err); ok {
		l.process.Metrics.Rejected("listen", rejection.Reason, 1)
		w.WriteHeader(http.StatusOK) // it can never pass, and Meta would send it for days
		return
	}
	if err != nil {
		l.refuse(w, http.StatusServiceUnavailable, "not_reduced")
		return
	}
	if err := l.append(ctx, reduction); err != nil {
		l.refuse(w, http.StatusServiceUnavailable, "not_acknowledged")
		return
	}
	l.process.Metrics.Records("listen", "accepted", len(reduction.Statuses))
	l.process.Metrics.Records("listen", "ignored", reduction.Ignored)
	w.WriteHeader(http.StatusOK)
}

func (l *listener) refuse(w http.ResponseWriter, status int, reason string) {
	l.process.Metrics.Rejected("listen", reason, 1)
	http.Error(w, reason, status)
}
