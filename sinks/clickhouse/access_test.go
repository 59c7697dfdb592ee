package clickhouse

import (
	"encoding/csv"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// cell is one cell of access/matrix.csv.
type cell struct {
	grant
	allowed bool
}

func matrix(t testing.TB) []cell {
	t.Helper()
	file, err := os.Open("access/matrix.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var all []cell
	for _, line := range lines[1:] {
		for i, role := range lines[0][2:] {
			if word := line[2+i]; word != "yes" && word != "no" {
				t.Fatalf("matrix: %v", line)
			}
			all = append(all, cell{grant{role, line[1], line[0]}, line[2+i] == "yes"})
		}
	}
	return all
}

// Goal: what the files grant is what the matrix says, for every table and view there is. Method: compare the GRANT
// statements with the matrix both ways, its roles with the roles made, its objects with the tables of a migrated database.
func TestTheGrantsAreTheMatrix(t *testing.T) {
	given, err := grants()
	if err != nil {
		t.Fatal(err)
	}
	given = slices.DeleteFunc(given, func(g grant) bool { return g.role == "wl_views" })
	roles, objects := map[string]bool{}, map[string]bool{}
	for _, c := range matrix(t) {
		roles[c.role], objects[c.object] = true, true
		if slices.Contains(given, c.grant) != c.allowed {
			t.Errorf("%s on %s to %s: the matrix says %v", c.privilege, c.object, c.role, c.allowed)
		}
		given = slices.DeleteFunc(given, func(g grant) bool { return g == c.grant })
	}
	if len(given) > 0 {
		t.Errorf("granted outside the matrix: %v", given)
	}
	all, err := accessStatements()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if name, ok := strings.CutPrefix(s.sql, "CREATE ROLE IF NOT EXISTS "); ok && !roles[name] {
			t.Errorf("%s is not in the matrix", name)
		}
	}
	tables, err := open(t).Query(t.Context(), "SELECT name FROM system.tables WHERE database = currentDatabase()")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range tables.Values {
		if !objects[r[0]] {
			t.Errorf("%s is not in the matrix", r[0])
		}
	}
}

// Goal: drift names what is too much and what is missing. Method: two lists of grants that differ by one each way; that the
// engine's own list is read right, the matrix's test shows.
func TestDriftOfGrantsNamesBothSides(t *testing.T) {
	analyst := grant{"wl_analyst", "SELECT", "senders"}
	got := difference([]grant{analyst, {"wl_writer", "INSERT", "events"}}, []grant{analyst, {"wl_writer", "TRUNCATE", "events"}})
	want := []string{"revoke TRUNCATE on events from wl_writer", "grant INSERT on events to wl_writer"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Goal: every statement is one that ClickHouse reads, on a server and on a cluster, and every view is read in the name of
// wl_views. Method: the engine's parser on both forms.
func TestAccessParsesForAServerAndACluster(t *testing.T) {
	db := open(t)
	all, err := accessStatements()
	if err != nil {
		t.Fatal(err)
	}
	definers := map[string]bool{}
	for _, s := range all {
		for _, cluster := range []string{"", "main"} {
			form := accessOnCluster(cluster, s.sql)
			if _, err := db.Query(t.Context(), "EXPLAIN AST "+form); err != nil {
				t.Errorf("%.60q on %q: %v", form, cluster, err)
			}
			if strings.Contains(form, " ON CLUSTER `main`") != (cluster != "") {
				t.Errorf("%.60q on %q", form, cluster)
			}
		}
		if strings.HasPrefix(s.sql, "CREATE SETTINGS PROFILE") { // names of settings are not the parser's matter
			for _, m := range regexp.MustCompile(`(\w+) = \d`).FindAllStringSubmatch(s.sql, -1) {
				expect(t, db, "1", "SELECT count() FROM system.settings WHERE name = ?", m[1])
			}
		}
		if view, ok := strings.CutSuffix(s.sql, " MODIFY SQL SECURITY DEFINER DEFINER = wl_views"); ok {
			definers[strings.TrimPrefix(view, "ALTER TABLE ")] = true
		}
	}
	views, err := db.Query(t.Context(), "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'View'")
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range views.Values {
		if !definers[v[0]] {
			t.Errorf("%s is read in the name of who asks", v[0])
		}
	}
}

// Goal: an engine that keeps no users says so, and nothing else. Method: the embedded one.
func TestAnEngineWithoutRolesIsTold(t *testing.T) {
	if os.Getenv("WL_TEST_CLICKHOUSE") != "" {
		t.Skip("not run: a server keeps roles")
	}
	db := open(t)
	if err := db.ApplyAccess(t.Context()); err != ErrNoAccessControl {
		t.Errorf("ApplyAccess: %v", err)
	}
	if _, err := db.AccessDrift(t.Context()); err != ErrNoAccessControl {
		t.Errorf("AccessDrift: %v", err)
	}
}
