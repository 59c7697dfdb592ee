package simulator

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// BenchmarkSend posts through a socket with callbacks to a listener, as the demo does, and reports messages and callbacks a
// second beside the CPU time a message costs simulator, client and listener together.
func BenchmarkSend(b *testing.B) {
	listener := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
	}))
	defer listener.Close()
	c := config()
	c.Unlimited, c.CallbackURLs, c.Fates = true, []string{listener.URL}, Fates{Read: 1}
	s := New(c)
	server := httptest.NewServer(s)
	defer server.Close()
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	defer client.CloseIdleConnections()
	var n atomic.Int64
	before := cpu()
	b.SetParallelism(16)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := n.Add(1)
			body := text(fmt.Sprintf("+49151%08d", i%100_000_000), data(fmt.Sprint(i), 1))
			r, _ := http.NewRequest(http.MethodPost, server.URL+"/v26.0/"+sender+"/messages", strings.NewReader(body))
			r.Header.Set("Authorization", "Bearer "+token)
			r.Header.Set("Content-Type", "application/json")
			response, err := client.Do(r)
			if err != nil {
				b.Error(err)
				return
			}
			_, _ = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
		}
	})
	for s.Counts().CallbacksPending > 0 {
		time.Sleep(time.Millisecond)
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
	b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-µs/msg")
	if c := s.Counts(); c.Accepted != b.N || c.CallbacksSent != 3*b.N || c.Doubles > 0 {
		b.Errorf("%+v", c)
	}
	cancel()
	<-ended
}

// cpu is the time this process has spent.
func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
