package embedded

import (
	"context"
	"fmt"
	"os"
	"sync"
)

// TB is the part of testing.TB that ForTest uses, so that the demo does not link package testing.
type TB interface {
	Helper()
	Cleanup(func())
	Skipf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// shared is the engine of this test binary while any test uses it.
var shared struct {
	sync.Mutex
	engine    *Engine
	dir       string
	users     int
	databases int
}

// ForTest returns the URL of a database of the test's own on the engine that all tests of the binary share. It skips
// the test where the engine cannot be had, and fails it there when CI=true.
func ForTest(t TB) string {
	t.Helper()
	url, err := acquire()
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("the embedded ClickHouse engine is required in CI: %v", err)
		}
		t.Skipf("no embedded ClickHouse engine: %v", err)
	}
	t.Cleanup(release)
	return url
}

func acquire() (string, error) {
	shared.Lock()
	defer shared.Unlock()
	if shared.engine == nil {
		dir, err := os.MkdirTemp("", "clickhouse-*")
		if err != nil {
			return "", err
		}
		engine, err := Start(context.Background(), dir, nil)
		if err != nil {
			_ = os.RemoveAll(dir)
			return "", err
		}
		shared.engine, shared.dir = engine, dir
	}
	shared.databases++
	database := fmt.Sprintf("test_%d", shared.databases)
	if _, err := shared.engine.run(&request{database: "default", format: "Null", sql: "CREATE DATABASE " + database}); err != nil {
		return "", err
	}
	shared.users++
	return shared.engine.url(database), nil
}

func release() {
	shared.Lock()
	defer shared.Unlock()
	if shared.users--; shared.users == 0 {
		shared.engine.Close()
		_ = os.RemoveAll(shared.dir)
		shared.engine = nil
	}
}
