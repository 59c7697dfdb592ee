package canary

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// Plain says whether a scan of a folder's bytes as they are finds anything.
func (s *Set) Plain(t *testing.T, dir string) (found bool) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		found = found || len(s.In(data)) > 0
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
