package e2e

import (
	"context"
	"fmt"
	"io"
	"log"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/oklog/ulid/v2"

	"github.com/whatsapplink/cloud/cmd/internal/deployment"
	"github.com/whatsapplink/cloud/cmd/internal/wire"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/sinks/clickhouse"
	"github.com/whatsapplink/cloud/sinks/cloudapi/simulator"
)

// pairs are the stages of which a storm runs two; of redact one is enough, and nobody asks custody.
var pairs = []string{"validate", "route", "deliver", "listen", "record"}

// resender is the sample tenant that, in the long form, wants a message in doubt to be sent once more.
const resender = "blue-clinic"

// storm is a world in which things break while requests flow.
type storm struct {
	*world
	db        *clickhouse.DB // straight to the engine; the processes go through front
	front     *front
	meta      *simulator.Simulator
	callbacks [2]string
	instances [2]map[string]*deployment.Process
	random    *rand.Rand // of the test's goroutine
	broker    *kafka.Cluster
	producer  *producer

	round    int
	cards    deck[fault]
	occurred map[string]int
	spares   []string                  // numbers that acme-shop may be given
	held     map[identity]map[int]bool // attempts whose claimant was stopped before their call: none may ever be made

	faults       sync.Mutex
	ours, theirs []simulator.Fault // of a moment that is being looked for, and of provide
}

// script changes the provider's faults.
func (s *storm) script(change func()) {
	s.faults.Lock()
	defer s.faults.Unlock()
	change()
	s.meta.SetFaults(slices.Concat(s.ours, s.theirs))
}

// simulate serves a Cloud API for the tenants that Secrets wrote. One message in a hundred gets no callback, and callbacks
// come at once, twice and in disorder.
func (s *storm) simulate(seed uint64) {
	s.t.Helper()
	config := simulator.Config{
		Seed: seed, Latency: 20 * time.Millisecond, Jitter: 60 * time.Millisecond, Senders: map[string]simulator.Sender{},
		Fates:     simulator.Fates{Sent: 0.1, Read: 0.4, Never: 0.01, Failed: map[int]float64{131026: 0.02}},
		Callbacks: simulator.Callbacks{Jitter: 200 * time.Millisecond, Duplicates: 0.2, Reordered: 0.2},
	}
	secret := func(path ...string) string {
		raw, err := os.ReadFile(filepath.Join(append([]string{s.Dir, "secrets"}, path...)...))
		s.must(err)
		return strings.TrimSpace(string(raw))
	}
	config.AppSecret, config.VerifyToken = secret("app-secret"), secret("verify-token")
	for _, address := range s.callbacks {
		config.CallbackURLs = append(config.CallbackURLs, "http://"+address+"/webhooks/whatsapp")
	}
	var file struct {
		Tenants []struct {
			ID      string `yaml:"tenant_id"`
			Senders []struct {
				ID   string `yaml:"phone_number_id"`
				WABA string `yaml:"waba_id"`
				Rate int    `yaml:"rate"`
			} `yaml:"senders"`
		} `yaml:"tenants"`
	}
	s.must(yaml.Unmarshal([]byte(secret("tenants.yaml")), &file))
	for _, tenant := range file.Tenants {
		s.producer.tenants = append(s.producer.tenants, tenant.ID)
		for _, sender := range tenant.Senders {
			config.Senders[sender.ID] = simulator.Sender{WABA: sender.WABA, Token: secret("credentials", sender.ID), RatePerSecond: sender.Rate}
		}
	}
	for range 2 + *rounds/fewest {
		s.spare(config.Senders)
	}
	s.meta = simulator.New(config)
	s.Environment["WL_CLOUD_API_URL"] = s.serve(s.meta)
	s.beside(func(ctx context.Context) { _ = s.meta.Run(ctx) })
}

// resends says that this is the long form.
func resends() bool { return *rounds > fewest }

// resend lets the resender choose it, before its tenants are registered.
func (s *storm) resend() {
	s.t.Helper()
	raw, err := os.ReadFile(s.Tenants())
	s.must(err)
	line := "tenant_id: " + resender + "\n"
	s.must(unless(strings.Contains(string(raw), line), "no tenant %s", resender))
	s.must(os.WriteFile(s.Tenants(), []byte(strings.Replace(string(raw), line, line+"    on_unknown: resend\n", 1)), 0o600))
}

// serve serves over loopback until the test ends.
func (s *storm) serve(h http.Handler) string {
	server := httptest.NewServer(h)
	s.t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	return server.URL
}

// beside runs f until the test ends.
func (s *storm) beside(f func(ctx context.Context)) {
	ctx, cancel := context.WithCancel(s.ctx)
	var running sync.WaitGroup
	running.Go(func() { f(ctx) })
	s.t.Cleanup(func() { cancel(); running.Wait() })
}

// begin starts one of the two instances of a stage.
func (s *storm) begin(i int, stage string) {
	s.t.Helper()
	p, err := s.Start(stage, map[string]string{"WL_LISTEN": s.callbacks[i]})
	s.must(err)
	s.instances[i][stage] = p
}

// ready waits until all processes say that they are.
func (s *storm) ready() {
	s.t.Helper()
	for _, all := range s.instances {
		for _, p := range all {
			s.must(p.Ready(s.ctx))
		}
	}
}

// pause lets things take their course.
func (s *storm) pause(d time.Duration) {
	s.t.Helper()
	select {
	case <-time.After(d):
	case <-s.ctx.Done():
		s.t.Fatal(s.ctx.Err())
	}
}

// between is a random time.
func (s *storm) between(least, most time.Duration) time.Duration {
	return least + time.Duration(s.random.Int64N(int64(most-least)+1))
}

// front stands before the engine. While down it breaks every connection, half of the time only after the engine has done
// what was asked of it.
type front struct {
	engine http.Handler
	down   atomic.Bool
	turn   atomic.Int64
	broken atomic.Int64
}

// newFront returns a front of the engine at an address, and the path of the database.
func newFront(address string) (*front, string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, "", err
	}
	path := u.Path
	u.Path = ""
	engine := httputil.NewSingleHostReverseProxy(u)
	engine.ErrorLog = log.New(io.Discard, "", 0) // killed processes leave requests behind
	return &front{engine: engine}, path, nil
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !f.down.Load() {
		f.engine.ServeHTTP(w, r)
		return
	}
	f.broken.Add(1)
	if f.turn.Add(1)%2 == 0 {
		f.engine.ServeHTTP(httptest.NewRecorder(), r)
	}
	panic(http.ErrAbortHandler)
}

// perSecond is how many requests a producer publishes.
const perSecond = 150

// identity of a message.
type identity struct{ tenant, message string }

// producer publishes requests, one in fifty a second time, as a producer that repeats what it is not sure of.
type producer struct {
	tenants   []string
	log       pipeline.Log
	random    *rand.Rand
	mu        sync.Mutex
	published map[identity]bool
}

// run publishes until enough says so.
func (p *producer) run(ctx context.Context, enough func(published int) bool) error {
	tick := time.NewTicker(time.Second / 10)
	defer tick.Stop()
	var repeat []pipeline.Output
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		outputs, batch := repeat, map[identity]bool{}
		for range perSecond / 10 {
			output, id, err := sampleRequest(p.random, p.tenants[p.random.IntN(len(p.tenants))])
			if err != nil {
				return err
			}
			outputs, batch[id] = append(outputs, output), true
			if repeat = nil; p.random.IntN(50) == 0 {
				repeat = []pipeline.Output{output}
			}
		}
		n, err := p.publish(ctx, outputs, batch)
		if err != nil || enough(n) {
			return err
		}
	}
}

// publish appends requests and returns how many different ones there are by now.
func (p *producer) publish(ctx context.Context, outputs []pipeline.Output, batch map[identity]bool) (int, error) {
	err := pipeline.Retry(ctx, pipeline.Backoff{}, "publish", func(ctx context.Context) error {
		_, err := p.log.Append(ctx, outputs)
		return err
	})
	if err != nil {
		return 0, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.Copy(p.published, batch)
	return len(p.published), nil
}

// sampleRequest makes one request of a tenant to a random recipient.
func sampleRequest(random *rand.Rand, tenant string) (pipeline.Output, identity, error) {
	r := schemas.MessageRequest{
		MessageID: ulid.Make().String(), TenantID: tenant,
		Recipient: schemas.Recipient{Phone: fmt.Sprintf("+4915112%06d", random.IntN(1_000_000))},
		Category:  schemas.Utility, Content: schemas.Text{Body: "your order is on its way"}, CreatedAt: time.Now(), Labels: map[string]string{},
	}
	value, err := schemas.MessageRequests.Encode(&r)
	return pipeline.Output{Topic: wire.Requests, Partition: pipeline.AnyPartition, Key: []byte(r.Recipient.Phone), Value: value},
		identity{r.TenantID, r.MessageID}, err
}
