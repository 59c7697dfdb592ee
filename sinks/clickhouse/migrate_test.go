package clickhouse

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/whatsapplink/cloud/sinks/clickhouse/embedded"
)

// Goal: migrating again, and two runners at once on an empty database, end in the same schema. Method: four runners with
// clients of their own, then one more; every migration stands once, every table and view answers.
func TestMigrationsBearTwoRunners(t *testing.T) {
	url := embedded.ForTest(t)
	var g errgroup.Group
	for range 4 {
		g.Go(func() error {
			db, err := Open(Config{URL: url})
			if err != nil {
				return err
			}
			defer db.Close()
			return db.Migrate(t.Context())
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	db, err := Open(Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, err := range []error{db.Migrate(t.Context()), db.Migrated(t.Context()), db.Refresh(t.Context())} {
		if err != nil {
			t.Fatal(err)
		}
	}
	expect(t, db, "7", "SELECT count() FROM schema_migrations FINAL")
	for _, view := range []string{"message_status", "funnel_hourly", "latency_hourly", "errors_hourly", "senders", "retention", "freshness", "message_refs", "transfers"} {
		if _, err := db.Query(t.Context(), "SELECT * FROM "+view); err != nil {
			t.Errorf("%s: %v", view, err)
		}
	}
}

// Goal: a database that does not exist yet is made. Method: a URL with another database's name.
func TestMigrateMakesTheDatabase(t *testing.T) {
	url := embedded.ForTest(t) + "_new"
	db, err := Open(Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Migrated(t.Context()); !errors.Is(err, errStale) {
		t.Errorf("before: got %v, want %v", err, errStale)
	}
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := db.Migrated(t.Context()); err != nil {
		t.Errorf("after: %v", err)
	}
}

// Goal: a migration that was edited after it was applied is refused. Method: change the checksum on record.
func TestAnEditedMigrationIsRefused(t *testing.T) {
	db := open(t)
	err := db.exec(t.Context(), "edit", nil, "ALTER TABLE schema_migrations UPDATE checksum = toFixedString('x', 32) WHERE version = 2 SETTINGS mutations_sync = 2")
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Migrate(t.Context()); err == nil || !strings.Contains(err.Error(), "0002_messages.sql was edited") {
		t.Errorf("got %v", err)
	}
}

// Goal: a table that would keep the repeats of an insert is noticed before the first insert. Method: its deduplication
// window set to 0 by hand.
func TestAMissingDeduplicationWindowIsNoticed(t *testing.T) {
	db := open(t)
	if err := db.exec(t.Context(), "alter", nil, "ALTER TABLE events MODIFY SETTING non_replicated_deduplication_window = 0"); err != nil {
		t.Fatal(err)
	}
	if err := db.Migrated(t.Context()); !errors.Is(err, errRepeats) {
		t.Errorf("got %v", err)
	}
}

// classified are the columns that can hold text of any length, and why they hold no content: identities checked by Admit
// or made by us.
var classified = map[string]string{
	"events.message_id":          "ULID, UUID or coordinates",
	"events.detail":              "coordinates, due time, claim, copy or control id",
	"events.labels":              "checked values of labels",
	"repeats.message_id":         "ULID, UUID or coordinates",
	"repeats.coordinates":        "coordinates",
	"messages.message_id":        "ULID, UUID or coordinates",
	"messages.labels":            "checked values of labels",
	"tombstones.message_id":      "ULID, UUID or coordinates",
	"audit.audit_id":             "ULID",
	"audit.message_id":           "ULID or UUID",
	"audit.control_id":           "ULID",
	"rights_requests.request_id": "ULID",
	"message_status.message_id":  "ULID, UUID or coordinates",
	"message_status.labels":      "checked values of labels",
	"message_refs.message_id":    "ULID, UUID or coordinates",
	"latency_hourly.hop":         "five words of ours",
	"freshness.object":           "two words of ours",
}

// Goal: no column can hold content unnoticed, every column says what it is, and nothing personal stands without an end.
// Method: lint system.columns and system.tables; a String outside a LowCardinality must be classified above, refs are
// 16 bytes, names of tables are those of the contract.
func TestTheSchemaIsLinted(t *testing.T) {
	db := open(t)
	rows, err := db.Query(t.Context(), "SELECT table, name, type, comment FROM system.columns WHERE database = currentDatabase()")
	if err != nil {
		t.Fatal(err)
	}
	lowCardinalities := regexp.MustCompile(`LowCardinality\(String\)`)
	seen := map[string]bool{}
	for _, r := range rows.Values {
		column, kind, comment := r[0]+"."+r[1], r[2], r[3]
		seen[r[0]] = true
		if comment == "" {
			t.Errorf("%s has no comment", column)
		}
		rest := lowCardinalities.ReplaceAllString(kind, "")
		if free := regexp.MustCompile(`\bString\b`).MatchString(rest); free != (classified[column] != "") {
			t.Errorf("%s %s: free text is %v, classified as %q", column, kind, free, classified[column])
		}
		if strings.HasSuffix(r[1], "_ref") && kind != "FixedString(16)" {
			t.Errorf("%s %s: refs are FixedString(16)", column, kind)
		}
		if r[1] == "recipient_ref" && r[0] != "events" && r[0] != "messages" && r[0] != "suppression_history" && r[0] != "tombstones" && r[0] != "message_refs" {
			t.Errorf("%s: refs of recipients are kept to the tables that need them", column)
		}
	}
	for _, table := range []string{"events", "messages", "delivery_hourly", "receipts", "audit", "suppression_history", "policy_history",
		"rights_requests", "tombstones", "schema_migrations", "message_status", "funnel_hourly", "latency_hourly", "errors_hourly", "senders", "retention", "freshness", "message_refs", "transfers"} {
		if !seen[table] {
			t.Errorf("%s does not exist", table)
		}
	}
	expect(t, db, "schema_migrations", `SELECT arrayStringConcat(groupArray(name), ',') FROM system.tables
WHERE database = currentDatabase() AND engine LIKE '%MergeTree' AND create_table_query NOT LIKE '%TTL %'`)
	// No group of a view spans tenants, so there is none to suppress for having few recipients (privacy policy, purposes).
	expect(t, db, "freshness", `SELECT arrayStringConcat(groupArray(name), ',') FROM system.tables
WHERE database = currentDatabase() AND engine = 'View' AND name NOT IN (SELECT table FROM system.columns WHERE database = currentDatabase() AND name = 'tenant_id')`)
	expect(t, db, "audit,events,receipts,suppression_history", `SELECT arrayStringConcat(arraySort(groupArray(name)), ',') FROM system.tables
WHERE database = currentDatabase() AND create_table_query LIKE '%non_replicated_deduplication_window%'`)
}

// Goal: the same files make a cluster's tables: every statement parses, none makes a table on one host only, and every
// table is replicated and deduplicates. Method: the engine's parser on each statement in both forms; what only a cluster
// has is not executed here.
func TestMigrationsParseForAServerAndACluster(t *testing.T) {
	db := open(t)
	all, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	statements := []string{createMigrations}
	for _, m := range all {
		statements = append(statements, m.statements...)
	}
	tables := 0
	for _, sql := range statements {
		for _, cluster := range []string{"", "main"} {
			form := onCluster(cluster, sql)
			if _, err := db.Query(t.Context(), "EXPLAIN AST "+form); err != nil {
				t.Errorf("%.60q on %q: %v", form, cluster, err)
			}
		}
		form := onCluster("main", sql)
		if !strings.Contains(form, " ON CLUSTER `main`") {
			t.Errorf("%.60q is not made on the cluster", form)
		}
		if strings.Contains(sql, "ENGINE = ") {
			tables++
			if !strings.Contains(form, "ENGINE = Replicated") || strings.Contains(form, "non_replicated") {
				t.Errorf("%.60q is not replicated", form)
			}
		}
	}
	if tables != 13 {
		t.Errorf("%d tables, want 13", tables)
	}
}

// Goal: what a refresh reads does not grow with the table. Method: messages of forty hours in the table; the engine says
// how many granules it reads for those of one minute, found as the refresh finds them.
func TestARefreshReadsWhatIsRecent(t *testing.T) {
	db := open(t)
	err := db.exec(t.Context(), "fill", nil, `INSERT INTO events (tenant_id, message_id, accepted_at, kind, at)
SELECT 'acme', toString(sipHash128(number)), toDateTime64(?, 6, 'UTC') + toIntervalMillisecond(number * 480) AS a, 'accepted', a FROM numbers(300000)`,
		noon.Add(-40*time.Hour).Unix())
	if err != nil {
		t.Fatal(err)
	}
	rows, err := db.Query(t.Context(), `EXPLAIN indexes = 1 SELECT count() FROM events FINAL WHERE (tenant_id, accepted_at, message_id) IN
(SELECT tenant_id, accepted_at, message_id FROM events WHERE accepted_at >= ? AND accepted_at < ?)`, noon.Add(-20*time.Hour), noon.Add(-20*time.Hour+time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	granules, read := regexp.MustCompile(`Granules: (\d+)/\d+`), 1000
	for _, r := range rows.Values {
		if m := granules.FindStringSubmatch(r[0]); m != nil {
			read, _ = strconv.Atoi(m[1]) // each index leaves fewer; the last one's count is what is read
		}
	}
	if read > 3 {
		t.Errorf("the refresh of a minute reads %d granules of 40 hours, want at most 3", read)
	}
}
