package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/whatsapplink/cloud/cmd/internal/deployment"
	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/pipeline/kafka/kafkatest"
	"github.com/whatsapplink/cloud/sinks/clickhouse/embedded"
)

// world is a broker, an engine and binaries.
type world struct {
	dir    string
	broker *kafkatest.Broker
	engine *embedded.Engine
}

func newWorld(ctx context.Context) (w *world, err error) {
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	w = &world{dir: dir}
	defer func() {
		if err != nil {
			w.close(false)
		}
	}()
	say("binaries")
	if err = deployment.Build(ctx, filepath.Join(dir, "bin")); err != nil {
		return nil, err
	}
	say("Apache Kafka")
	if err = os.Mkdir(filepath.Join(dir, "kafka"), 0o755); err != nil {
		return nil, err
	}
	if w.broker, err = kafkatest.Run(ctx, filepath.Join(dir, "kafka"), kafkatest.Options{}); err != nil {
		return nil, err
	}
	say("ClickHouse engine")
	w.engine, err = embedded.Start(ctx, filepath.Join(dir, "clickhouse"), func(line string) { say("%s", line) })
	return w, err
}

func (w *world) close(keep bool) {
	if w.engine != nil {
		w.engine.Close()
	}
	if w.broker != nil {
		w.broker.Close()
	}
	if keep {
		say("kept %s", w.dir)
		return
	}
	_ = os.RemoveAll(w.dir)
}

// deploy sets a deployment up under a prefix: topics, tables, sample tenants whose senders may send 1,000 a second.
func (w *world) deploy(ctx context.Context, prefix string, variables map[string]string) (*deployment.Deployment, error) {
	return w.deployed(ctx, prefix, variables, func(d *deployment.Deployment) error {
		tenants, err := os.ReadFile(d.Tenants())
		if err != nil {
			return err
		}
		return os.WriteFile(d.Tenants(), []byte(strings.ReplaceAll(string(tenants), "rate: 400", "rate: 1000")), 0o644)
	})
}

// deployed sets a deployment up under a prefix, whose tenants and credentials arrange has put in their places.
func (w *world) deployed(ctx context.Context, prefix string, variables map[string]string, arrange func(*deployment.Deployment) error) (*deployment.Deployment, error) {
	d := &deployment.Deployment{Bin: filepath.Join(w.dir, "bin"), Dir: filepath.Join(w.dir, prefix), Environment: map[string]string{
		"WL_KAFKA_BROKERS": w.broker.Brokers()[0], "WL_TOPIC_PREFIX": prefix, "WL_REPLICATION": "1",
		"WL_CLICKHOUSE_URL": w.engine.URL(),
	}}
	maps.Copy(d.Environment, variables)
	if err := os.Mkdir(d.Dir, 0o755); err != nil {
		return nil, err
	}
	if err := d.Secrets(ctx); err != nil {
		return nil, err
	}
	if err := arrange(d); err != nil {
		return nil, err
	}
	_, err := d.Wlctl(ctx, "setup", "--apply", "--tenants", d.Tenants())
	return d, err
}

func (w *world) cluster(prefix string) *kafka.Cluster {
	return kafka.New(kafka.Config{Brokers: w.broker.Brokers(), Prefix: prefix, ClientID: "bench"})
}

// database makes a database of the engine and returns its URL.
func (w *world) database(ctx context.Context, name string) (string, error) {
	if err := w.sql(ctx, w.engine.URL(), "CREATE DATABASE "+name); err != nil {
		return "", err
	}
	return strings.TrimSuffix(w.engine.URL(), embedded.Database) + name, nil
}

// sql runs a statement on a database of the engine.
func (w *world) sql(ctx context.Context, url, sql string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(sql))
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("run a statement: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(answer.Body)
		return fmt.Errorf("run a statement: status %d: %s", answer.StatusCode, text)
	}
	return nil
}

// say tells on standard error what is going on.
func say(format string, args ...any) { _, _ = fmt.Fprintf(os.Stderr, format+"\n", args...) }
