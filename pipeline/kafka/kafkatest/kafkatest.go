// Package kafkatest runs a real Apache Kafka broker for tests and measurements: one broker with its controller (KRaft), on
// free ports of the loopback interface, from jars that Maven fetches once.
//
// Its one invariant: what runs is what the checked-in list of digests says, and it ends with the process that started it.
// It may import kafka-go, to ask whether the broker is up.
package kafkatest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// startWithin bounds fetching the jars and starting the broker.
const startWithin = 4 * time.Minute

// Start starts a broker of the test's own and ends it with the test. Without Java and Maven the test is skipped; where CI
// is true, it fails.
func Start(t testing.TB, o ...Options) *Broker {
	t.Helper()
	need(t)
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	b, err := Run(ctx, t.TempDir(), merge(o))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

func merge(o []Options) (all Options) {
	for _, one := range o {
		all = one
	}
	return all
}

// need skips or fails the test when the broker cannot be run here.
func need(t testing.TB) {
	t.Helper()
	for _, program := range []string{"java", "mvn"} {
		if _, err := exec.LookPath(program); err == nil {
			continue
		}
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is missing: the real broker is required where CI is true", program)
		}
		t.Skipf("%s is missing: not run on a real broker", program)
	}
}

// shared is the broker of the test binary.
var shared struct {
	sync.Mutex
	broker *Broker
	dir    string
	err    error
}

// Shared returns the one broker of the test binary, started by the first who asks. Tests on it keep apart by topic
// prefixes and group ids of their own. The binary's TestMain must be Main.
func Shared(t testing.TB) *Broker {
	t.Helper()
	need(t)
	shared.Lock()
	defer shared.Unlock()
	if shared.broker == nil && shared.err == nil {
		shared.broker, shared.err = runShared()
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.broker
}

func runShared() (*Broker, error) {
	dir, err := os.MkdirTemp("", "kafkatest")
	if err != nil {
		return nil, fmt.Errorf("start shared broker: %w", err)
	}
	shared.dir = dir
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	return Run(ctx, dir, Options{CheckInterval: time.Second})
}

// Main runs the tests of a binary and ends the shared broker: func TestMain(m *testing.M) { kafkatest.Main(m) }.
func Main(m *testing.M) {
	code := m.Run()
	shared.Lock()
	if shared.broker != nil {
		shared.broker.Close()
	}
	if shared.dir != "" {
		_ = os.RemoveAll(shared.dir)
	}
	os.Exit(code)
}
