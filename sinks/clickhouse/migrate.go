package clickhouse

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	ch "github.com/ClickHouse/clickhouse-go/v2"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// migration is one numbered file. Files are added, never edited; each statement in one is idempotent (IF NOT EXISTS, OR
// REPLACE), so that two runners, or one that died half-way, do no harm: there is no lock to hold or to lose.
type migration struct {
	version    uint32
	name       string
	checksum   string // 32 hexadecimal digits of the file's SHA-256
	statements []string
}

const createMigrations = `CREATE TABLE IF NOT EXISTS schema_migrations
(
    version     UInt32 COMMENT 'Number of the migration',
    name        LowCardinality(String) COMMENT 'Its file',
    checksum    FixedString(32) COMMENT 'Start of the SHA-256 of the file, hexadecimal: an applied file is never edited',
    applied_at  DateTime64(6, 'UTC') DEFAULT now64(6) COMMENT 'When it was applied'
)
ENGINE = ReplacingMergeTree
ORDER BY version
COMMENT 'Migrations applied (read with FINAL)'`

// Migrate makes the database where it is missing and applies the migrations that it does not have, in order. Several
// runners may do so at once. An applied migration whose file has changed since is an error.
func (d *DB) Migrate(ctx context.Context) error {
	all, err := migrations()
	if err != nil {
		return err
	}
	create := onCluster(d.cluster, createMigrations)
	err = d.exec(ctx, "create schema_migrations", nil, create)
	if isCode(err, codeUnknownDatabase) {
		if err = d.createDatabase(ctx); err == nil {
			err = d.exec(ctx, "create schema_migrations", nil, create)
		}
	}
	if err != nil {
		return err
	}
	applied, err := d.applied(ctx)
	if err != nil {
		return err
	}
	for _, m := range all {
		sum, ok := applied[m.version]
		switch {
		case ok && sum != m.checksum:
			return fmt.Errorf("migrate clickhouse: migration %s was edited after it was applied", m.name)
		case ok:
			continue
		}
		if err := d.apply(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

func (d *DB) apply(ctx context.Context, m migration) error {
	for i, sql := range m.statements {
		if err := d.exec(ctx, fmt.Sprintf("apply migration %s, statement %d", m.name, i+1), nil, onCluster(d.cluster, sql)); err != nil {
			return err
		}
	}
	return d.exec(ctx, "record migration "+m.name, nil,
		"INSERT INTO schema_migrations (version, name, checksum) VALUES (?, ?, ?)", m.version, m.name, m.checksum)
}

// Migrated returns nil when every migration of this binary is applied and inserts of events are deduplicated by their
// token. A later version's migrations are no fault: they are forward-only and compatible while old binaries still run.
func (d *DB) Migrated(ctx context.Context) error {
	all, err := migrations()
	if err != nil {
		return err
	}
	applied, err := d.applied(ctx)
	if isCode(err, codeUnknownTable) || isCode(err, codeUnknownDatabase) {
		return errStale
	}
	if err != nil {
		return err
	}
	for _, m := range all {
		if applied[m.version] != m.checksum {
			return errStale
		}
	}
	var window string
	err = d.row(ctx, "ask for the deduplication window", `SELECT extract(create_table_query, 'deduplication_window = (\\d+)')
FROM system.tables WHERE database = currentDatabase() AND name = 'events'`, nil, &window)
	if err == nil && (window == "" || window == "0") {
		err = errRepeats
	}
	return err
}

func (d *DB) applied(ctx context.Context) (map[uint32]string, error) {
	rows, err := d.Query(ctx, "SELECT version, checksum FROM schema_migrations FINAL")
	if err != nil {
		return nil, err
	}
	out := map[uint32]string{}
	for _, r := range rows.Values {
		version, err := strconv.ParseUint(r[0], 10, 32)
		if err != nil {
			return nil, errors.New("read schema_migrations: a version is no number")
		}
		out[uint32(version)] = r[1]
	}
	return out, nil
}

// createDatabase connects to the server's default database, as the one wanted does not exist yet.
func (d *DB) createDatabase(ctx context.Context) error {
	options := d.options
	options.Auth.Database = "default"
	conn, err := ch.Open(&options)
	if err != nil {
		return errURL
	}
	defer conn.Close()
	name := strings.ReplaceAll(d.options.Auth.Database, "`", "")
	if err := conn.Exec(ctx, onCluster(d.cluster, "CREATE DATABASE IF NOT EXISTS `"+name+"`")); err != nil {
		return classify("create the database", err)
	}
	return nil
}

// migrations reads the embedded files, which are numbered from 1 without gaps.
func migrations() ([]migration, error) {
	names, err := fs.Glob(migrationFiles, "migrations/*.sql")
	if err != nil {
		return nil, err
	}
	var out []migration
	for i, path := range names {
		text, err := migrationFiles.ReadFile(path)
		if err != nil {
			return nil, err
		}
		name := strings.TrimPrefix(path, "migrations/")
		if want := fmt.Sprintf("%04d_", i+1); !strings.HasPrefix(name, want) {
			return nil, fmt.Errorf("migration %s: want a name that starts with %s", name, want)
		}
		sum := sha256.Sum256(text)
		out = append(out, migration{
			version: uint32(i + 1), name: name, checksum: hex.EncodeToString(sum[:])[:32], statements: statements(string(text)),
		})
	}
	return out, nil
}

// statements splits a file at semicolons that end a line, and drops lines that are comments.
func statements(text string) []string {
	var out []string
	var current strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "--") {
			continue
		}
		current.WriteString(line)
		if s := strings.TrimSpace(current.String()); strings.HasSuffix(s, ";") {
			out = append(out, strings.TrimSuffix(s, ";"))
			current.Reset()
		}
	}
	if s := strings.TrimSpace(current.String()); s != "" {
		out = append(out, s)
	}
	return out
}
