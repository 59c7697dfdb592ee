// Package e2e holds the tests of built binaries as separate processes on a real Apache Kafka broker and the real
// ClickHouse engine. They need Java and Maven and are skipped with -short; where CI is true they fail instead.
package e2e

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/deployment"
	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/pipeline/kafka/kafkatest"
	"github.com/whatsapplink/cloud/sinks/clickhouse"
	"github.com/whatsapplink/cloud/sinks/clickhouse/embedded"
)

func TestMain(m *testing.M) { kafkatest.Main(m) }

// build compiles the binaries once, without the race detector, into a folder that goes with the shared broker.
var build = sync.OnceValues(func() (bin string, err error) {
	bin = filepath.Join(filepath.Dir(shared.DataDir()), "bin")
	return bin, deployment.Build(context.Background(), bin)
})

var shared *kafkatest.Broker

// worlds counts them, so that a repeated test meets no topics of its former run.
var worlds atomic.Int64

// world is a deployment of a test's own on the shared broker: topics under a prefix of its own, variables, binaries.
type world struct {
	*deployment.Deployment
	t     *testing.T
	ctx   context.Context
	began time.Time
}

// log tells how far the test is.
func (w *world) log(format string, args ...any) {
	w.t.Logf("%5.1fs  %s", time.Since(w.began).Seconds(), fmt.Sprintf(format, args...))
}

// newWorld returns a world without topics, in which everything has to happen within a time.
func newWorld(t *testing.T, prefix string, within time.Duration, variables map[string]string) *world {
	t.Helper()
	if testing.Short() {
		t.Skip("separate processes take a minute")
	}
	shared = kafkatest.Shared(t)
	bin, err := build()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), within)
	t.Cleanup(cancel)
	w := &world{t: t, ctx: ctx, began: time.Now(), Deployment: &deployment.Deployment{Bin: bin, Dir: t.TempDir(), Environment: map[string]string{
		"WL_KAFKA_BROKERS": shared.Brokers()[0], "WL_TOPIC_PREFIX": fmt.Sprintf("%s%d.", prefix, worlds.Add(1)), "WL_REPLICATION": "1", "WL_PARTITIONS": "2",
	}}}
	w.Environment["TMPDIR"] = filepath.Join(w.Dir, "tmp") // what a process leaves lies under Dir, as its working folder does
	w.must(os.Mkdir(w.Environment["TMPDIR"], 0o700))
	maps.Copy(w.Environment, variables)
	t.Cleanup(w.Close)
	w.must(w.Secrets(ctx))
	return w
}

// must fails the test on an error.
func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// start starts a binary and waits until it is ready.
func (w *world) start(binary string, variables map[string]string) *deployment.Process {
	w.t.Helper()
	p, err := w.Start(binary, variables)
	w.must(err)
	w.must(p.Ready(w.ctx))
	return p
}

// engine gives the world a database.
func (w *world) engine() *clickhouse.DB {
	w.t.Helper()
	url := embedded.ForTest(w.t)
	w.Environment["WL_CLICKHOUSE_URL"] = url
	db, err := clickhouse.Open(clickhouse.Config{URL: url})
	w.must(err)
	w.t.Cleanup(func() { _ = db.Close() })
	return db
}

// prefix is that of the world's topics.
func (w *world) prefix() string { return w.Environment["WL_TOPIC_PREFIX"] }

// cluster is the test's own way to the broker, under a prefix.
func (w *world) cluster(prefix string) *kafka.Cluster {
	c := kafka.New(kafka.Config{Brokers: shared.Brokers(), Prefix: prefix, ClientID: "e2e"})
	w.t.Cleanup(c.Close)
	return c
}

// await polls until done says nil, and fails with its last error when the world's time is over.
func (w *world) await(what string, every time.Duration, done func() error) {
	w.t.Helper()
	var last error
	for {
		err := done()
		if err == nil {
			w.log("%s", what)
			return
		}
		if w.ctx.Err() != nil && last != nil {
			err = last // that of a question which was cut off tells nothing
		}
		last = err
		select {
		case <-w.ctx.Done():
			w.t.Fatalf("%s: %v", what, err)
		case <-time.After(every):
		}
	}
}

// unless is an error unless ok.
func unless(ok bool, format string, args ...any) error {
	if ok {
		return nil
	}
	return fmt.Errorf(format, args...)
}
