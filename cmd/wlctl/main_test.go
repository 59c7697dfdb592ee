package main

import (
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/whatsapplink/cloud/cmd/internal/boot"
	"github.com/whatsapplink/cloud/cmd/internal/wire"
	"github.com/whatsapplink/cloud/schemas"
)

// verbs lists every command of the tool, as words.
func verbs(t *testing.T) (all [][]string) {
	t.Helper()
	parser, err := kong.New(&cli{}, kong.Vars{"version": ""})
	if err != nil {
		t.Fatal(err)
	}
	var walk func(n *kong.Node, path []string)
	walk = func(n *kong.Node, path []string) {
		for _, child := range n.Children {
			if child.Type == kong.CommandNode {
				words := append(slices.Clone(path), child.Name)
				all = append(all, words)
				walk(child, words)
			}
		}
	}
	walk(parser.Model.Node, nil)
	return all
}

// Goal: every verb explains itself and nothing happens; what is no verb is exit 2. Method: -h of each that there is.
func TestEveryVerbHasHelpAndWhatIsNoneExitsTwo(t *testing.T) {
	all := verbs(t)
	if len(all) < 12 {
		t.Errorf("%d verbs", len(all))
	}
	for _, words := range all {
		for _, flag := range []string{"-h", "--help"} {
			if code, out, _ := wlctl("", append(slices.Clone(words), flag)...); code != 0 || !strings.Contains(out, "Usage: wlctl "+strings.Join(words, " ")) {
				t.Errorf("%v %s: exit %d\n%s", words, flag, code, out)
			}
		}
	}
	if code, out, _ := wlctl(""); code != 0 || !strings.Contains(out, "Usage: wlctl") {
		t.Errorf("no verb: exit %d", code)
	}
	for _, args := range [][]string{{"nonsense"}, {"tenant"}, {"tenant", "nonsense"}, {"lag", "--nonsense"}, {"trace"}, {"content", "show", "x"}} {
		if code, _, errs := wlctl("", args...); code != 2 || errs == "" {
			t.Errorf("%v: exit %d, want 2", args, code)
		}
	}
}

// Goal: a newcomer without services, or with a misspelt variable, learns which variable to look at, and the demo starts
// nothing before it says so. Method: every verb that connects, before a closed port.
func TestWhatDoesNotAnswerIsNamedByItsVariable(t *testing.T) {
	t.Setenv("WL_KAFKA_BROKERS", "127.0.0.1:9")
	t.Setenv("WL_CLICKHOUSE_URL", "http://127.0.0.1:9/whatsapplink")
	path := file(t, "tenants.yaml", acme())
	for _, args := range [][]string{
		{"setup"}, {"setup", "--check"}, {"tenant", "put", path}, {"tenant", "list"}, {"tenant", "suspend", "acme-shop"}, {"lag"}, {"send"},
		{"send", "--sample", "1"}, {"content", "show", "x", "--tenant", "acme-shop", "--purpose", "debug", "--incident", "I"}, {"demo"},
	} {
		if code, _, errs := wlctl("", args...); code != 1 || !strings.Contains(errs, "no Kafka answers at 127.0.0.1:9") || !strings.Contains(errs, "WL_KAFKA_BROKERS") {
			t.Errorf("%v: exit %d, %s", args, code, errs)
		}
	}
	if code, _, errs := wlctl("", "trace", "x", "--tenant", "acme-shop"); code != 1 || !strings.Contains(errs, "WL_CLICKHOUSE_URL") {
		t.Errorf("trace: exit %d, %s", code, errs)
	}
	if code, out, errs := wlctl("", "demo", "--requests", "10"); code != 2 || out != "" || !strings.Contains(errs, "--requests") {
		t.Errorf("too few requests: exit %d, %s%s", code, out, errs)
	}
	t.Setenv("WL_KAFKA_BROKER", "127.0.0.1:9")
	if code, out, errs := wlctl("", "demo"); code != 2 || out != "" || !strings.Contains(errs, "WL_KAFKA_BROKER: is not a variable of ours") {
		t.Errorf("a misspelt variable: exit %d, %s%s", code, out, errs)
	}
}

// Goal: no verb prints a secret, whatever goes wrong. Method: canary secrets in every variable and file that holds one,
// every verb without its arguments' help, most of which fail.
func TestSecretsAreNeverPrinted(t *testing.T) {
	o := deployed(t)
	const secret = "CANARY-password"
	url := newKeyURL()
	t.Setenv("WL_REFS_URL", url)
	t.Setenv("WL_KEYS_URL", url)
	t.Setenv("WL_CLICKHOUSE_PASSWORD_FILE", file(t, "password", secret))
	path := file(t, "tenants.yaml", acme())
	for _, args := range [][]string{
		{"setup"}, {"setup", "--check"}, {"setup", "--apply"}, {"tenant", "put", path}, {"tenant", "put", path, "--apply"}, {"tenant", "list"},
		{"tenant", "list", "--json"}, {"trace", "x", "--tenant", "acme-shop"}, {"send", "--sample", "1"},
		{"content", "show", "x", "--tenant", "acme-shop", "--purpose", "debug", "--incident", "I", "--wait", "1ms"},
	} {
		_, out, errs := wlctl("", args...)
		for _, form := range []string{secret, url, strings.TrimPrefix(url, "base64key://")} {
			if strings.Contains(out+errs, form) {
				t.Errorf("%v prints a secret", args)
			}
		}
	}
	t.Setenv("WL_REFS_URL", "base64key://CANARY-no-key")
	if code, out, errs := wlctl("", "tenant", "put", path, "--apply"); code != 2 || strings.Contains(out+errs, "CANARY") {
		t.Errorf("a bad key: exit %d\n%s%s", code, out, errs)
	}
	if printed := fmt.Sprintf("%v %+v", o.cfg, o.cfg); strings.Contains(printed, secret) {
		t.Error("the configuration prints a secret")
	}
	if all, _ := records(t, o, wire.TenantsT, schemas.Tenants); len(all) != 1 {
		t.Errorf("%d tenants: the verbs above did not run", len(all))
	}
}

var tableRow = regexp.MustCompile("(?m)^\\| `(WL_[A-Z_]+)` \\| *(?:`([^`]*)`)? *\\| *([^|]*)\\|$")

// Goal: the README's table of variables is what the binaries read. Method: parse it, compare names, defaults and
// readers with the env structs.
func TestReadmeTableEqualsTheConfiguration(t *testing.T) {
	raw, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	defaults, readers := map[string]string{}, map[string]map[string]bool{}
	for binary, config := range map[string]any{
		"validate": wire.ValidateConfig{}, "route": wire.RouteConfig{}, "deliver": wire.DeliverConfig{}, "redact": wire.RedactConfig{},
		"listen": wire.ListenConfig{}, "record": wire.RecordConfig{}, "custody": wire.CustodyConfig{}, "wlctl": operatorConfig{},
	} {
		for name, value := range variables(reflect.TypeOf(config)) {
			if old, ok := defaults[name]; ok && old != value {
				t.Errorf("%s has two defaults: %q and %q", name, old, value)
			}
			if defaults[name] = value; readers[name] == nil {
				readers[name] = map[string]bool{}
			}
			readers[name][binary] = true
		}
	}
	told := map[string]bool{}
	for _, m := range tableRow.FindAllStringSubmatch(string(raw), -1) {
		name, value, by := m[1], m[2], m[3]
		if told[name] {
			t.Errorf("%s stands twice in the README", name)
		}
		told[name] = true
		if want, ok := defaults[name]; !ok || value != want {
			t.Errorf("%s: the README says %q, the binaries %q (read: %v)", name, value, want, ok)
		}
		list, _, _ := strings.Cut(by, ";")
		for binary := range readers[name] {
			if refusesOnly(binary, name) || strings.HasPrefix(by, "all") || strings.HasPrefix(by, "the same") {
				continue
			}
			if !strings.Contains(list, binary) {
				t.Errorf("%s: the README does not say that %s reads it", name, binary)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(defaults)) {
		if !told[name] {
			t.Errorf("%s is not in the README's table", name)
		}
	}
}

// refusesOnly are binaries that read the root key's variable to refuse it.
func refusesOnly(binary, name string) bool {
	return name == "WL_KEYS_URL" && slices.Contains([]string{"route", "redact", "listen", "record"}, binary)
}

// variables are an env struct's names and defaults, embedded structs included.
func variables(t reflect.Type) map[string]string {
	all := map[string]string{}
	for i := range t.NumField() {
		f := t.Field(i)
		if name, _, _ := strings.Cut(f.Tag.Get("env"), ","); name != "" {
			all[name] = f.Tag.Get("envDefault")
		} else if f.Type.Kind() == reflect.Struct {
			maps.Copy(all, variables(f.Type))
		}
	}
	return all
}

// Goal: an error's exit code says whose turn it is. Method: each kind of error.
func TestReportChoosesTheExitCode(t *testing.T) {
	for _, c := range []struct {
		err  error
		code int
	}{{nil, 0}, {exit(1), 1}, {exit(2), 2}, {boot.NotSet("WL_REFS_URL"), 2}, {refused{"window_over"}, 1}} {
		var b strings.Builder
		if got := report(c.err, &b); got != c.code {
			t.Errorf("%v: exit %d, want %d", c.err, got, c.code)
		}
	}
}
