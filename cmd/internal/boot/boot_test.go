package boot

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
)

type sample struct {
	Common
	Number int    `env:"WL_PARTITIONS" envDefault:"12"`
	Secret string `env:"WL_VERIFY_TOKEN_FILE"`
}

func (s *sample) Check() []Problem {
	if s.Secret == "" {
		return nil
	}
	_, err := SecretFile("WL_VERIFY_TOKEN_FILE", s.Secret)
	return Problems(err)
}

func inert(*Process, *sample) (Service, error) { return Service{}, nil }

// Goal: one start tells an operator everything that is wrong. Method: a configuration with a mistake of each kind.
func TestCheckNamesEveryMistakeAtOnceAndExitsTwo(t *testing.T) {
	var out, errs bytes.Buffer
	code := run[sample]("sample", inert, []string{"-check"}, map[string]string{
		"WL_KAFKA_BROKERS": "kafka.example:9092", "WL_KAFKA_SASL": "plain", "WL_PARTITIONS": "many", "WL_HTTP": "9090",
		"WL_KAFKA_CERT_FILE": "x.pem", "WL_BROKERS": "misspelt", "WL_VERIFY_TOKEN_FILE": "nowhere",
	}, &out, &errs)
	if code != ExitConfig {
		t.Errorf("exit %d, want %d", code, ExitConfig)
	}
	for _, variable := range []string{
		"WL_KAFKA_TLS", "WL_KAFKA_USER", "WL_KAFKA_PASSWORD_FILE", "WL_PARTITIONS", "WL_HTTP", "WL_KAFKA_CERT_FILE", "WL_BROKERS", "WL_VERIFY_TOKEN_FILE",
	} {
		if !strings.Contains(errs.String(), "  "+variable+": ") {
			t.Errorf("%s is not named in:\n%s", variable, errs.String())
		}
	}
	if strings.Contains(errs.String(), "many") {
		t.Errorf("a value is quoted in:\n%s", errs.String())
	}
}

func TestCheckOfAFineConfigurationConnectsToNothingAndExitsZero(t *testing.T) {
	var out, errs bytes.Buffer
	if code := run[sample]("sample", inert, []string{"-check"}, nil, &out, &errs); code != ExitAsked {
		t.Errorf("exit %d: %s", code, errs.String())
	}
	if code := run[sample]("sample", inert, []string{"-version"}, nil, &out, &errs); code != ExitAsked || !strings.Contains(out.String(), "sample") {
		t.Errorf("-version: exit %d, printed %q", code, out.String())
	}
	if code := run[sample]("sample", inert, []string{"-nonsense"}, nil, &out, &errs); code != ExitConfig {
		t.Errorf("an unknown flag: exit %d, want %d", code, ExitConfig)
	}
}

// Goal: an alarm hears what /readyz says. Method: the metric of a service that becomes ready, before and after.
func TestReadinessIsAMetric(t *testing.T) {
	err := errors.New("not yet")
	ready := readiness(func() error { return err })
	if got := testutil.ToFloat64(ready); got != 0 {
		t.Errorf("%v before it is ready", got)
	}
	err = nil
	if got := testutil.ToFloat64(ready); got != 1 {
		t.Errorf("%v once it is ready", got)
	}
}

// Goal: a log line can hold listed keys only, at any level, and never an error's text. Method: log a canary by each way.
func TestLogCarriesListedKeysOnly(t *testing.T) {
	const canary = "canary-4915112345678"
	var b bytes.Buffer
	log := NewLogger("x", &b)
	log.Error("said", "recipient", canary, "error", errors.New(canary), "reason", "expired", slog.Group("topic", "body", canary))
	log.With("content", canary).Debug("said")
	if strings.Contains(b.String(), canary) {
		t.Errorf("the canary is in %s", b.String())
	}
	if !strings.Contains(b.String(), `"reason":"expired"`) {
		t.Errorf("a listed key is missing in %s", b.String())
	}
}

func TestWeakAndMissingSecretsAreRefusedAndNeverPrinted(t *testing.T) {
	write := func(content string) string {
		path := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, content := range map[string]string{"empty": "", "short": "1234567", "two lines": "first-secret\nsecond-secret\n"} {
		_, err := SecretFile("WL_X", write(content))
		if err == nil {
			t.Errorf("%s: accepted", name)
		} else if content != "" && strings.Contains(err.Error(), strings.TrimSpace(content)) {
			t.Errorf("%s: quoted in %v", name, err)
		}
	}
	secrets, err := SecretLines("WL_X", write("first-secret\n\n second-secret \n"))
	if err != nil || len(secrets) != 2 || string(secrets[1]) != "second-secret" {
		t.Errorf("two secrets: got %d, %v", len(secrets), err)
	}
	var b bytes.Buffer
	slog.New(slog.NewTextHandler(&b, nil)).Info("x", "s", secrets[0])
	if text := b.String() + Secret("first-secret").String(); strings.Contains(text, "first") {
		t.Errorf("a secret printed: %s", text)
	}
}
