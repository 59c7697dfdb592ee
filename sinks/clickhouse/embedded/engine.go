package embedded

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Database is the database made at start, which statements use unless their request names another.
const Database = "whatsapplink"

// Engine is a running engine and its HTTP front. Safe for concurrent use; statements run one at a time.
type Engine struct {
	mu       sync.Mutex // one statement at a time, with the session settings around it
	conn     *connection
	bodies   string // folder for the bodies of inserts while they are read
	listener net.Listener
	server   *http.Server
	served   chan struct{}
	release  func()
}

// one is held by the running engine: libchdb allows one connection a process.
var one sync.Mutex

// Start fetches libchdb where it is missing, opens the engine on dir (made where it is missing) and serves it on a free
// loopback port until Close. A process can run one Engine at a time; after Close another may start.
func Start(ctx context.Context, dir string, progress func(string)) (*Engine, error) {
	path, err := Fetch(ctx, progress)
	if err != nil {
		return nil, err
	}
	if !one.TryLock() {
		return nil, errors.New("start the engine: one is running in this process already")
	}
	e, err := start(ctx, path, dir)
	if err != nil {
		one.Unlock()
		return nil, err
	}
	e.release = sync.OnceFunc(one.Unlock)
	return e, nil
}

func start(ctx context.Context, path, dir string) (*Engine, error) {
	lib, err := load(path)
	if err != nil {
		return nil, err
	}
	dir, err = filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("start the engine: %w", err)
	}
	e := &Engine{bodies: filepath.Join(dir, "bodies"), served: make(chan struct{})}
	if err := os.MkdirAll(e.bodies, 0o700); err != nil {
		return nil, fmt.Errorf("start the engine: %w", err)
	}
	if e.conn, err = lib.open(filepath.Join(dir, "data")); err != nil {
		return nil, err
	}
	if _, err := e.conn.query("CREATE DATABASE IF NOT EXISTS "+Database, "Null"); err != nil {
		e.conn.close()
		return nil, fmt.Errorf("start the engine: %w", err)
	}
	if e.listener, err = new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0"); err != nil {
		e.conn.close()
		return nil, fmt.Errorf("start the engine: %w", err)
	}
	e.server = &http.Server{Handler: e, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		defer close(e.served)
		_ = e.server.Serve(e.listener) // returns when Close shuts the server down
	}()
	return e, nil
}

// URL is the engine's address with its database, as clickhouse.Config takes it: http://127.0.0.1:port/whatsapplink.
// curl "URL?query=SELECT+1" works on it too.
func (e *Engine) URL() string { return e.url(Database) }

func (e *Engine) url(database string) string {
	return "http://" + e.listener.Addr().String() + "/" + database
}

// Close stops serving, waits for the statement that runs, and closes the engine.
func (e *Engine) Close() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if e.server.Shutdown(ctx) != nil {
		_ = e.server.Close()
	}
	<-e.served
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.conn != nil {
		e.conn.close()
		e.conn = nil
	}
	e.release()
}
