package wire

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/boot"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/pipeline/kafka/embedded"
	"github.com/whatsapplink/cloud/pipeline/seal"
	"github.com/whatsapplink/cloud/schemas"
)

// patience bounds every wait of these tests; it is long because the machine may be busy.
const patience = 30 * time.Second

// defaultLogs is what pipeline and libraries log, of all tests.
var defaultLogs safeBuffer

func TestMain(m *testing.M) {
	slog.SetDefault(boot.NewLogger("test", &defaultLogs))
	os.Exit(m.Run())
}

// deployment is a broker with the topics of a plan, and the environment that every binary of it reads.
type deployment struct {
	t       testing.TB
	env     map[string]string
	cluster *kafka.Cluster
	logs    *safeBuffer // of every binary
}

// windows of the tests, in seconds: delivery and rejected input under the longer, diagnostics under the shorter.
var testWindows = []time.Duration{3 * time.Second, 60 * time.Second}

func testPlan() Plan {
	return Plan{Windows: testWindows, Partitions: 2, Routed: 2, Replication: 1, Outcomes: []string{"acme-shop"}, Tenants: []string{"acme-shop"}}
}

// deploy starts a broker of the test's own with every topic but those left out.
func deploy(t testing.TB, leftOut ...string) *deployment {
	t.Helper()
	broker, err := embedded.Start(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	return deployOn(t, broker.Addr(), leftOut...)
}

// deployOn is deploy on a broker that runs.
func deployOn(t testing.TB, broker string, leftOut ...string) *deployment {
	t.Helper()
	d := &deployment{t: t, logs: &safeBuffer{}, env: map[string]string{
		"WL_KAFKA_BROKERS": broker, "WL_DELIVERY_WINDOW": "60s", "WL_DIAGNOSTIC_WINDOW": "3s",
		"WL_KEYS_URL": freshKey(), "WL_REFS_URL": freshKey(),
	}}
	d.cluster = d.process("test").Cluster
	t.Cleanup(d.cluster.Close)
	var specs []kafka.TopicSpec
	for _, spec := range testPlan().Topics() {
		if !slices.Contains(leftOut, spec.Name) {
			specs = append(specs, spec)
		}
	}
	if err := d.cluster.CreateTopics(within(t), specs); err != nil {
		t.Fatal(err)
	}
	return d
}

func freshKey() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	return "base64key://" + base64.URLEncoding.EncodeToString(key)
}

// process builds the parts of a binary of this deployment.
func (d *deployment) process(name string) *boot.Process {
	d.t.Helper()
	common := boot.Common{Brokers: strings.Split(d.env["WL_KAFKA_BROKERS"], ","), TLS: "off", SASL: "none", Prefix: "wa.", HTTP: "127.0.0.1:0"}
	p, err := boot.NewProcess(name, &common, d.logs)
	if err != nil {
		d.t.Fatal(err)
	}
	return p
}

// binary wires one binary from the environment, without variables it must not have.
func binary[C any, P interface {
	*C
	boot.Config
}](d *deployment, name string, w boot.Wire[C], without ...string) boot.Service {
	d.t.Helper()
	env := map[string]string{}
	for k, v := range d.env {
		if !slices.Contains(without, k) {
			env[k] = v
		}
	}
	_, service, problems := boot.Build[C, P](name, w, env, d.logs)
	if len(problems) > 0 {
		d.t.Fatalf("%s: %v", name, problems)
	}
	return service
}

// start runs work beside the test and returns what stops it and waits for its end.
func (d *deployment) start(work func(context.Context) error) (stop func() error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- work(ctx) }()
	var once sync.Once
	var err error
	stop = func() error {
		once.Do(func() { cancel(); err = <-done })
		return err
	}
	d.t.Cleanup(func() {
		if err := stop(); err != nil {
			d.t.Errorf("a service ended with %v", err)
		}
	})
	return stop
}

func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// eventually polls until a condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// put appends one record.
func (d *deployment) put(topic string, key, value []byte) pipeline.Appended {
	d.t.Helper()
	at, err := d.cluster.Log().Append(within(d.t), []pipeline.Output{{Topic: topic, Partition: pipeline.AnyPartition, Key: key, Value: value}})
	if err != nil {
		d.t.Fatal(err)
	}
	return at[0]
}

func encode[T any](t testing.TB, codec *schemas.Codec[T], v T) []byte {
	t.Helper()
	b, err := codec.Encode(&v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// read returns every record of a topic that can be read now.
func (d *deployment) read(topic string) []pipeline.Record {
	d.t.Helper()
	topics, err := d.cluster.Topics(within(d.t))
	if err != nil {
		d.t.Fatal(err)
	}
	var all []pipeline.Record
	for partition := range topics[topic] {
		err := Scan(within(d.t), d.cluster.Tail(topic, partition, kafka.Beginning), func(r pipeline.Record) error {
			all = append(all, r)
			return nil
		})
		if err != nil {
			d.t.Fatal(err)
		}
	}
	return all
}

// decodeAll reads a topic's records as what they are.
func decodeAll[T any](d *deployment, topic string, codec *schemas.Codec[T]) []T {
	d.t.Helper()
	var all []T
	for _, r := range d.read(topic) {
		v, err := codec.Decode(r.Value)
		if err != nil {
			d.t.Fatalf("%s: %v", r.Position, err)
		}
		all = append(all, v)
	}
	return all
}

// tenant registers a tenant that hears back, with a refs key of its own.
func (d *deployment) tenant(id string) schemas.Tenant {
	d.t.Helper()
	keeper, err := seal.OpenKeeper(d.env["WL_REFS_URL"], "")
	if err != nil {
		d.t.Fatal(err)
	}
	key, err := seal.NewRefsKey(within(d.t), keeper)
	if err != nil {
		d.t.Fatal(err)
	}
	tenant := schemas.Tenant{
		TenantID: id, Status: "active", Region: "eu", OnUnknown: "report", Outcomes: id == "acme-shop", LabelKeys: []string{"team"},
		Senders: []schemas.Sender{{PhoneNumberID: "sender-of-" + id, WABA: "waba-of-" + id, Region: "eu"}}, RefsKey: key,
	}
	d.put(TenantsT, []byte(id), encode(d.t, schemas.Tenants, tenant))
	return tenant
}

// safeBuffer is a buffer that many may write to.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

// Bytes is a copy of what was written.
func (s *safeBuffer) Bytes() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.b.Bytes())
}
