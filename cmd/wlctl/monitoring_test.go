package main

import (
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/template"

	"github.com/goccy/go-yaml"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/whatsapplink/cloud/cmd/internal/wire"
)

// alert is a rule as Prometheus reads it.
type alert struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

func alerts(t *testing.T) (all []alert) {
	t.Helper()
	var file struct {
		Groups []struct {
			Name  string  `yaml:"name"`
			Rules []alert `yaml:"rules"`
		} `yaml:"groups"`
	}
	monitored(t, "prometheus/rules.yml", &file)
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	if len(all) < 10 {
		t.Fatalf("%d rules", len(all))
	}
	return all
}

// monitored reads a YAML file of the folder monitoring; it may hold nothing that the type does not.
func monitored(t *testing.T, name string, into any) {
	t.Helper()
	raw, err := monitoring.ReadFile("monitoring/" + name)
	if err == nil {
		err = yaml.UnmarshalWithOptions(raw, into, yaml.Strict())
	}
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

// dashboard is what the tests need of a Grafana dashboard.
type dashboard struct {
	UID    string  `json:"uid"`
	Title  string  `json:"title"`
	Panels []panel `json:"panels"`
}

type panel struct {
	ID                       int `json:"id"`
	Type, Title, Description string
	Targets                  []target
}

type target struct {
	Datasource         struct{ Type, UID string }
	Expr, LegendFormat string // Prometheus
	RawSQL             string // ClickHouse
	QueryType          string
}

func dashboards(t *testing.T) (all []dashboard) {
	t.Helper()
	files, err := fs.Glob(monitoring, "monitoring/grafana/dashboards/*.json")
	if err != nil || len(files) != 3 {
		t.Fatalf("dashboards: %v, %v", files, err)
	}
	for _, name := range files {
		raw, err := monitoring.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var d dashboard
		if err := json.Unmarshal(raw, &d); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all = append(all, d)
	}
	return all
}

var described = regexp.MustCompile(`^Desc\{fqName: "(\w+)".* constLabels: \{(.*)\}, variableLabels: \{(.*)\}\}$`)

// registered are the metrics of every binary with their labels, as their registries describe them.
func registered(t *testing.T) map[string][]string {
	t.Helper()
	binaries, err := services(map[string]string{
		"WL_KEYS_URL": newKeyURL(), "WL_REFS_URL": newKeyURL(), "WL_CREDENTIALS_DIR": t.TempDir(),
		"WL_APP_SECRET_FILE": file(t, "app", token()), "WL_VERIFY_TOKEN_FILE": file(t, "verify", token()),
	}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	metrics := map[string][]string{"up": nil} // Prometheus's own
	for _, b := range binaries {
		descs := make(chan *prometheus.Desc, 1000)
		b.process.Registry.Describe(descs)
		close(descs)
		for d := range descs {
			parts := described.FindStringSubmatch(d.String())
			if parts == nil {
				t.Fatalf("cannot read %s", d)
			}
			names := strings.FieldsFunc(parts[3], func(r rune) bool { return r == ',' })
			for constant := range strings.SplitSeq(parts[2], ",") {
				if name, _, ok := strings.Cut(constant, "="); ok {
					names = append(names, name)
				}
			}
			metrics[parts[1]] = names
			for _, suffix := range []string{"_bucket", "_sum", "_count"} { // of a histogram
				metrics[parts[1]+suffix] = append([]string{"le"}, names...)
			}
		}
	}
	return metrics
}

// ofTarget are labels that Prometheus adds, as prometheus.yml says.
var ofTarget = []string{"job", "instance", "binary"}

// parse parses an expression by Prometheus's own parser, and holds every metric and label in it against what is
// registered. It returns the labels that stand in it.
func parse(t *testing.T, where, expr string, metrics map[string][]string) (parser.Expr, []string) {
	t.Helper()
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	known := slices.Clone(ofTarget)
	selectors := func(n parser.Node) (all []*parser.VectorSelector) {
		parser.Inspect(n, func(n parser.Node, _ []parser.Node) error {
			if s, ok := n.(*parser.VectorSelector); ok {
				all = append(all, s)
			}
			return nil
		})
		return all
	}
	has := func(s *parser.VectorSelector, label string) bool {
		return slices.Contains(ofTarget, label) || slices.Contains(metrics[s.Name], label)
	}
	all := selectors(parsed)
	if len(all) == 0 {
		t.Errorf("%s asks for no metric", where)
	}
	for _, s := range all {
		names, ok := metrics[s.Name]
		if !ok {
			t.Errorf("%s: no binary registers %s", where, s.Name)
		}
		known = append(known, names...)
		for _, m := range s.LabelMatchers {
			if m.Name != model.MetricNameLabel && !has(s, m.Name) {
				t.Errorf("%s: %s has no label %s", where, s.Name, m.Name)
			}
		}
	}
	parser.Inspect(parsed, func(n parser.Node, _ []parser.Node) error {
		if a, ok := n.(*parser.AggregateExpr); ok {
			for _, s := range selectors(a) {
				for _, label := range a.Grouping {
					if !has(s, label) {
						t.Errorf("%s: by %s, which %s has not", where, label, s.Name)
					}
				}
			}
		}
		return nil
	})
	return parsed, known
}

var verb = regexp.MustCompile("`wlctl ([a-z -]+)`")

// Goal: every alert can fire, and tells whoever is woken what to do. Method: parse each by Prometheus's parser, hold its
// metrics and labels against the binaries' registries, fill its texts in, and run each wlctl verb they name for its help.
func TestAlertsNameWhatIsMeasuredAndWhatToDo(t *testing.T) {
	metrics := registered(t)
	seen := map[string]bool{}
	for _, a := range alerts(t) {
		if a.Alert == "" || seen[a.Alert] {
			t.Errorf("the name %q stands twice", a.Alert)
		}
		seen[a.Alert] = true
		_, known := parse(t, a.Alert, a.Expr, metrics)
		if a.For != "" {
			if _, err := model.ParseDuration(a.For); err != nil {
				t.Errorf("%s: %v", a.Alert, err)
			}
		}
		if s := a.Labels["severity"]; s != "page" && s != "ticket" {
			t.Errorf("%s: severity %q", a.Alert, s)
		}
		values := map[string]string{}
		for _, label := range known {
			values[label] = "x"
		}
		for _, name := range []string{"summary", "runbook"} {
			text := a.Annotations[name]
			if len(text) < 40 {
				t.Errorf("%s says %q as its %s", a.Alert, text, name)
			}
			filled, err := template.New(a.Alert).Option("missingkey=error").
				Funcs(template.FuncMap{"humanizeDuration": func(any) string { return "1h" }}).
				Parse("{{$labels := .Labels}}{{$value := .Value}}" + text)
			if err == nil {
				err = filled.Execute(io.Discard, map[string]any{"Labels": values, "Value": 1.0})
			}
			if err != nil {
				t.Errorf("%s: %v", a.Alert, err)
			}
			for _, words := range verb.FindAllStringSubmatch(text, -1) {
				if code, _, errs := wlctl("", append(strings.Fields(words[1]), "--help")...); code != 0 {
					t.Errorf("%s names `wlctl %s`: %s", a.Alert, words[1], errs)
				}
			}
		}
	}
}

// Goal: the alarm of lag comes at half of what a topic keeps, for every topic whose records a stage would lose. Method:
// the bounds in the rule against the retention in the plan, of a lane against what it keeps past its window.
func TestLagAlarmsAtHalfOfTheRetention(t *testing.T) {
	rules := alerts(t)
	rule := rules[slices.IndexFunc(rules, func(a alert) bool { return a.Alert == "LagAtHalfOfRetention" })]
	parsed, _ := parse(t, rule.Alert, rule.Expr, registered(t))
	type bound struct {
		topics  *labels.Matcher
		seconds float64
	}
	var bounds []bound
	parser.Inspect(parsed, func(n parser.Node, _ []parser.Node) error {
		if b, ok := n.(*parser.BinaryExpr); ok && b.Op == parser.GTR {
			s := b.LHS.(*parser.AggregateExpr).Expr.(*parser.VectorSelector)
			bounds = append(bounds, bound{s.LabelMatchers[0], b.RHS.(*parser.NumberLiteral).Val})
		}
		return nil
	})
	windows, err := (&operatorConfig{Windows: "24h,72h,168h"}).windows()
	if err != nil {
		t.Fatal(err)
	}
	read := regexp.MustCompile(`^(requests(\..+)?|validated|routed|attempts|retry\..+|status|delivered\..+|events|receipts|audit|controls)$`)
	checked := 0
	for _, topic := range (wire.Plan{Windows: windows, Tenants: []string{"acme-shop"}, Partitions: 1, Routed: 1, Replication: 1}).Topics() {
		if !read.MatchString(topic.Name) {
			continue
		}
		var kept float64
		if _, err := fmt.Sscan(topic.Configs["retention.ms"], &kept); err != nil {
			t.Fatalf("%s: %v", topic.Name, err)
		}
		kept /= 1000
		if name, lane := strings.CutPrefix(topic.Name, "delivered."); lane {
			for _, w := range windows {
				if fmt.Sprintf("%dh", int(w.Hours())) == name {
					kept -= w.Seconds()
				}
			}
		}
		checked++
		if !slices.ContainsFunc(bounds, func(b bound) bool { return b.topics.Matches(topic.Name) && b.seconds <= kept/2 }) {
			t.Errorf("%s keeps %v s, and no alarm comes by half of it", topic.Name, kept)
		}
	}
	if checked != 17 || len(bounds) != 4 {
		t.Errorf("%d topics held against %d bounds", checked, len(bounds))
	}
}
