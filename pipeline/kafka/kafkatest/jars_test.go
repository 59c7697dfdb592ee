package kafkatest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestJarsThatAreMissingOrOtherAreRefused(t *testing.T) {
	// Goal: only the listed bytes are ever run. Method: an empty directory; then one where every listed file exists with
	// other bytes.
	dir := t.TempDir()
	if jars, err := verify(dir); err == nil {
		t.Fatalf("missing jars verified: %s", jars)
	}
	listed := 0
	for line := range strings.Lines(string(digests)) {
		_, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		if err := os.WriteFile(filepath.Join(dir, name), []byte("other"), 0o644); err != nil {
			t.Fatal(err)
		}
		listed++
	}
	if jars, err := verify(dir); err == nil || listed == 0 {
		t.Fatalf("other jars verified, of %d listed: %s", listed, jars)
	}
}
