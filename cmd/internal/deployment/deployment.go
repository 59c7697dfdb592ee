package deployment

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/whatsapplink/cloud/pipeline/kafka/kafkatest"
	"github.com/whatsapplink/cloud/sinks/cloudapi/simulator"
)

// Stages are the binaries of the pipeline, in the order of the flow.
var Stages = []string{"validate", "route", "deliver", "redact", "listen", "record", "custody"}

// Without says which variables of a deployment a binary must not be given.
var Without = map[string][]string{
	"route": {"WL_KEYS_URL", "WL_REFS_URL"}, "redact": {"WL_KEYS_URL", "WL_REFS_URL"}, "record": {"WL_KEYS_URL", "WL_REFS_URL"},
	"listen": {"WL_KEYS_URL"}, "wlctl": {"WL_KEYS_URL"},
}

// Build compiles every binary into the folder bin. It must run inside the module.
func Build(ctx context.Context, bin string) error {
	packages := []string{"github.com/whatsapplink/cloud/cmd/wlctl"}
	for _, s := range Stages {
		packages = append(packages, "github.com/whatsapplink/cloud/cmd/"+s)
	}
	cmd := exec.CommandContext(ctx, "go", append([]string{"build", "-ldflags=-s -w", "-o", bin + string(filepath.Separator)}, packages...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	return nil
}

// Deployment is the binaries of the folder Bin with one environment, and the processes started from them. Their logs and
// secrets lie in Dir.
type Deployment struct {
	Bin, Dir    string
	Environment map[string]string // of every binary, less what it must not have

	mu      sync.Mutex
	started []*Process
}

// Secrets lets `wlctl setup --local` write keys, tokens and sample tenants into Dir and sets the variables that name them.
func (d *Deployment) Secrets(ctx context.Context) error {
	if _, err := d.Wlctl(ctx, "setup", "--local", d.Dir); err != nil {
		return err
	}
	raw, err := os.ReadFile(filepath.Join(d.Dir, "env"))
	if err != nil {
		return fmt.Errorf("read secrets: %w", err)
	}
	for line := range strings.SplitSeq(string(raw), "\n") {
		if name, value, ok := strings.Cut(line, "="); ok && strings.HasPrefix(value, "base64key://") {
			d.Environment[name] = value
		}
	}
	for name, file := range map[string]string{
		"WL_CREDENTIALS_DIR": "credentials", "WL_APP_SECRET_FILE": "app-secret", "WL_VERIFY_TOKEN_FILE": "verify-token",
	} {
		d.Environment[name] = filepath.Join(d.Dir, "secrets", file)
	}
	return nil
}

// Tenants is the path of the tenants that Secrets wrote.
func (d *Deployment) Tenants() string { return filepath.Join(d.Dir, "secrets", "tenants.yaml") }

// Simulate starts `wlctl simulate` and points deliver at it.
func (d *Deployment) Simulate(callbacks []string, args ...string) (*Process, error) {
	address := FreeAddress()
	args = append([]string{"simulate", "--listen", address, "--secrets", filepath.Join(d.Dir, "secrets")}, args...)
	for _, u := range callbacks {
		args = append(args, "--callback", u)
	}
	d.Environment["WL_CLOUD_API_URL"] = "http://" + address
	return d.Start("wlctl", nil, args...)
}

// Ledger asks the simulator what it has seen.
func (d *Deployment) Ledger(ctx context.Context) (c simulator.Counts, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, d.Environment["WL_CLOUD_API_URL"]+"/ledger", nil)
	if err != nil {
		return c, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return c, fmt.Errorf("ask for the ledger: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	return c, json.NewDecoder(answer.Body).Decode(&c)
}

// Variables are what a binary of this deployment is given, with more on top.
func (d *Deployment) Variables(binary string, more map[string]string) map[string]string {
	all := maps.Clone(d.Environment)
	for _, v := range Without[binary] {
		delete(all, v)
	}
	maps.Copy(all, more)
	return all
}

// Start starts a binary, its metrics and health at a free address unless more names one.
func (d *Deployment) Start(binary string, more map[string]string, args ...string) (*Process, error) {
	variables := d.Variables(binary, more)
	if variables["WL_HTTP"] == "" {
		variables["WL_HTTP"] = FreeAddress()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	name := fmt.Sprintf("%02d-%s", len(d.started)+1, binary)
	p, err := start(d.Dir, filepath.Join(d.Bin, binary), name, variables, args...)
	if err == nil {
		d.started = append(d.started, p)
	}
	return p, err
}

// Wlctl runs the operator's tool to its end and returns what it printed.
func (d *Deployment) Wlctl(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(d.Bin, "wlctl"), args...)
	cmd.Env = environment(d.Variables("wlctl", nil))
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("wlctl %v: %w\n%s", args, err, errs.String())
	}
	return out.String(), nil
}

// Stop asks processes to stop, all at once, and names those that did not exit with 0.
func Stop(processes ...*Process) error {
	failed := make([]error, len(processes))
	var all sync.WaitGroup
	for i, p := range processes {
		all.Go(func() {
			if code := p.Stop(); code != 0 {
				failed[i] = fmt.Errorf("%s exited with %d; its log ends:\n%s", p.Name, code, p.Tail(5))
			}
		})
	}
	all.Wait()
	return errors.Join(failed...)
}

// Close ends every process that still runs.
func (d *Deployment) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range d.started {
		p.Kill()
	}
}

// FreeAddress is a loopback address nobody listens on at the moment.
func FreeAddress() string {
	port, err := kafkatest.FreePort()
	if err != nil {
		return "127.0.0.1:0"
	}
	return fmt.Sprintf("127.0.0.1:%d", port)
}
