package lifecycle_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
)

// inside is set in the test binary that was built with the overlay.
const inside = "LIFECYCLE_INSIDE"

// edit changes one text of a product file, which must stand there exactly once.
type edit struct{ file, old, new string }

// seams are the edits that every build of the model needs: the process's own clock in sealing, what holds keys made
// known, and the one dialler.
var seams = []edit{
	{"cmd/internal/wire/sealing.go", "return seal.NewOpener(seal.OpenerConfig{", "return kafka.Keep(c, seal.NewOpener)(seal.OpenerConfig{\n\t\tNow: c.Wall,"},
	{"cmd/internal/wire/sealing.go", "return seal.NewSealer(seal.SealerConfig{", "return kafka.Keep(log.(*kafka.Cluster), seal.NewSealer)(seal.SealerConfig{Now: log.(*kafka.Cluster).Wall, "},
	{"sinks/cloudapi/client.go", "return d.DialContext(ctx, network, address)", "return pipelinetest.Plugged(address).Dial(ctx)"},
	{"sinks/cloudapi/client.go", "import (", "import (\n\t\"github.com/whatsapplink/cloud/pipeline/pipelinetest\""},
}

const root = "../../.."

// overlay writes the files of a build of the model and their list, and returns the list's name.
func overlay(t *testing.T, planted ...edit) string {
	t.Helper()
	dir := t.TempDir()
	replace := map[string]string{}
	path := func(name string) string {
		abs, err := filepath.Abs(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		return abs
	}
	real, err := filepath.Glob(path("pipeline/kafka/*.go"))
	if err != nil || len(real) == 0 {
		t.Fatal("no files of pipeline/kafka", err)
	}
	for _, file := range real {
		if name := filepath.Base(file); name != "doc.go" && name != "partitioner.go" && !strings.HasSuffix(name, "_test.go") {
			replace[file] = "" // as if it were not there
		}
	}
	replace[path("pipeline/kafka/model.go")] = path("cmd/internal/lifecycle/testdata/kafka.go")
	replace[path("pipeline/kafka/model_group.go")] = path("cmd/internal/lifecycle/testdata/group.go")
	replace[path("pipeline/seal/model.go")] = path("cmd/internal/lifecycle/testdata/held.go")
	sources := map[string]string{}
	for _, e := range append(append([]edit(nil), seams...), planted...) {
		source, changed := sources[e.file]
		if !changed {
			raw, err := os.ReadFile(path(e.file))
			if err != nil {
				t.Fatal(err)
			}
			source = string(raw)
		}
		if n := strings.Count(source, e.old); n != 1 {
			t.Fatalf("%s holds %d times, not once: %s", e.file, n, e.old)
		}
		sources[e.file] = strings.Replace(source, e.old, e.new, 1)
	}
	for file, source := range sources {
		to := filepath.Join(dir, strings.ReplaceAll(file, "/", "_"))
		if err := os.WriteFile(to, []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
		replace[path(file)] = to
	}
	list := filepath.Join(dir, "overlay.json")
	raw, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(list, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return list
}

// run builds the model with an overlay and runs it; model are the flags of rapid. One processor: a bubble has no use for more.
func run(t *testing.T, list string, build, model []string) (output string, err error) {
	t.Helper()
	args := []string{"test", "-overlay", list, "-count=1", "-cpu=1", "-v", "-run", "^TestContentsLife$"}
	args = append(append(args, build...), ".", "-rapid.seed=1", "-rapid.nofailfile")
	cmd := exec.CommandContext(t.Context(), "go", append(args, model...)...)
	cmd.Env = append(os.Environ(), inside+"=1")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// raced says whether this test has the race detector.
func raced() bool {
	info, _ := debug.ReadBuildInfo()
	for _, s := range info.Settings {
		if s.Key == "-race" {
			return s.Value == "true"
		}
	}
	return false
}
