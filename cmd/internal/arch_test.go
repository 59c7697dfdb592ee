package internal

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/whatsapplink/cloud/"

// pkg is what `go list -json` says of a package.
type pkg struct {
	ImportPath string
	Imports    []string
}

// Goal: the layout in DESIGN.md stays true. Method: list every package's imports, tests left out, and hold each rule.
func TestImportDirections(t *testing.T) {
	packages := list(t)
	owners := map[string][]string{ // library -> folders that may import it
		"github.com/segmentio/kafka-go":       {"pipeline/kafka"},
		"github.com/ClickHouse/clickhouse-go": {"sinks/clickhouse"},
		"github.com/ClickHouse/ch-go":         {"sinks/clickhouse"},
		"github.com/linkedin/goavro":          {"schemas"},
		"github.com/caarlos0/env":             {"cmd"},
		"github.com/twmb/franz-go/pkg/kfake":  {"pipeline/kafka/embedded"},
		"gocloud.dev":                         {"pipeline/seal"},
		"github.com/ebitengine/purego":        {"sinks/clickhouse/embedded"},
		module + "pipeline/kafka":             {"cmd", "pipeline/kafka"},
		module + "sinks/":                     {"cmd", "sinks"},
		module + "stages/":                    {"cmd", "stages"},
		module + "cmd/":                       {"cmd"},
		module + "pipeline/kafka/embedded":    {"cmd/wlctl"},
		module + "sinks/clickhouse/embedded":  {"cmd/wlctl", "cmd/internal/bench"},
		module + "sinks/cloudapi/simulator":   {"cmd/wlctl", "cmd/internal/deployment", "cmd/internal/bench"},
		module + "pipeline/kafka/kafkatest":   {"cmd/internal/bench", "cmd/internal/deployment"},
	}
	seen := map[string]bool{}
	for _, p := range packages {
		folder := strings.TrimPrefix(p.ImportPath, module)
		for _, imported := range p.Imports {
			for library, may := range owners {
				if !under(imported, strings.TrimSuffix(library, "/")) {
					continue
				}
				seen[library] = true
				if !slices.ContainsFunc(may, func(f string) bool { return under(folder, f) }) {
					t.Errorf("%s imports %s: only %v may", folder, imported, may)
				}
			}
		}
	}
	for _, library := range []string{"github.com/segmentio/kafka-go", "github.com/ClickHouse/clickhouse-go", "github.com/linkedin/goavro", "github.com/caarlos0/env"} {
		if !seen[library] {
			t.Errorf("nobody imports %s: the rule checks nothing", library)
		}
	}
}

// Goal: a decision depends on its arguments alone. Method: stages import nothing that could reach a clock's tick, a
// network, a file or randomness; packages that hold both pure and impure parts (time) are held by the call, below.
func TestStagesArePure(t *testing.T) {
	impure := []string{"net", "net/http", "os", "io/fs", "math/rand", "math/rand/v2", "crypto/rand", "database/sql", "log", "sync", "os/exec"}
	count := 0
	for _, p := range list(t) {
		if !strings.HasPrefix(p.ImportPath, module+"stages/") || strings.Contains(p.ImportPath, "/internal/") {
			continue
		}
		count++
		for _, imported := range p.Imports {
			if slices.Contains(impure, imported) {
				t.Errorf("%s imports %s", p.ImportPath, imported)
			}
		}
	}
	if count < 6 {
		t.Errorf("only %d packages under stages: the rule checks nothing", count)
	}
	out, err := exec.Command("grep", "-rnE", `time\.(Now|Since|Until|After|Tick|NewTimer|NewTicker|Sleep|AfterFunc)\(|slog\.(Debug|Info|Warn|Error|Default)\(`, "../../stages", "--include=*.go", "--exclude=*_test.go").Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if len(out) > 0 {
		t.Errorf("stages ask the clock or log:\n%s", out)
	}
}

func under(path, folder string) bool { return path == folder || strings.HasPrefix(path, folder+"/") }

func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatal("go list:", err)
	}
	var all []pkg
	decoder := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p pkg
		if err := decoder.Decode(&p); err == io.EOF {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}
