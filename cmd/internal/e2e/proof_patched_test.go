package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/whatsapplink/cloud/cmd/internal/deployment"
)

// root is the module's folder, seen from this package.
const root = "../../.."

// patch is one change of a source file for one build: text that stands in it once, and what comes in its place. A file
// without old text is a new one.
type patch struct{ file, old, new string }

// patched is this deployment with other builds of some binaries, made with changes that no source of ours knows of. Its
// logs lie in a folder under ours.
func (w *world) patched(binaries []string, changes ...patch) *deployment.Deployment {
	w.t.Helper()
	d := &deployment.Deployment{Bin: w.t.TempDir(), Dir: filepath.Join(w.Dir, "patched"), Environment: w.Environment}
	w.must(os.MkdirAll(d.Dir, 0o700))
	w.t.Cleanup(d.Close)
	w.compile(d.Bin, binaries, changes)
	return d
}

// compile builds binaries with changes into a folder.
func (w *world) compile(bin string, binaries []string, changes []patch) {
	w.t.Helper()
	sources := w.t.TempDir()
	overlay := struct{ Replace map[string]string }{map[string]string{}}
	for _, c := range changes {
		path, err := filepath.Abs(filepath.Join(root, c.file))
		w.must(err)
		text := c.new
		if c.old != "" {
			from := overlay.Replace[path]
			if from == "" {
				from = path
			}
			raw, err := os.ReadFile(from)
			w.must(err)
			w.must(unless(strings.Count(string(raw), c.old) == 1, "%s does not hold %q once: the source has changed, so must this test", c.file, c.old))
			text = strings.Replace(string(raw), c.old, c.new, 1)
		}
		copied := filepath.Join(sources, strings.ReplaceAll(c.file, "/", "_"))
		w.must(os.WriteFile(copied, []byte(text), 0o600))
		overlay.Replace[path] = copied
	}
	raw, err := json.Marshal(overlay)
	w.must(err)
	w.must(os.WriteFile(filepath.Join(sources, "overlay.json"), raw, 0o600))
	args := []string{"build", "-overlay", filepath.Join(sources, "overlay.json"), "-ldflags=-s -w", "-o", bin + string(filepath.Separator)}
	for _, b := range binaries {
		args = append(args, "./cmd/"+b)
	}
	cmd := exec.CommandContext(w.ctx, "go", args...)
	cmd.Dir = root
	printed, err := cmd.CombinedOutput()
	w.must(unless(err == nil, "build %v with changes: %v\n%s", binaries, err, printed))
}
