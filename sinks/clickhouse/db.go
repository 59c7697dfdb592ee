package clickhouse

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"strings"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/whatsapplink/cloud/pipeline"
)

// Config says where ClickHouse is.
type Config struct {
	URL      string           // clickhouse://host:9000/database, http:// on loopback, https://; several hosts with commas
	User     string           //
	Password string           //
	Cluster  string           // of one shard, on whose hosts the migrations make replicated tables; "" for a server alone
	TLS      *tls.Config      // nil: the system's roots; none for clickhouse:// on loopback
	Retry    pipeline.Backoff // of each insert and refresh
}

// DB is a client of one database. Safe for concurrent use.
type DB struct {
	options ch.Options
	conn    driver.Conn
	cluster string
	retry   pipeline.Backoff
}

// insertBound is the longest an insert may run on the server, and so the longest between an event's inserted_at and its
// being visible; refreshes look back further (overlap).
const insertBound = 45 * time.Second

// What Open finds.
var (
	errURL   = errors.New("clickhouse URL: want clickhouse://, http:// or https://, a host and a database")
	errPlain = errors.New("clickhouse URL: http:// is for loopback only, use https://")
)

// Open checks the configuration and returns a client that connects when it is first used. Its error names no part of
// the URL, which may hold a password.
func Open(cfg Config) (*DB, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Host == "" || len(u.Path) < 2 || u.RawQuery != "" {
		return nil, errURL
	}
	options := ch.Options{
		Auth:            ch.Auth{Database: u.Path[1:], Username: cfg.User, Password: cfg.Password},
		Addr:            hosts(u),
		TLS:             cfg.TLS,
		DialTimeout:     10 * time.Second,
		ReadTimeout:     passBound, // the longest statement; others are bounded by their contexts
		MaxOpenConns:    8,
		MaxIdleConns:    4,
		ConnMaxLifetime: time.Hour,
		Settings: ch.Settings{
			"async_insert":       0, // batching anew on the server would break the deduplication token
			"insert_deduplicate": 1,
			"max_execution_time": int(insertBound.Seconds()),
		},
	}
	if u.User != nil {
		options.Auth.Username = u.User.Username()
		if p, ok := u.User.Password(); ok {
			options.Auth.Password = p
		}
	}
	if options.TLS == nil && u.Scheme != "http" && (u.Scheme == "https" || !loopback(u)) {
		options.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	switch u.Scheme {
	case "clickhouse":
		options.Protocol = ch.Native
		options.Compression = &ch.Compression{Method: ch.CompressionLZ4}
	case "http":
		if options.TLS = nil; !loopback(u) {
			return nil, errPlain
		}
		options.Protocol = ch.HTTP
	case "https":
		options.Protocol = ch.HTTP
	default:
		return nil, errURL
	}
	conn, err := ch.Open(&options)
	if err != nil {
		return nil, errURL
	}
	return &DB{options: options, conn: conn, cluster: cfg.Cluster, retry: cfg.Retry}, nil
}

// hosts splits a URL's hosts and adds the protocol's port where one has none.
func hosts(u *url.URL) []string {
	port := map[string]string{"clickhouse": "9000", "http": "8123", "https": "8443"}[u.Scheme]
	var out []string
	for _, h := range strings.Split(u.Host, ",") {
		if _, _, err := net.SplitHostPort(h); err != nil {
			h = net.JoinHostPort(strings.Trim(h, "[]"), port)
		}
		out = append(out, h)
	}
	return out
}

// loopback reports whether all hosts are this machine, where plaintext is allowed.
func loopback(u *url.URL) bool {
	for _, h := range hosts(u) {
		name, _, err := net.SplitHostPort(h)
		if err != nil || name != "localhost" && !net.ParseIP(name).IsLoopback() {
			return false
		}
	}
	return true
}

// Close ends all connections.
func (d *DB) Close() error {
	if err := d.conn.Close(); err != nil {
		return classify("close", err)
	}
	return nil
}

// Ping asks whether the server answers.
func (d *DB) Ping(ctx context.Context) error {
	if err := d.conn.Ping(ctx); err != nil {
		return classify("ping", err)
	}
	return nil
}

// exec runs a statement that returns nothing, with settings for it alone.
func (d *DB) exec(ctx context.Context, op string, settings ch.Settings, sql string, args ...any) error {
	if settings != nil {
		ctx = ch.Context(ctx, ch.WithSettings(settings))
	}
	if err := d.conn.Exec(ctx, sql, args...); err != nil {
		return classify(op, err)
	}
	return nil
}
