package canary

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Found is what a scan of files came upon.
type Found struct {
	Hits    map[string][]string // names of canaries by file
	Files   int
	Bytes   int64 // as they lie on the disk
	Columns int   // files of ClickHouse that were decompressed
}

// Files scans all files of a folder whose path under it begins with prefix, and under it the names of files, too. Files of
// ClickHouse's parts are scanned as they lie there and decompressed. A broker's indexes, which hold offsets and times only,
// are left out: it sets 20 MB of zeros aside for each partition.
func (s *Set) Files(dir, prefix string) (found Found, err error) {
	found.Hits = map[string][]string{}
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		name := strings.TrimPrefix(path, dir+string(filepath.Separator))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // it went while we looked
		case err != nil:
			return err
		case !strings.HasPrefix(name, prefix) || strings.HasSuffix(name, "index"):
			return nil
		}
		hits := s.In([]byte(filepath.Base(name)))
		if !entry.IsDir() && entry.Type().IsRegular() {
			more, err := s.file(path, &found)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			hits = append(hits, more...)
		}
		if len(hits) > 0 {
			slices.Sort(hits)
			found.Hits[name] = slices.Compact(hits)
		}
		return nil
	})
	return found, err
}

func (s *Set) file(path string, found *Found) ([]string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	found.Files, found.Bytes = found.Files+1, found.Bytes+int64(len(data))
	hits := s.In(data)
	if !compressed(path) {
		return hits, nil
	}
	plain, err := decompress(data)
	switch {
	case err == nil:
		found.Columns++
	case strings.Contains(path, "tmp_"): // half written
		return hits, nil
	default:
		return hits, fmt.Errorf("decompress %s: %w", filepath.Base(path), err)
	}
	return append(hits, s.In(plain)...), nil
}
