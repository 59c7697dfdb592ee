package embedded

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

// packed makes a tarball with one member, and how to get it; n counts how often it was got.
func packed(t *testing.T, member, body string, n *atomic.Int64) tarball {
	t.Helper()
	var b bytes.Buffer
	gz := gzip.NewWriter(&b)
	w := tar.NewWriter(gz)
	if err := w.WriteHeader(&tar.Header{Name: member, Size: int64(len(body)), Mode: 0o644}); err != nil {
		t.Fatal(err)
	}
	_, _ = w.Write([]byte(body))
	if err := errors.Join(w.Close(), gz.Close()); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b.Bytes())
	return tarball{sha256: hex.EncodeToString(sum[:]), pack: func(_ context.Context, dir string, _ func(string)) (string, error) {
		n.Add(1)
		path := filepath.Join(dir, "package.tgz")
		return path, os.WriteFile(path, b.Bytes(), 0o600)
	}}
}

// Goal: many processes that want the library at once get it with one fetch, whole. Method: eight callers on one folder,
// each with its own lock file handle, as processes have; then a ninth, which finds it there.
func TestOneFetchServesAllWhoWait(t *testing.T) {
	home := filepath.Join(t.TempDir(), "deep", "home")
	var fetched atomic.Int64
	tb := packed(t, libraryMember, "library", &fetched)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			path, err := tb.fetch(t.Context(), home, nil)
			if b, _ := os.ReadFile(path); err != nil || string(b) != "library" {
				t.Errorf("got %q, %v", b, err)
			}
		})
	}
	wg.Wait()
	if _, err := tb.fetch(t.Context(), home, nil); err != nil || fetched.Load() != 1 {
		t.Errorf("fetched %d times, %v", fetched.Load(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(home, "fetch-*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// Goal: nothing but the pinned tarball becomes the library, and a failure leaves no file that the next call would take
// for it. Method: another hash, a tarball without the library, one cut short, a fetch that fails; then the right one.
func TestOnlyThePinnedTarballBecomesTheLibrary(t *testing.T) {
	home := t.TempDir()
	var n atomic.Int64
	good := packed(t, libraryMember, "library", &n)
	wrong := good
	wrong.sha256 = librarySHA256
	cut := good
	cut.pack = func(ctx context.Context, dir string, p func(string)) (string, error) {
		path, err := good.pack(ctx, dir, p)
		return path, errors.Join(err, os.Truncate(path, 40))
	}
	broken := good
	broken.pack = func(context.Context, string, func(string)) (string, error) { return "", errors.New("no network") }
	for name, tb := range map[string]tarball{"wrong hash": wrong, "other member": packed(t, "package/other.so", "library", &n), "cut": cut, "no network": broken} {
		if _, err := tb.fetch(t.Context(), home, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
		if exists(filepath.Join(home, "libchdb.so")) {
			t.Errorf("%s: the library is there", name)
		}
	}
	if _, err := wrong.fetch(t.Context(), home, nil); !errors.Is(err, errHash) {
		t.Errorf("wrong hash: got %v", err)
	}
	if _, err := good.fetch(t.Context(), home, nil); err != nil {
		t.Errorf("the right one afterwards: %v", err)
	}
}

// Goal: waiting for the lock ends with the context. Method: the lock held by another handle, a context that has ended.
func TestWaitingForTheLockEndsWithTheContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	unlock, err := lock(t.Context(), path, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	told := false
	_, err = lock(ctx, path, func(string) { told = true; cancel() })
	if !errors.Is(err, context.Canceled) || !told {
		t.Errorf("got %v, told %v", err, told)
	}
	unlock()
	again, err := lock(t.Context(), path, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	again()
}

// Goal: the ways to get the real package work: npm, and the npm that pip brings. Method: WL_TEST_FETCH=1 runs both for
// real, 230 MB; otherwise not run, as every other test of the engine shows one of them on a fresh machine.
func TestTheRealPackageCanBeFetched(t *testing.T) {
	if os.Getenv("WL_TEST_FETCH") == "" {
		t.Skip("not run: WL_TEST_FETCH=1 fetches 230 MB")
	}
	byNPM := func(ctx context.Context, dir string, p func(string)) (string, error) {
		return packByNPM(ctx, dir, p, "npm")
	}
	byPip := func(ctx context.Context, dir string, p func(string)) (string, error) {
		return packByPip(ctx, dir, p, "pip")
	}
	for name, pack := range map[string]func(context.Context, string, func(string)) (string, error){"npm": byNPM, "pip": byPip} {
		home := t.TempDir()
		path, err := tarball{pack: pack, sha256: librarySHA256}.fetch(t.Context(), home, func(s string) { t.Log(name, s) })
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if info, err := os.Stat(path); err != nil || info.Size() != 559044752 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}
