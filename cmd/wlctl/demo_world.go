package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
	"github.com/oklog/ulid/v2"
	"github.com/prometheus/common/expfmt"
	"github.com/sourcegraph/conc/pool"

	"github.com/whatsapplink/cloud/cmd/internal/boot"
	"github.com/whatsapplink/cloud/pipeline/kafka/embedded"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/sinks/clickhouse"
	engine "github.com/whatsapplink/cloud/sinks/clickhouse/embedded"
	"github.com/whatsapplink/cloud/sinks/cloudapi/simulator"
)

// demoDefaults are the variables of the demo where the environment sets none: windows in seconds, few partitions.
var demoDefaults = map[string]string{
	"WL_WINDOWS": "15s,60s", "WL_DELIVERY_WINDOW": "60s", "WL_DIAGNOSTIC_WINDOW": "15s",
	"WL_PARTITIONS": "2", "WL_REPLICATION": "1", "WL_HTTP": "127.0.0.1:0",
}

// world is everything the demo needs, embedded unless a variable names the real thing, and every binary's service.
type world struct {
	dir         string // of the demo, with the embedded engine's data
	environment map[string]string
	broker      *embedded.Broker     // nil: a real one
	engine      *engine.Engine       // nil: a real one
	simulator   *simulator.Simulator // nil: the real API
	tenants     []schemas.Tenant
	services    []service
	operator    *operator
	db          *clickhouse.DB
	logs        *logBuffer
	door        net.Listener // the simulator's
	ownTopics   bool         // topics at a real broker that go with the demo
	errs        io.Writer
}

func newWorld(ctx context.Context, dir string, seed uint64, progress *progress, s streams) (w *world, err error) {
	w = &world{dir: dir, environment: demoEnvironment(), logs: &logBuffer{}, errs: s.err}
	slog.SetDefault(boot.NewLogger("demo", w.logs)) // the machine's own lines join those of the services
	if problems := boot.Parse(&operatorConfig{}, without(w.environment, "WL_KEYS_URL")); len(problems) > 0 {
		return w, mistakes(problems)
	}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	if err := w.startKafka(progress); err != nil {
		return w, err
	}
	if err := w.startClickHouse(ctx, dir, progress); err != nil {
		return w, err
	}
	if err := writeLocal(dir, io.Discard); err != nil {
		return w, err
	}
	if w.tenants, err = readTenants(filepath.Join(dir, "secrets", "tenants.yaml")); err != nil {
		return w, err
	}
	if err := w.secrets(dir); err != nil {
		return w, err
	}
	if err := w.startSimulator(dir, seed, progress); err != nil {
		return w, err
	}
	if w.operator, err = operatorFrom(without(w.environment, "WL_KEYS_URL"), streams{s.in, io.Discard, w.logs}); err != nil {
		return w, err
	}
	if err := w.operator.connect(ctx); err != nil {
		w.ownTopics = false
		return w, err
	}
	progress.say("topics and tables")
	setup := setupCmd{Apply: true, Tenants: filepath.Join(dir, "secrets", "tenants.yaml")}
	if err := setup.setup(ctx, w.operator, streams{s.in, io.Discard, w.logs}); err != nil {
		return w, err
	}
	if err := w.plantTenants(ctx); err != nil {
		return w, err
	}
	if err := w.openTables(ctx); err != nil {
		return w, err
	}
	w.services, err = services(w.environment, w.logs)
	return w, err
}

// openTables refuses tables with events of others: the reconciliation would count them.
func (w *world) openTables(ctx context.Context) (err error) {
	if w.db, err = w.operator.clickHouse(); err != nil {
		return err
	}
	c, err := w.db.Conservation(ctx)
	if err == nil && c.Accepted+c.Rejected > 0 {
		err = errors.New("the database of WL_CLICKHOUSE_URL holds events already: the demo counts all there are, name an empty database")
	}
	return err
}

// demoEnvironment is this process's WL_ variables over the demo's.
func demoEnvironment() map[string]string {
	all := map[string]string{}
	for k, v := range demoDefaults {
		all[k] = v
	}
	for k, v := range env.ToMap(os.Environ()) {
		if strings.HasPrefix(k, "WL_") && v != "" {
			all[k] = v
		}
	}
	return all
}

func (w *world) startKafka(progress *progress) (err error) {
	if w.environment["WL_KAFKA_BROKERS"] != "" {
		if w.environment["WL_TOPIC_PREFIX"] == "" { // tenants and topics of a deployment there stay untouched
			w.environment["WL_TOPIC_PREFIX"] = "demo-" + strings.ToLower(ulid.Make().String()) + "."
			w.ownTopics = true
		}
		progress.say("Kafka at %s, topics %s*", w.environment["WL_KAFKA_BROKERS"], w.environment["WL_TOPIC_PREFIX"])
		return nil
	}
	if w.broker, err = embedded.Start(embedded.Options{}); err != nil {
		return err
	}
	w.environment["WL_KAFKA_BROKERS"] = w.broker.Addr()
	progress.say("Kafka, in process, at %s", w.broker.Addr())
	return nil
}

func (w *world) startClickHouse(ctx context.Context, dir string, progress *progress) (err error) {
	if w.environment["WL_CLICKHOUSE_URL"] != "" {
		progress.say("ClickHouse as WL_CLICKHOUSE_URL says")
		return nil
	}
	w.engine, err = engine.Start(ctx, filepath.Join(dir, "clickhouse"), func(line string) { progress.say("%s", line) })
	if err != nil {
		return fmt.Errorf("%w (WL_CLICKHOUSE_URL can name a ClickHouse of yours instead)", err)
	}
	w.environment["WL_CLICKHOUSE_URL"] = w.engine.URL()
	progress.say("ClickHouse, the engine as a library, at %s", w.engine.URL())
	return nil
}

// secrets sets the variables that name secrets, where the environment does not.
func (w *world) secrets(dir string) error {
	for variable, value := range map[string]string{
		"WL_KEYS_URL": newKeyURL(), "WL_REFS_URL": newKeyURL(),
		"WL_CREDENTIALS_DIR":   filepath.Join(dir, "secrets", "credentials"),
		"WL_APP_SECRET_FILE":   filepath.Join(dir, "secrets", "app-secret"),
		"WL_VERIFY_TOKEN_FILE": filepath.Join(dir, "secrets", "verify-token"),
	} {
		if w.environment[variable] == "" {
			w.environment[variable] = value
		}
	}
	if w.environment["WL_LISTEN"] != "" {
		return nil
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("find a free port: %w", err)
	}
	w.environment["WL_LISTEN"] = free.Addr().String()
	return free.Close()
}

// startSimulator runs a Cloud API with a little of everything that goes wrong in a day.
func (w *world) startSimulator(dir string, seed uint64, progress *progress) (err error) {
	if w.environment["WL_CLOUD_API_URL"] != "" {
		progress.say("Cloud API at %s", w.environment["WL_CLOUD_API_URL"])
		return nil
	}
	config, err := simulatorConfig(filepath.Join(dir, "secrets"), w.tenants, seed, []string{"http://" + w.environment["WL_LISTEN"] + "/webhooks/whatsapp"})
	if err != nil {
		return err
	}
	config.Latency, config.Jitter = 20*time.Millisecond, 30*time.Millisecond
	config.Callbacks = simulator.Callbacks{Delay: 200 * time.Millisecond, Jitter: 300 * time.Millisecond, Duplicates: 0.05, Reordered: 0.05}
	config.Faults = []simulator.Fault{
		{Kind: simulator.Refuse, Code: 131000, Share: 0.01, Attempt: 1}, // a server error that passes
		{Kind: simulator.Refuse, Code: 132012, Share: 0.004},            // a parameter of the wrong kind: fails
		{Kind: simulator.ResetAfterAccept, Share: 0.005},                // in doubt, settled by the callback
		{Kind: simulator.ResetBeforeAccept, Share: 0.001},               // in doubt, and no evidence ever: unknown
	}
	config.Fates = simulator.Fates{Sent: 0.05, Read: 0.5, Failed: map[int]float64{131026: 0.01}, Never: 0.01}
	w.simulator = simulator.New(config)
	if w.door, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return fmt.Errorf("find a free port: %w", err)
	}
	w.environment["WL_CLOUD_API_URL"] = "http://" + w.door.Addr().String()
	progress.say("Cloud API simulator at %s", w.environment["WL_CLOUD_API_URL"])
	return nil
}

// run runs the simulator and every service until ctx ends.
func (w *world) run(ctx context.Context) error {
	group := pool.New().WithContext(ctx).WithCancelOnError().WithFirstError()
	if w.simulator != nil {
		server := &http.Server{Handler: w.simulator, ReadHeaderTimeout: 5 * time.Second}
		group.Go(w.simulator.Run)
		group.Go(func(context.Context) error {
			if err := server.Serve(w.door); !errors.Is(err, http.ErrServerClosed) {
				return fmt.Errorf("simulator stopped: %w", err)
			}
			return nil
		})
		group.Go(func(ctx context.Context) error {
			<-ctx.Done()
			return server.Close()
		})
	}
	group.Go(func(ctx context.Context) error { return runServices(ctx, w.services) })
	return group.Wait()
}

func (w *world) close() {
	if w.operator != nil {
		if w.ownTopics {
			w.deleteTopics()
		}
		w.operator.close()
	}
	if w.engine != nil {
		w.engine.Close()
	}
	if w.broker != nil {
		w.broker.Close()
	}
}

// deleteTopics leaves a real broker as it was; the topics of the demo's own prefix are all that the operator sees.
func (w *world) deleteTopics() {
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
	defer cancel()
	topics, err := w.operator.process.Cluster.Topics(ctx)
	if err == nil {
		err = w.operator.process.Cluster.DeleteTopics(ctx, slices.Collect(maps.Keys(topics))...)
	}
	if err != nil {
		_, _ = fmt.Fprintf(w.errs, "wlctl: topics %s* are left behind: %v\n", w.environment["WL_TOPIC_PREFIX"], err)
	}
}

// metrics are what a scrape of every service would bring.
func (w *world) metrics() ([]byte, error) {
	var b bytes.Buffer
	for _, s := range w.services {
		families, err := s.process.Registry.Gather()
		if err != nil {
			return nil, err
		}
		for _, f := range families {
			if _, err := expfmt.MetricFamilyToText(&b, f); err != nil {
				return nil, err
			}
		}
	}
	return b.Bytes(), nil
}
