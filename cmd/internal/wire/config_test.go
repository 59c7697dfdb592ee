package wire

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/whatsapplink/cloud/cmd/internal/boot"
)

// wired builds a binary from an environment and returns the variables that are found wrong.
func wired[C any, P interface {
	*C
	boot.Config
}](name string, w boot.Wire[C]) func(env map[string]string, logs *bytes.Buffer) (boot.Service, []boot.Problem) {
	return func(env map[string]string, logs *bytes.Buffer) (boot.Service, []boot.Problem) {
		_, service, problems := boot.Build[C, P](name, w, env, logs)
		return service, problems
	}
}

var binaries = map[string]func(map[string]string, *bytes.Buffer) (boot.Service, []boot.Problem){
	"validate": wired[ValidateConfig]("validate", Validate), "route": wired[RouteConfig]("route", Route),
	"deliver": wired[DeliverConfig]("deliver", Deliver), "redact": wired[RedactConfig]("redact", Redact),
	"listen": wired[ListenConfig]("listen", Listen), "record": wired[RecordConfig]("record", Record),
	"custody": wired[CustodyConfig]("custody", Custody),
}

// fine is an environment in which every binary can be wired; the root key is left out.
func fine(t testing.TB) map[string]string {
	t.Helper()
	dir := t.TempDir()
	secret := func(name string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("CANARY-"+name+"-secret"), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return map[string]string{
		"WL_KAFKA_BROKERS": "127.0.0.1:9", "WL_REFS_URL": freshKey(), "WL_CREDENTIALS_DIR": dir,
		"WL_APP_SECRET_FILE": secret("app"), "WL_VERIFY_TOKEN_FILE": secret("verify"), "WL_CLICKHOUSE_PASSWORD_FILE": secret("password"),
	}
}

func with(env map[string]string, variable, value string) map[string]string {
	changed := maps.Clone(env)
	changed[variable] = value
	return changed
}

// Goal: content keys are only where content is opened or sealed. Method: wire every binary with and without the root key.
func TestRootKeyIsDemandedByThreeBinariesAndRefusedByTheOthers(t *testing.T) {
	env := fine(t)
	for name, build := range binaries {
		keyed := slices.Contains([]string{"validate", "deliver", "custody"}, name)
		for _, key := range []string{"", freshKey()} {
			service, problems := build(with(env, "WL_KEYS_URL", key), &bytes.Buffer{})
			if want := (key != "") != keyed; (len(problems) > 0) != want {
				t.Errorf("%s with a key %v: %v", name, key != "", problems)
			} else if want && problems[0].Variable != "WL_KEYS_URL" {
				t.Errorf("%s: %v", name, problems)
			} else if !want && (service.Run == nil || service.Ready == nil) {
				t.Errorf("%s: wired to nothing", name)
			}
		}
	}
}

// Goal: a mistake is named by its variable, a weak or unusable secret is refused, and no value is quoted. Method: one
// mistake at a time, canaries as values.
func TestMistakesAreNamedAndNeverQuoted(t *testing.T) {
	weak := "base64key://" + strings.Repeat("QUFB", 10) + "QUE="
	for _, c := range []struct{ binary, variable, value string }{
		{"validate", "WL_KEYS_URL", "CANARY"}, {"validate", "WL_KEYS_URL", weak}, {"validate", "WL_REFS_URL", "base64key://CANARY"},
		{"validate", "WL_KEYS_OLD_URL", weak}, {"deliver", "WL_KEYS_OLD_URL", "CANARY"}, {"redact", "WL_KEYS_OLD_URL", "CANARY"},
		{"validate", "WL_DELIVERY_WINDOW", "48h"}, {"validate", "WL_DIAGNOSTIC_WINDOW", "CANARY"}, {"validate", "WL_SCHEMA_REGISTRY_URL", "CANARY"},
		{"validate", "WL_SCHEMA_REGISTRY_URL", "http://CANARY.example"},
		{"custody", "WL_KEYS_URL", weak}, {"deliver", "WL_CREDENTIALS_DIR", "/CANARY"}, {"deliver", "WL_CLOUD_API_VERSION", "CANARY"},
		{"deliver", "WL_CLOUD_API_URL", "http://CANARY.example"}, {"deliver", "WL_DEDUP_HORIZON", "1s"},
		{"listen", "WL_LISTEN", "0.0.0.0:8080"}, {"listen", "WL_LISTEN_CERT_FILE", "CANARY"}, {"listen", "WL_APP_SECRET_FILE", "CANARY"},
		{"listen", "WL_VERIFY_TOKEN_FILE", ""}, {"listen", "WL_REFS_URL", ""}, {"record", "WL_CLICKHOUSE_URL", "CANARY"},
		{"record", "WL_CLICKHOUSE_PASSWORD_FILE", "CANARY"}, {"record", "WL_CLICKHOUSE_URL", "http://clickhouse.example:8123/x"},
		{"route", "WL_KAFKA_BROKERS", "kafka.example:9092"}, {"redact", "WL_TOPIC_PREFIXX", "CANARY"},
	} {
		env := fine(t)
		if slices.Contains([]string{"validate", "deliver", "custody"}, c.binary) {
			env["WL_KEYS_URL"] = freshKey()
		}
		var logs bytes.Buffer
		_, problems := binaries[c.binary](with(env, c.variable, c.value), &logs)
		boot.Report(&logs, c.binary, problems)
		named := slices.ContainsFunc(problems, func(p boot.Problem) bool {
			return p.Variable == c.variable || c.variable == "WL_KAFKA_BROKERS" && p.Variable == "WL_KAFKA_TLS"
		})
		if !named {
			t.Errorf("%s %s: not named in %v", c.binary, c.variable, problems)
		}
		if strings.Contains(logs.String(), "CANARY") || strings.Contains(logs.String(), weak) {
			t.Errorf("%s %s: quoted in\n%s", c.binary, c.variable, logs.String())
		}
	}
}
