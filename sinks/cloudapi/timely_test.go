package cloudapi

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

func TestALateCallIsNotBegun(t *testing.T) {
	// Goal: a call whose time is over when its connection is there reaches nobody and is provably not sent, while one in time
	// on the same connection is. Method: real servers of both protocols that count whole requests.
	for _, http2 := range []bool{false, true} {
		var whole atomic.Int32
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if body, err := io.ReadAll(r.Body); err == nil && len(body) > 0 {
				whole.Add(1)
			}
			_, _ = io.WriteString(w, accepted)
		}))
		server.EnableHTTP2 = http2
		server.StartTLS()
		defer server.Close()
		trusted := server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
		client := newClient(t, Config{BaseURL: server.URL, Connections: 4, TLS: &tls.Config{RootCAs: trusted}})
		for n := range 3 {
			if a := client.Send(t.Context(), message()); a.Phase != Answered || a.WAMID == "" {
				t.Errorf("http2 %v, in time: %+v", http2, a)
			}
			late := message()
			late.Until = time.Now()
			if a := client.Send(t.Context(), late); a.Phase != NotSent {
				t.Errorf("http2 %v, late: %+v", http2, a)
			}
			if got := whole.Load(); got != int32(n+1) {
				t.Errorf("http2 %v: %d whole requests, want %d", http2, got, n+1)
			}
		}
	}
}
