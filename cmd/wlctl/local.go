package main

import (
	"bytes"
	"crypto/rand"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

//go:embed sample-tenants.yaml
var sampleTenants []byte

// monitoring is what Prometheus and Grafana read: scrape configuration, alert rules, data sources, dashboards.
//
//go:embed monitoring
var monitoring embed.FS

// writeLocal writes what a deployment on one machine needs into a folder, and leaves what is there: root keys, the Meta
// app's secret, the verify token, sample tenants, a token per sender, and an env file that names them. The folder
// monitoring beside them is this version's, whatever was there.
func writeLocal(dir string, out io.Writer) error {
	secrets := filepath.Join(dir, "secrets")
	credentials := filepath.Join(secrets, "credentials")
	if err := os.MkdirAll(credentials, 0o755); err != nil {
		return fmt.Errorf("make %s: %w", credentials, err)
	}
	tenantsPath := filepath.Join(secrets, "tenants.yaml")
	files := map[string]string{
		tenantsPath:                            string(sampleTenants),
		filepath.Join(secrets, "app-secret"):   token(),
		filepath.Join(secrets, "verify-token"): token(),
		filepath.Join(dir, "env"): "WL_KAFKA_BROKERS=127.0.0.1:9092\nWL_REPLICATION=1\nWL_PARTITIONS=4\n" +
			"WL_CLICKHOUSE_URL=clickhouse://127.0.0.1:9000/whatsapplink\n" +
			"WL_CLOUD_API_URL=http://127.0.0.1:8090\n" +
			"WL_KEYS_URL=" + newKeyURL() + "\nWL_REFS_URL=" + newKeyURL() + "\n" +
			"WL_CREDENTIALS_DIR=/secrets/credentials\nWL_APP_SECRET_FILE=/secrets/app-secret\nWL_VERIFY_TOKEN_FILE=/secrets/verify-token\n",
	}
	for path, content := range files {
		mode := fs.FileMode(0o644) // the containers read the folder as another user
		if filepath.Base(path) == "env" {
			mode = 0o600 // it holds the root keys, and is read on this side only
		}
		if err := writeNew(path, content, mode, out); err != nil {
			return err
		}
	}
	if err := writeMonitoring(dir, out); err != nil {
		return err
	}
	tenants, err := readTenants(tenantsPath)
	if err != nil {
		return err
	}
	for _, t := range tenants {
		for _, s := range t.Senders {
			if err := writeNew(filepath.Join(credentials, s.PhoneNumberID), token(), 0o644, out); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeNew writes a file unless it is there.
func writeNew(path, content string, mode fs.FileMode, out io.Writer) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = io.WriteString(f, content)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = fmt.Fprintln(out, "wrote", path)
	return err
}

// writeMonitoring writes what Prometheus and Grafana read into a folder of a folder, over what differs.
func writeMonitoring(dir string, out io.Writer) error {
	return fs.WalkDir(monitoring, ".", func(name string, entry fs.DirEntry, err error) error {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err != nil || entry.IsDir() {
			return errors.Join(err, os.MkdirAll(path, 0o755))
		}
		content, err := monitoring.ReadFile(name)
		if err != nil {
			return err
		}
		if there, err := os.ReadFile(path); err == nil && bytes.Equal(there, content) {
			return nil
		}
		if err := os.WriteFile(path, content, 0o644); err != nil { // the containers read it as other users
			return fmt.Errorf("write %s: %w", path, err)
		}
		_, err = fmt.Fprintln(out, "wrote", path)
		return err
	})
}

// token is a random secret of 128 bits.
func token() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}
