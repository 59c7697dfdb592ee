package e2e

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// canaries are strings that must not be found, and the forms in which they could be. One pass over the data finds all.
type canaries struct {
	byHead map[uint64][]needle
	heads  [1 << 16]bool // the first two bytes of each form
	n      int
}

type needle struct {
	name string
	form []byte
}

func newCanaries() *canaries { return &canaries{byHead: map[uint64][]needle{}} }

// add looks for one form, of at least 8 bytes.
func (c *canaries) add(name string, form []byte) {
	head := binary.LittleEndian.Uint64(form)
	c.byHead[head] = append(c.byHead[head], needle{name, form})
	c.heads[uint16(head)] = true
}

// plant returns a random string of letters and digits, and looks for it from now on: as it is, hex, and base64 at the
// three alignments, whose ends depend on the neighbours and are left out. (URL and JSON escapes leave it as it is.)
func (c *canaries) plant(length int) string {
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	b := make([]byte, length)
	for i := range b {
		b[i] = letters[rand.IntN(len(letters))]
	}
	b[0] = letters[rand.IntN(26)] // names begin with a letter
	c.n++
	c.add("canary", b)
	c.add("canary", []byte(hex.EncodeToString(b)))
	for shift := range 3 {
		encoded := base64.StdEncoding.EncodeToString(append(make([]byte, shift), b...))
		c.add("canary", []byte(encoded[4:len(encoded)-4]))
	}
	return string(b)
}

// phone returns a random number, and looks for its digits without the country's.
func (c *canaries) phone() string {
	digits := []byte("151")
	for range 8 {
		digits = append(digits, byte('0'+rand.IntN(10)))
	}
	c.n++
	c.add("phone", digits)
	c.add("phone", []byte(hex.EncodeToString(digits)))
	return "+49" + string(digits)
}

// in names what stands in b, each name once.
func (c *canaries) in(b []byte) (found []string) {
	for i := 0; i+8 <= len(b); i++ {
		if !c.heads[binary.LittleEndian.Uint16(b[i:])] {
			continue
		}
		for _, k := range c.byHead[binary.LittleEndian.Uint64(b[i:])] {
			if strings.HasPrefix(string(b[i:min(len(b), i+len(k.form))]), string(k.form)) && !slices.Contains(found, k.name) {
				found = append(found, k.name)
			}
		}
	}
	return found
}

// files scans all files of a folder whose path under it begins with prefix, and returns what was found by file. Indexes,
// which hold offsets and times only, are left out: the broker sets 20 MB of zeros aside for each partition.
func (c *canaries) files(dir, prefix string) (found map[string][]string, scanned int64, err error) {
	found = map[string][]string{}
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		name := strings.TrimPrefix(path, dir+string(filepath.Separator))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // it went while we looked
		case err != nil:
			return err
		case entry.IsDir() || !strings.HasPrefix(name, prefix) || strings.HasSuffix(name, "index"):
			return nil
		}
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		scanned += int64(len(data))
		if hits := c.in(data); len(hits) > 0 {
			found[name] = hits
		}
		return err
	})
	return found, scanned, err
}
