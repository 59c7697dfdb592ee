package embedded

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// The library is pinned: the npm package of this version, by the hash of its tarball.
const (
	libraryPackage = "@chdb/lib-linux-x64-gnu"
	libraryVersion = "26.5.3"
	librarySHA256  = "b874e449710950da3abd7e20376f7bb3387d9e03adcc7082f022be18dfdf316a"
	libraryMember  = "package/libchdb.so"
)

// Fetch returns the path of libchdb.so, which it gets once a machine (167 MB, kept unpacked, 559 MB, in the user's cache
// folder): by npm, or where there is only pip by the npm inside a PyPI wheel of Node. The tarball is verified against
// its pinned hash before the library appears under its final name, so what stands there is whole. Processes may call it
// at the same time. progress gets lines to show while it takes time; it may be nil.
func Fetch(ctx context.Context, progress func(string)) (path string, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("fetch libchdb: %w", err)
	}
	return tarball{pack: packAny, sha256: librarySHA256}.fetch(ctx, filepath.Join(cache, "whatsapplink", "libchdb-"+libraryVersion), progress)
}

// tarball is how to get the package and what it must be.
type tarball struct {
	pack   func(ctx context.Context, dir string, progress func(string)) (path string, err error) // puts it into dir
	sha256 string
}

func (t tarball) fetch(ctx context.Context, home string, progress func(string)) (string, error) {
	path := filepath.Join(home, "libchdb.so")
	if exists(path) {
		return path, nil
	}
	if progress == nil {
		progress = func(string) {}
	}
	if err := os.MkdirAll(home, 0o755); err != nil {
		return "", fmt.Errorf("fetch libchdb: %w", err)
	}
	unlock, err := lock(ctx, filepath.Join(home, "lock"), progress)
	if err != nil {
		return "", fmt.Errorf("fetch libchdb: %w", err)
	}
	defer unlock()
	if exists(path) { // another process got it meanwhile
		return path, nil
	}
	work, err := os.MkdirTemp(home, "fetch-*")
	if err != nil {
		return "", fmt.Errorf("fetch libchdb: %w", err)
	}
	defer os.RemoveAll(work)
	packed, err := t.pack(ctx, work, progress)
	if err != nil {
		return "", fmt.Errorf("fetch libchdb: %w", err)
	}
	progress("unpacking the ClickHouse engine (559 MB)")
	unpacked := filepath.Join(work, "libchdb.so")
	if err := unpack(packed, unpacked, t.sha256); err != nil {
		return "", fmt.Errorf("unpack libchdb: %w", err)
	}
	if err := os.Rename(unpacked, path); err != nil {
		return "", fmt.Errorf("fetch libchdb: %w", err)
	}
	return path, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

var errHash = errors.New("the tarball's SHA-256 is not the pinned one")

// unpack writes the library out of the tarball to path, reading and hashing the whole tarball in the same pass. The
// file must not be used unless it returns nil.
func unpack(packed, path, sum string) error {
	f, err := os.Open(packed)
	if err != nil {
		return err
	}
	defer f.Close()
	hash := sha256.New()
	both := io.TeeReader(f, hash)
	found, err := extract(both, path)
	if _, rest := io.Copy(io.Discard, both); rest != nil {
		return rest
	}
	if hex.EncodeToString(hash.Sum(nil)) != sum {
		return errHash // before err: a damaged tarball fails here whatever else it does
	}
	if err == nil && !found {
		err = errors.New("the tarball holds no library")
	}
	return err
}

func extract(packed io.Reader, path string) (found bool, err error) {
	gz, err := gzip.NewReader(packed)
	if err != nil {
		return false, err
	}
	members := tar.NewReader(gz)
	for {
		h, err := members.Next()
		if errors.Is(err, io.EOF) {
			return found, nil
		}
		if err != nil {
			return found, err
		}
		if h.Name != libraryMember {
			continue
		}
		out, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o755)
		if err != nil {
			return found, err
		}
		_, err = io.Copy(out, members)
		if err = errors.Join(err, out.Close()); err != nil {
			return found, err
		}
		found = true
	}
}
