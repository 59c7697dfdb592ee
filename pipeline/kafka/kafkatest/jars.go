package kafkatest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

const version = "4.1.0"

//go:embed pom.xml
var pom []byte

// digests is the output of sha256sum over the jars.
//
//go:embed jars.sha256
var digests []byte

// classpath returns the verified jars, fetching them first where the user's cache does not hold them.
func classpath(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find cache directory: %w", err)
	}
	dir := filepath.Join(cache, "whatsapplink", "kafka-"+version)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make cache directory: %w", err)
	}
	unlock, err := lock(filepath.Join(dir, "lock")) // test binaries start side by side
	if err != nil {
		return "", err
	}
	defer unlock()
	if jars, err := verify(dir); err == nil {
		return jars, nil
	}
	if err := fetch(ctx, dir); err != nil {
		return "", err
	}
	return verify(dir)
}

// verify returns the classpath if every listed jar has its digest.
func verify(dir string) (string, error) {
	var jars []string
	lines := bufio.NewScanner(bytes.NewReader(digests))
	for lines.Scan() {
		want, name, _ := strings.Cut(lines.Text(), "  ")
		path := filepath.Join(dir, name)
		f, err := os.Open(path)
		if err != nil {
			return "", fmt.Errorf("verify jars: %w", err)
		}
		h := sha256.New()
		_, err = io.Copy(h, f)
		f.Close()
		if err != nil {
			return "", fmt.Errorf("verify jars: %w", err)
		}
		if hex.EncodeToString(h.Sum(nil)) != want {
			return "", fmt.Errorf("verify jars: %s is not the listed one", name)
		}
		jars = append(jars, path)
	}
	return strings.Join(jars, string(os.PathListSeparator)), nil
}

// fetch lets Maven copy the broker and what it depends on into dir.
func fetch(ctx context.Context, dir string) error {
	file := filepath.Join(dir, "pom.xml")
	if err := os.WriteFile(file, pom, 0o644); err != nil {
		return fmt.Errorf("fetch jars: %w", err)
	}
	mvn := exec.CommandContext(ctx, "mvn", "-q", "-B", "-f", file, "dependency:copy-dependencies", "-DoutputDirectory="+dir)
	if out, err := mvn.CombinedOutput(); err != nil {
		return fmt.Errorf("fetch jars: %w: %s", err, out)
	}
	return nil
}

// lock waits for the file's lock.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("lock jars: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock jars: %w", err)
	}
	return func() { f.Close() }, nil
}
