package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/deployment"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/sinks/clickhouse"
	"github.com/whatsapplink/cloud/sinks/clickhouse/embedded"
)

// spoiler is ClickHouse behind a proxy that spoils inserts: before the server sees them, or after it has committed.
type spoiler struct {
	mu      sync.RWMutex // held for writing while the engine is restarted
	forward http.Handler
	before  atomic.Int64 // so many inserts are refused
	after   atomic.Int64 // of so many the answer is lost
	timeout atomic.Int64 // so many are committed and answered with a time-out
}

func (s *spoiler) point(engine *embedded.Engine) {
	u, err := url.Parse(engine.URL())
	if err != nil {
		panic(err) // the engine's own URL
	}
	s.forward = httputil.NewSingleHostReverseProxy(&url.URL{Scheme: u.Scheme, Host: u.Host})
}

func (s *spoiler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	switch insert := strings.HasPrefix(r.URL.Query().Get("query"), "INSERT INTO "); {
	case insert && s.before.Add(-1) >= 0:
		exception(w, "252") // TOO_MANY_PARTS
	case insert && s.after.Add(-1) >= 0:
		s.forward.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler) // closes the connection without an answer
	case insert && s.timeout.Add(-1) >= 0:
		s.forward.ServeHTTP(httptest.NewRecorder(), r)
		exception(w, "159") // TIMEOUT_EXCEEDED
	default:
		s.forward.ServeHTTP(w, r)
	}
}

func exception(w http.ResponseWriter, code string) {
	w.Header().Set("X-ClickHouse-Exception-Code", code)
	http.Error(w, "Code: "+code+". DB::Exception", http.StatusInternalServerError)
}

// truth is what the tables must hold.
type truth struct {
	events, messages, delivered int
	sum                         int64 // of the earliest at of each event, Unix microseconds
}

// faults publishes n events, one in ten again with a later time, while two processes of record are killed, their inserts
// spoiled and the engine restarted, round after round; then everything again in another order, as a replay from zero does.
// Events, messages and roll-ups must equal what was published.
func (w *world) faults(ctx context.Context, n, rounds int) error {
	var s spoiler
	s.point(w.engine)
	proxy := httptest.NewServer(&s)
	defer proxy.Close()
	own, err := w.database(ctx, "faults")
	if err != nil {
		return err
	}
	front := proxy.URL + own[strings.LastIndexByte(own, '/'):]
	d, err := w.deploy(ctx, "faults.", map[string]string{"WL_PARTITIONS": "6", "WL_WINDOWS": "24h,72h", "WL_CLICKHOUSE_URL": front})
	if err != nil {
		return err
	}
	defer d.Close()
	c := w.cluster("faults.")
	defer c.Close()
	var recorders [2]*deployment.Process
	for i := range recorders {
		if recorders[i], err = d.Start("record", nil); err != nil {
			return err
		}
	}
	r := rand.New(rand.NewPCG(5, 6))
	now := time.Now().UTC()
	start := time.Date(now.Year(), now.Month(), 1, 0, 0, 0, 0, time.UTC).Add(-time.Duration(n/len(told)/2) * time.Millisecond)
	var want truth
	var all []pipeline.Output
	for round := range rounds {
		outputs, err := want.tell(r, start, round*n/rounds/len(told), (round+1)*n/rounds/len(told))
		if err != nil {
			return err
		}
		all = append(all, outputs...)
		fault := round % 6
		say("round %d of %d, fault %d", round+1, rounds, fault)
		if err := s.strike(ctx, w, fault); err != nil {
			return err
		}
		if err := send(ctx, c, outputs); err != nil {
			return err
		}
		if fault == 0 || fault == 4 { // at a random moment of what was just sent
			pauseFor(ctx, time.Duration(r.IntN(2000))*time.Millisecond)
			i := r.IntN(len(recorders))
			recorders[i].Kill()
			if recorders[i], err = d.Start("record", nil); err != nil {
				return err
			}
		}
	}
	say("everything again")
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	if err := send(ctx, c, all); err != nil {
		return err
	}
	db, err := clickhouse.Open(clickhouse.Config{URL: front})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	if err := landed(ctx, c); err != nil {
		return err
	}
	if err := deployment.Stop(recorders[:]...); err != nil {
		return err
	}
	return want.check(ctx, db)
}

// strike begins the fault of a round.
func (s *spoiler) strike(ctx context.Context, w *world, fault int) (err error) {
	switch fault {
	case 1:
		s.before.Store(5)
	case 2:
		s.after.Store(5)
	case 3:
		s.timeout.Store(5)
	case 5:
		s.mu.Lock()
		defer s.mu.Unlock()
		w.engine.Close()
		w.engine, err = embedded.Start(ctx, filepath.Join(w.dir, "clickhouse"), nil)
		if err == nil {
			s.point(w.engine)
		}
	}
	return err
}

// tell makes the events of messages [from, to), one in ten of them twice.
func (t *truth) tell(r *rand.Rand, start time.Time, from, to int) (outputs []pipeline.Output, err error) {
	for i := from; i < to; i++ {
		t.messages++
		for _, e := range message(r, i, start.Add(time.Duration(i)*time.Millisecond)) {
			t.events, t.sum = t.events+1, t.sum+e.At.UnixMicro()
			if e.Kind == schemas.KindDelivered {
				t.delivered++
			}
			for range 1 + r.IntN(10)/9 {
				output, err := eventOutput(&e)
				if err != nil {
					return nil, err
				}
				outputs = append(outputs, output)
				e.At = e.At.Add(time.Minute)
			}
		}
	}
	r.Shuffle(len(outputs), func(i, j int) { outputs[i], outputs[j] = outputs[j], outputs[i] })
	return outputs, nil
}

func send(ctx context.Context, c *kafka.Cluster, outputs []pipeline.Output) error {
	for len(outputs) > 0 {
		n := min(5000, len(outputs))
		if _, err := c.Log().Append(ctx, outputs[:n]); err != nil {
			return err
		}
		outputs = outputs[n:]
	}
	return nil
}

// landed waits until record has committed all of events.
func landed(ctx context.Context, c *kafka.Cluster) error {
	total, err := end(ctx, c, "events")
	for done := int64(0); err == nil && done < total; {
		if done, err = committed(ctx, c, "wl.record", "events"); err == nil {
			err = pause(ctx)
		}
	}
	return err
}

// check refreshes once more, past the longest an insert is invisible, and compares.
func (t *truth) check(ctx context.Context, db *clickhouse.DB) error {
	if err := db.Refresh(ctx); err != nil {
		return err
	}
	for _, q := range []struct {
		sql  string
		want any
	}{
		{"SELECT count() FROM events FINAL", t.events},
		{"SELECT sum(toUnixTimestamp64Micro(at)) FROM events FINAL", t.sum},
		{"SELECT uniqExact(toYYYYMM(accepted_at)) FROM events", 2},
		{"SELECT count() FROM messages FINAL", t.messages},
		{"SELECT count() FROM messages FINAL WHERE state = 'delivered' AND final", t.delivered},
		{"SELECT sum(messages) FROM funnel_hourly", t.messages},
		{"SELECT sum(accepted) FROM funnel_hourly", t.messages},
		{"SELECT sum(delivered) FROM funnel_hourly", t.delivered},
	} {
		rows, err := db.Query(ctx, q.sql)
		if err != nil {
			return err
		}
		if got := rows.Values[0][0]; got != fmt.Sprint(q.want) {
			return fmt.Errorf("%s: got %s, want %v", q.sql, got, q.want)
		}
		say("%s: %v", q.sql, q.want)
	}
	return nil
}

func pauseFor(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
