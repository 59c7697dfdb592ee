package lifecycle_test

import (
	"flag"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var (
	runs = flag.String("runs", "200", "how many lives of a deployment the model draws")
	seed = flag.String("seed", "1", "what the first of them is drawn from; a life that failed names its own")
)

// Goal: the invariants of privacy.md hold whatever happens. Method: this test builds itself anew with the overlay and
// runs; there it draws operations, carries them out in fake time and holds the history against the invariants.
func TestContentsLife(t *testing.T) {
	if os.Getenv(inside) == "" {
		t.Parallel()
		out, err := run(t, overlay(t), []string{"-race=" + strconv.FormatBool(raced()), "-timeout=60m"}, []string{"-rapid.checks=" + *runs, "-rapid.seed=" + *seed, "-rapid.shrinktime=10s"})
		if err != nil || !strings.Contains(out, "[rapid] OK, passed "+*runs+" tests") {
			t.Errorf("%v\n%s", err, out)
		}
		t.Log(figures(out))
		return
	}
	dir := credentials(t)
	seen := map[string]int{}
	rapid.Check(t, func(r *rapid.T) {
		if faults := play(t, dir, draw(r), seen); len(faults) > 0 {
			r.Fatalf("%s", strings.Join(faults[:min(5, len(faults))], "\n"))
		}
	})
	for _, what := range slices.Sorted(maps.Keys(seen)) {
		t.Logf("[seen] %d %s", seen[what], what)
	}
}

// figures is what rapid says of a run.
func figures(out string) string {
	var lines []string
	for _, line := range strings.Split(out, "\n") {
		if strings.Contains(line, "[rapid] ") || strings.Contains(line, "[seen] ") || strings.HasPrefix(line, "ok ") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return strings.Join(lines, "\n")
}
