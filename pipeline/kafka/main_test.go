package kafka_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/pipeline/kafka/embedded"
	"github.com/whatsapplink/cloud/pipeline/kafka/kafkatest"
)

func TestMain(m *testing.M) { kafkatest.Main(m) }

// patience bounds every wait of these tests; it is long because the machine may be busy.
const patience = 60 * time.Second

var prefixes atomic.Int64

// prefix keeps the tests that share a broker apart.
func prefix() string { return fmt.Sprintf("t%d-%d.", time.Now().UnixNano(), prefixes.Add(1)) }

var quiet = slog.New(slog.DiscardHandler)

// connect returns a cluster with a prefix of its own.
func connect(t testing.TB, brokers []string) *kafka.Cluster {
	t.Helper()
	c := kafka.New(kafka.Config{Brokers: brokers, Prefix: prefix(), ClientID: t.Name(), Logger: quiet})
	t.Cleanup(c.Close)
	return c
}

// onBoth runs a test on the in-process broker always, and on a real one where it can be had.
func onBoth(t *testing.T, f func(t *testing.T, c *kafka.Cluster)) {
	t.Run("embedded", func(t *testing.T) { f(t, inProcess(t)) })
	t.Run("real", func(t *testing.T) { f(t, real(t)) })
}

func inProcess(t testing.TB) *kafka.Cluster {
	t.Helper()
	b, err := embedded.Start(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return connect(t, b.Brokers())
}

func real(t testing.TB) *kafka.Cluster {
	t.Helper()
	return connect(t, kafkatest.Shared(t).Brokers())
}

// within returns a context that ends the test's wait.
func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	return ctx
}

func create(t testing.TB, c *kafka.Cluster, specs ...kafka.TopicSpec) {
	t.Helper()
	if err := c.CreateTopics(within(t), specs); err != nil {
		t.Fatal(err)
	}
}

// numbered returns outputs whose values are 0..n-1.
func numbered(topic string, partition, n int) []pipeline.Output {
	outputs := make([]pipeline.Output, n)
	for i := range outputs {
		key, value := fmt.Appendf(nil, "k%d", i), fmt.Appendf(nil, "%d", i)
		outputs[i] = pipeline.Output{Topic: topic, Partition: partition, Key: key, Value: value}
	}
	return outputs
}

func put(t testing.TB, c *kafka.Cluster, outputs []pipeline.Output) []pipeline.Appended {
	t.Helper()
	appended, err := c.Log().Append(within(t), outputs)
	if err != nil {
		t.Fatal(err)
	}
	return appended
}

// read fetches n records.
func read(t testing.TB, s pipeline.Source, n int) []pipeline.Record {
	t.Helper()
	var all []pipeline.Record
	for len(all) < n {
		records, err := s.Fetch(within(t))
		if err != nil {
			t.Fatalf("after %d of %d records: %v", len(all), n, err)
		}
		all = append(all, records...)
	}
	return all
}

// eventually polls until a condition holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s", patience, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
