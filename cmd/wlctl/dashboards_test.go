package main

import (
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/sinks/clickhouse"
	engine "github.com/whatsapplink/cloud/sinks/clickhouse/embedded"
)

// queries are those of all panels that ask a kind of data source, each with the dashboard and panel that it is of.
func queries(t *testing.T, source string) iter.Seq2[string, target] {
	return func(yield func(string, target) bool) {
		for _, d := range dashboards(t) {
			for _, p := range d.Panels {
				for _, q := range p.Targets {
					if q.Datasource.Type == source && !yield(d.Title+", "+p.Title, q) {
						return
					}
				}
			}
		}
	}
}

// Goal: every panel of Prometheus asks for what is measured. Method: as the alerts, with Grafana's interval filled in.
func TestPanelsAskForWhatIsMeasured(t *testing.T) {
	metrics := registered(t)
	legend := regexp.MustCompile(`\{\{(\w+)\}\}`)
	n := 0
	for where, q := range queries(t, "prometheus") {
		n++
		expr := strings.ReplaceAll(q.Expr, "$__rate_interval", "5m")
		_, known := parse(t, where, expr, metrics)
		for _, label := range legend.FindAllStringSubmatch(q.LegendFormat, -1) {
			if !slices.Contains(known, label[1]) || !strings.Contains(expr, label[1]) {
				t.Errorf("%s: the legend names %s, which the series do not have", where, label[1])
			}
		}
	}
	if n < 20 {
		t.Errorf("%d queries", n)
	}
}

var (
	timeFilter     = regexp.MustCompile(`\$__timeFilter\(([^()]+)\)`)
	conditionalAll = regexp.MustCompile(`\$__conditionalAll\((.+?), \$tenant\)`)
)

// filledIn is a panel's query as the ClickHouse data source sends it, for tenants chosen or, without any, for all.
func filledIn(sql string, from, to time.Time, tenants ...string) string {
	span := fmt.Sprintf("$1 >= toDateTime(%d) AND $1 <= toDateTime(%d)", from.Unix(), to.Unix())
	chosen := "1=1"
	if len(tenants) > 0 {
		chosen = "$1"
	}
	sql = conditionalAll.ReplaceAllString(timeFilter.ReplaceAllString(sql, span), chosen)
	return strings.ReplaceAll(sql, "${tenant:singlequote}", "'"+strings.Join(tenants, "','")+"'")
}

// Goal: every panel of ClickHouse has an answer. Method: each query on a migrated engine that holds a few messages, for all
// tenants, for theirs, and for another, which has none; what draws lines begins with a time.
func TestPanelsHaveAnswersOfClickHouse(t *testing.T) {
	db, err := clickhouse.Open(clickhouse.Config{URL: engine.ForTest(t)})
	if err == nil {
		t.Cleanup(func() { _ = db.Close() })
		err = db.Migrate(within(t))
	}
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC()
	happen(t, db, now.Add(-3*time.Hour))
	ask := func(where, sql string) clickhouse.Rows {
		t.Helper()
		if strings.Contains(sql, "$") {
			t.Fatalf("%s: a macro is left in %s", where, sql)
		}
		rows, err := db.Query(within(t), sql)
		if err != nil {
			t.Fatalf("%s: %v", where, err)
		}
		return rows
	}
	n := 0
	for where, q := range queries(t, "grafana-clickhouse-datasource") {
		n++
		from, to := now.Add(-24*time.Hour), now.Add(time.Hour)
		rows := ask(where, filledIn(q.RawSQL, from, to))
		if len(rows.Values) == 0 {
			t.Errorf("%s has no answer", where)
		}
		if q.QueryType == "timeseries" && rows.Columns[0] != "time" {
			t.Errorf("%s draws lines over %s", where, rows.Columns[0])
		}
		if !strings.Contains(q.RawSQL, "$tenant") {
			continue
		}
		if own := ask(where, filledIn(q.RawSQL, from, to, "acme", "other")); len(own.Values) != len(rows.Values) {
			t.Errorf("%s: %d rows of the only tenant, %d of all", where, len(own.Values), len(rows.Values))
		}
		if none := ask(where, filledIn(q.RawSQL, from, to, "other")); len(none.Values) != 0 {
			t.Errorf("%s answers for another tenant: %v", where, none.Values)
		}
	}
	if n < 12 {
		t.Errorf("%d queries", n)
	}
}

// happen lets one message be sent, delivered, read and stripped, one fail, an officer look, and one bucket of two be erased.
func happen(t *testing.T, db *clickhouse.DB, at time.Time) {
	t.Helper()
	var events []schemas.Event
	for n, kinds := range [][]schemas.Kind{
		{schemas.KindAccepted, schemas.KindRouted, schemas.KindClaimed, schemas.KindSent, schemas.KindDelivered, schemas.KindRead, schemas.KindRedacted},
		{schemas.KindAccepted, schemas.KindRouted, schemas.KindClaimed, schemas.KindFailed},
	} {
		for step, kind := range kinds {
			e := schemas.Event{
				Identity: schemas.Identity{TenantID: "acme", MessageID: fmt.Sprintf("01KB000000000000000000000%d", n), AcceptedAt: at},
				Kind:     kind, At: at.Add(time.Duration(step) * time.Second), Stage: "deliver", Country: "DE", Category: "utility",
				ContentType: "text", SizeClass: "64", Window: "1h", PolicyVersion: "2026-11", DueAt: at.Add(time.Hour),
			}
			if step >= 2 {
				e.Attempt, e.SenderID, e.Region, e.TransferBasis = 1, "106540352242922", "eu", "same_region"
			}
			if kind == schemas.KindFailed {
				e.Reason, e.ErrorCode = "undeliverable", 131026
			}
			events = append(events, e)
		}
	}
	bucket := func(state string, n int64) schemas.Receipt {
		due := at.Add(time.Duration(n) * time.Minute)
		return schemas.Receipt{State: state, Lane: "delivered.1h", Bucket: due, FirstOffset: n, LastOffset: n, Count: 1, Deadline: due, ObservedAt: due, PolicyVersion: "2026-11"}
	}
	ctx, span := within(t), pipeline.Span{Topic: "any", First: 0, Next: int64(len(events))}
	for _, err := range []error{
		clickhouse.Events(db).Write(ctx, span, events),
		clickhouse.Receipts(db).Write(ctx, span, []schemas.Receipt{bucket("expired", 0), bucket("erased", 0), bucket("expired", 1)}),
		clickhouse.AuditRecords(db).Write(ctx, span, []schemas.AuditRecord{{
			AuditID: "01KB0000000000000000000009", Action: "show", Actor: "officer", Purpose: "debug", IncidentID: "INC-7", At: at, ReadHash: make([]byte, 32), PolicyVersion: "2026-11",
		}}),
		db.Refresh(ctx),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Goal: what compose mounts is what setup writes, Prometheus scrapes where the stages serve, panels ask data sources there
// are. Method: write the files, read the compose file and Prometheus's beside them.
func TestComposeMountsAndScrapesWhatIsThere(t *testing.T) {
	dir := t.TempDir()
	must(t, "", "setup", "--local", dir)
	var compose struct {
		Services map[string]struct {
			Command     []string
			Environment map[string]string
			Volumes     []string
		}
		Volumes map[string]any
	}
	raw, err := os.ReadFile("../../docker-compose.yml")
	if err == nil {
		err = yaml.UnmarshalWithOptions(raw, &compose, yaml.AllowDuplicateMapKey()) // a service overrides what it merges
	}
	if err != nil {
		t.Fatal(err)
	}
	serving := map[string]string{} // binary -> where it serves metrics
	mounted := 0
	for name, s := range compose.Services {
		if at, ok := s.Environment["WL_HTTP"]; ok && s.Command[0] == name {
			serving[name] = at
		}
		for _, volume := range s.Volumes {
			source, _, _ := strings.Cut(volume, ":")
			path, ours := strings.CutPrefix(source, ".cache/compose/")
			if _, named := compose.Volumes[source]; !ours && !named {
				t.Errorf("%s mounts %s, which nobody makes", name, source)
			}
			if !ours {
				continue
			}
			mounted++
			if _, err := os.Stat(filepath.Join(dir, path)); err != nil {
				t.Errorf("%s mounts %s, which setup does not write", name, source)
			}
		}
	}
	if mounted < 4 || len(serving) != 7 {
		t.Errorf("%d folders mounted, %d stages serve", mounted, len(serving))
	}

	var scrape struct {
		Global    map[string]string `yaml:"global"`
		RuleFiles []string          `yaml:"rule_files"`
		Configs   []struct {
			Job     string `yaml:"job_name"`
			Statics []struct {
				Targets []string          `yaml:"targets"`
				Labels  map[string]string `yaml:"labels"`
			} `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	monitored(t, "prometheus/prometheus.yml", &scrape)
	if len(scrape.Configs) != 1 || scrape.Configs[0].Job != "whatsapplink" || !slices.Equal(scrape.RuleFiles, []string{"rules.yml"}) {
		t.Fatalf("%+v", scrape)
	}
	for _, s := range scrape.Configs[0].Statics {
		if at := serving[s.Labels["binary"]]; !slices.Equal(s.Targets, []string{at}) {
			t.Errorf("%v is scraped at %v, it serves at %s", s.Labels, s.Targets, at)
		}
		delete(serving, s.Labels["binary"])
	}
	if len(serving) > 0 {
		t.Errorf("not scraped: %v", serving)
	}

	var sources struct {
		Datasources []struct{ UID, Type string }
	}
	raw, err = os.ReadFile(filepath.Join(dir, "monitoring/grafana/provisioning/datasources/datasources.yml"))
	if err == nil {
		err = yaml.Unmarshal(raw, &sources)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dashboards(t) {
		ids := map[int]bool{}
		for _, p := range d.Panels {
			if ids[p.ID] || p.Title == "" || p.Description == "" || len(p.Targets) == 0 {
				t.Errorf("%s: panel %d, %q", d.Title, p.ID, p.Title)
			}
			ids[p.ID] = true
			for _, q := range p.Targets {
				if !slices.ContainsFunc(sources.Datasources, func(s struct{ UID, Type string }) bool {
					return s.UID == q.Datasource.UID && s.Type == q.Datasource.Type
				}) {
					t.Errorf("%s, %s: no data source %+v", d.Title, p.Title, q.Datasource)
				}
			}
		}
	}
}

// Goal: monitoring follows the version, secrets stay. Method: write, spoil both, write again.
func TestMonitoringIsWrittenOver(t *testing.T) {
	dir := t.TempDir()
	must(t, "", "setup", "--local", dir)
	rules, secret := filepath.Join(dir, "monitoring/prometheus/rules.yml"), filepath.Join(dir, "secrets/app-secret")
	for _, path := range []string{rules, secret} {
		if err := os.WriteFile(path, []byte("other"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out := must(t, "", "setup", "--local", dir); out != "wrote "+rules+"\n" {
		t.Errorf("wrote %q", out)
	}
	if kept, err := os.ReadFile(secret); err != nil || string(kept) != "other" {
		t.Errorf("the secret is %q, %v", kept, err)
	}
}
