package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/wire"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/pipeline/kafka/embedded"
	"github.com/whatsapplink/cloud/schemas"
)

const patience = 30 * time.Second

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler))
	for _, variable := range os.Environ() { // the tests say what the environment is
		if name, _, _ := strings.Cut(variable, "="); strings.HasPrefix(name, "WL_") {
			_ = os.Unsetenv(name)
		}
	}
	os.Exit(m.Run())
}

func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

// small sets an environment of few partitions and short windows before an empty broker, and returns an operator of it.
func small(t *testing.T) *operator {
	t.Helper()
	broker, err := embedded.Start(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	for name, value := range map[string]string{
		"WL_KAFKA_BROKERS": broker.Addr(), "WL_WINDOWS": "20s,60s", "WL_DELIVERY_WINDOW": "60s", "WL_DIAGNOSTIC_WINDOW": "20s",
		"WL_PARTITIONS": "2", "WL_REPLICATION": "1", "WL_REFS_URL": newKeyURL(), "WL_CLICKHOUSE_URL": "http://127.0.0.1:9/whatsapplink",
	} {
		t.Setenv(name, value)
	}
	o, err := newOperator(streams{strings.NewReader(""), io.Discard, io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.close)
	return o
}

// deployed is small with its topics.
func deployed(t *testing.T) *operator {
	t.Helper()
	o := small(t)
	changes, err := o.drift(within(t))
	if err == nil {
		err = o.apply(within(t), changes)
	}
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// wlctl runs a command line and returns its exit code and what it printed.
func wlctl(in string, args ...string) (code int, out, errs string) {
	var o, e bytes.Buffer
	code = run(args, strings.NewReader(in), &o, &e)
	return code, o.String(), e.String()
}

// must runs a command line that has to succeed.
func must(t *testing.T, in string, args ...string) string {
	t.Helper()
	code, out, errs := wlctl(in, args...)
	if code != 0 {
		t.Fatalf("wlctl %s: exit %d\n%s%s", strings.Join(args, " "), code, out, errs)
	}
	return out
}

// records reads a topic to its end.
func records[T any](t *testing.T, o *operator, topic string, codec *schemas.Codec[T]) (all []T, keys []string) {
	t.Helper()
	topics, err := o.process.Cluster.Topics(within(t))
	if err != nil {
		t.Fatal(err)
	}
	for partition := range topics[topic] {
		err := wire.Scan(within(t), o.process.Cluster.Tail(topic, partition, kafka.Beginning), func(r pipeline.Record) error {
			v, err := codec.Decode(r.Value)
			all, keys = append(all, v), append(keys, string(r.Key))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all, keys
}

// file writes a file of the test's own.
func file(t testing.TB, name, content string) string {
	t.Helper()
	path := t.TempDir() + "/" + name
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
