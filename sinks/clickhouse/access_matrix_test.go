package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/sinks/clickhouse/embedded"
)

// attempt does what a cell of the matrix is about, without changing anything. The error is nil, or ClickHouse's.
func attempt(ctx context.Context, db *DB, g grant, column string) error {
	functions := map[string]string{
		"url":    "url('http://127.0.0.1:9/x', 'CSV', 'x String')",
		"s3":     "s3('http://127.0.0.1:9/bucket/key', 'CSV', 'x String')",
		"remote": "remote('127.0.0.1:9', system.one)",
		"file":   "file('x.csv', 'CSV', 'x String')",
	}
	switch g.privilege {
	case "SELECT":
		return db.exec(ctx, "select", nil, "SELECT * FROM "+g.object+" LIMIT 1 FORMAT Null")
	case "INSERT":
		return db.exec(ctx, "insert", nil, "INSERT INTO "+g.object+" ("+column+") SELECT 0 WHERE 0")
	case "ALTER DELETE":
		return db.exec(ctx, "delete", nil, "ALTER TABLE "+g.object+" DELETE WHERE 0")
	case "TRUNCATE":
		return db.exec(ctx, "truncate", nil, "TRUNCATE TABLE "+g.object)
	case "READ":
		return db.exec(ctx, "read", nil, "SELECT * FROM "+functions[g.object]+" FORMAT Null")
	case "WRITE":
		return db.exec(ctx, "write", nil, "INSERT INTO FUNCTION "+functions[g.object]+" SELECT 'x'")
	}
	return fmt.Errorf("no attempt for %s", g.privilege)
}

// judge runs the cells of a role. Refused is access denied, or read only where a profile says so before the grants do.
func judge(t *testing.T, db *DB, cells []cell, columns map[string]string) {
	t.Helper()
	const codeReadonly = 164
	for _, c := range cells {
		err := attempt(t.Context(), db, c.grant, columns[c.object])
		switch refused := isCode(err, codeAccessDenied) || isCode(err, codeReadonly); {
		case c.allowed && err != nil:
			t.Errorf("%s: %s on %s is refused: %v", c.role, c.privilege, c.object, err)
		case !c.allowed && !refused:
			t.Errorf("%s: %s on %s is not refused: %v", c.role, c.privilege, c.object, err)
		}
	}
}

func cellsOf(all []cell, role string) []cell {
	return slices.DeleteFunc(slices.Clone(all), func(c cell) bool { return c.role != role })
}

func roles(all []cell) (out []string) {
	for _, c := range all {
		if !slices.Contains(out, c.role) {
			out = append(out, c.role)
		}
	}
	return out
}

// firstColumns names a column of each table.
func firstColumns(t *testing.T, db *DB) map[string]string {
	t.Helper()
	rows, err := db.Query(t.Context(), "SELECT table, argMin(name, position) FROM system.columns WHERE database = currentDatabase() GROUP BY table")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, r := range rows.Values {
		out[r[0]] = r[1]
	}
	return out
}

// seed inserts a message of each of two tenants.
func seed(t *testing.T, db *DB, tenants ...string) {
	t.Helper()
	for _, tenant := range tenants {
		err := db.exec(t.Context(), "seed", nil, `INSERT INTO events (tenant_id, message_id, accepted_at, kind, at)
SELECT ?, '01KB0000000000000000000000', now64(6), 'accepted', now64(6)`, tenant)
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// ownRows are the conditions of the policy wl_tenant.
var ownRows = func() string {
	policy := regexp.MustCompile(`(?s)^CREATE ROW POLICY OR REPLACE wl_tenant ON (.+)\nAS RESTRICTIVE FOR SELECT USING (.+) TO wl_tenant$`)
	var out strings.Builder
	for _, s := range must(accessStatements()) {
		if m := policy.FindStringSubmatch(s.sql); m != nil {
			for view := range strings.SplitSeq(m[1], ", ") {
				fmt.Fprintf(&out, "<%s><filter>%s</filter></%[1]s>", view, m[2])
			}
		}
	}
	return out.String()
}()

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func qualified(object string) string {
	if strings.Contains(object, ".") {
		return object
	}
	return embedded.Database + "." + object
}

// as runs the engine on a folder with the grants of the files, and its user with rights and conditions on rows. The engine
// reads config.xml where it is started.
func as(t *testing.T, data, rights, rows string, do func(*DB)) {
	t.Helper()
	made := map[string]string{}
	for _, g := range must(grants()) {
		made[g.role] += "<query>GRANT " + g.privilege + " ON " + qualified(g.object) + "</query>"
	}
	var named strings.Builder
	for role, queries := range made {
		if role != "wl_views" {
			fmt.Fprintf(&named, "<%s><grants>%s</grants></%[1]s>", role, queries)
		}
	}
	dir := t.TempDir()
	const anyone = "<password></password><networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota>"
	for name, text := range map[string]string{
		"config.xml": "<users_config>" + filepath.Join(dir, "users.xml") + "</users_config>",
		"users.xml": "<profiles><default></default></profiles><quotas><default></default></quotas><roles>" + named.String() + "</roles><users>" +
			"<wl_views>" + anyone + "<grants>" + made["wl_views"] + "</grants></wl_views>" +
			"<default>" + anyone + rights + "<databases><" + embedded.Database + ">" + rows + "</" + embedded.Database + "></databases></default></users>",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("<clickhouse>"+text+"</clickhouse>"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	engine, err := embedded.Start(t.Context(), data, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer engine.Close()
	db, err := Open(Config{URL: engine.URL()})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	do(db)
}

// Goal: each role may do what the matrix says and nothing else, and a tenant sees its own rows only. Method: every cell is
// attempted on the engine, as its one user `default`. The engine keeps no roles, but reads users.xml, to which the grants and
// the row policy of the files are copied; profiles, quotas and statements that only a server runs are the next test's.
func TestTheMatrixHoldsOnTheEngine(t *testing.T) {
	if _, err := embedded.Fetch(t.Context(), nil); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skipf("no embedded ClickHouse engine: %v", err)
	}
	data := t.TempDir()
	all := slices.DeleteFunc(matrix(t), func(c cell) bool { // the engine writes no log, and shows mutations to everybody
		return c.object == "system.query_log" || c.object == "system.mutations" && !c.allowed
	})
	var columns map[string]string
	as(t, data, "<access_management>1</access_management>", "", func(db *DB) {
		if err := db.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		seed(t, db, "default", "another")
		columns = firstColumns(t, db)
		if drift, err := db.grantDrift(t.Context()); err != nil || len(drift) > 0 {
			t.Errorf("drift of what the files grant: %v, %v", drift, err)
		}
		for _, s := range must(accessStatements()) {
			if s.file == "5_views.sql" {
				if err := db.exec(t.Context(), "alter", nil, s.sql); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
	for _, role := range roles(all) {
		own := "" // row policies are not known to users.xml by role: the user has the condition itself
		if role == "wl_tenant" {
			own = ownRows
		}
		as(t, data, "<grants><query>GRANT "+role+"</query><query>GRANT CREATE DATABASE ON whatsapplink.*</query></grants>", own, func(db *DB) {
			judge(t, db, cellsOf(all, role), columns)
			switch role {
			case "wl_tenant":
				expect(t, db, "default", "SELECT arrayStringConcat(groupArray(tenant_id), ',') FROM message_status")
				expect(t, db, "1", "SELECT sum(messages) FROM funnel_hourly")
			case "wl_analyst":
				expect(t, db, "2", "SELECT count() FROM message_status")
				for _, q := range questions(t) {
					if _, err := db.Query(t.Context(), q.sql); err != nil {
						t.Errorf("%s as an analyst: %v", q.text, err)
					}
				}
			case "wl_privacy":
				subject := Subject{TenantID: "another", Refs: [][]byte{make([]byte, 16)}, Through: time.Now().Add(time.Minute)}
				if err := db.DeleteSubject(t.Context(), subject, 0); err != nil {
					t.Errorf("a deletion as wl_privacy: %v", err)
				}
				expect(t, db, "1", "SELECT count() FROM message_status")
			case "wl_refresher":
				if err := errors.Join(db.Migrated(t.Context()), db.Refresh(t.Context())); err != nil {
					t.Errorf("the start and a refresh of record as wl_refresher: %v", err)
				}
			}
		})
	}
}

// Goal: the same with real roles, by the statements as they are: no drift after them, profiles and quotas included. Method: a
// user of each role on the server that WL_TEST_CLICKHOUSE names, whose roles thereby point to this test's database.
func TestTheMatrixHoldsOnAServer(t *testing.T) {
	address := os.Getenv("WL_TEST_CLICKHOUSE")
	if address == "" {
		t.Skip("not run: the access matrix needs a ClickHouse server (WL_TEST_CLICKHOUSE)")
	}
	db := open(t)
	if err := db.ApplyAccess(t.Context()); err != nil {
		t.Fatal(err)
	}
	seed(t, db, "wl_test_tenant", "another")
	if err := db.exec(t.Context(), "flush", nil, "SYSTEM FLUSH LOGS"); err != nil { // makes system.query_log
		t.Fatal(err)
	}
	if drift, err := db.AccessDrift(t.Context()); err != nil || len(drift) > 0 {
		t.Errorf("drift after ApplyAccess: %v, %v", drift, err)
	}
	all, columns := matrix(t), firstColumns(t, db)
	for _, role := range roles(all) {
		name := strings.Replace(role, "wl_", "wl_test_", 1)
		for _, sql := range []string{
			"CREATE USER OR REPLACE " + name + " IDENTIFIED WITH sha256_password BY 'of-a-test'",
			"GRANT " + role + " TO " + name,
		} {
			if err := db.exec(t.Context(), "make a user", nil, sql); err != nil {
				t.Fatal(err)
			}
		}
		t.Cleanup(func() { _ = db.exec(context.Background(), "drop", nil, "DROP USER "+name) })
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal("WL_TEST_CLICKHOUSE is no URL")
		}
		u.User, u.Path = url.UserPassword(name, "of-a-test"), "/"+db.options.Auth.Database
		as, err := Open(Config{URL: u.String()})
		if err != nil {
			t.Fatal(err)
		}
		judge(t, as, cellsOf(all, role), columns)
		if role == "wl_tenant" {
			expect(t, as, "wl_test_tenant", "SELECT arrayStringConcat(groupArray(tenant_id), ',') FROM message_status")
		}
		if role == "wl_analyst" {
			expect(t, as, "2", "SELECT count() FROM message_status")
		}
		_ = as.Close()
	}
}
