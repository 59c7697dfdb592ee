package e2e

import (
	"context"
	"maps"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/deployment"
)

// mistakes are variables with something wrong for every binary, and the variables that must be named for them.
var (
	mistakes = map[string]string{
		"WL_KAFKA_TLS": "maybe", "WL_KAFKA_SASL": "plain", "WL_KAFKA_CERT_FILE": "x.pem", "WL_HTTP": "9090", "WL_KAFKA_BROKER": "misspelt",
	}
	named = []string{"WL_KAFKA_TLS", "WL_KAFKA_USER", "WL_KAFKA_PASSWORD_FILE", "WL_KAFKA_CERT_FILE", "WL_HTTP", "WL_KAFKA_BROKER"}
)

// ownMistakes are further ones of single binaries; a variable with an empty value is left out.
var ownMistakes = map[string]map[string]string{
	"validate": {"WL_KEYS_URL": "", "WL_REFS_URL": "", "WL_DELIVERY_WINDOW": "25h", "WL_DIAGNOSTIC_WINDOW": "a day"},
	"route":    {"WL_KEYS_URL": keyURL},
	"deliver":  {"WL_KEYS_URL": "", "WL_REFS_URL": "", "WL_CREDENTIALS_DIR": "nowhere", "WL_CLOUD_API_VERSION": "26", "WL_DEDUP_HORIZON": "1s"},
	"redact":   {"WL_KEYS_URL": keyURL},
	"listen":   {"WL_KEYS_URL": keyURL, "WL_REFS_URL": "", "WL_LISTEN": "8080", "WL_APP_SECRET_FILE": "nowhere", "WL_VERIFY_TOKEN_FILE": ""},
	"record":   {"WL_KEYS_URL": keyURL},
	"custody":  {"WL_KEYS_URL": ""},
}

const keyURL = "base64key://smGbjm71Nxd1Ig5FS0wj9SlbzAIrnolCz9bQQ6uAhl4="

// Goal: -check names every mistake of a configuration at once and exits with 2, is content with a fine one and exits with
// 0, and connects to nothing either way. Method: each binary against an address that counts who comes.
func TestCheckNamesEveryMistakeAndConnectsToNothing(t *testing.T) {
	w := newWorld(t, "check.", 2*time.Minute, nil)
	door, err := net.Listen("tcp", "127.0.0.1:0")
	w.must(err)
	defer door.Close()
	came := make(chan struct{}, 100)
	go func() {
		for {
			c, err := door.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
			came <- struct{}{}
		}
	}()
	address := door.Addr().String()
	maps.Copy(w.Environment, map[string]string{"WL_KAFKA_BROKERS": address, "WL_CLICKHOUSE_URL": "http://" + address + "/x", "WL_CLOUD_API_URL": "http://" + address})
	for _, stage := range deployment.Stages {
		fine := w.check(stage, nil)
		if fine.code != 0 {
			t.Errorf("%s -check of a fine configuration exits with %d:\n%s", stage, fine.code, fine.printed)
		}
		wrong := maps.Clone(mistakes)
		maps.Copy(wrong, ownMistakes[stage])
		bad := w.check(stage, wrong)
		if bad.code != 2 {
			t.Errorf("%s -check of a bad configuration exits with %d", stage, bad.code)
		}
		for _, name := range slices.Concat(named, slices.Collect(maps.Keys(ownMistakes[stage]))) {
			if !strings.Contains(bad.printed, "\n  "+name+": ") {
				t.Errorf("%s -check does not name %s:\n%s", stage, name, bad.printed)
			}
		}
		if strings.Contains(bad.printed, keyURL[len("base64key://"):]) {
			t.Errorf("%s -check prints a key", stage)
		}
	}
	select {
	case <-came:
		t.Error("somebody connected")
	default:
	}
}

// Goal: stages that must run without any content key refuse to start with one. Method: start each with a key.
func TestStagesWithoutContentKeyRefuseOne(t *testing.T) {
	w := newWorld(t, "keyless.", time.Minute, nil)
	for _, stage := range []string{"route", "redact", "record", "listen"} {
		p, err := w.Start(stage, map[string]string{"WL_KEYS_URL": keyURL})
		w.must(err)
		code, err := p.Wait(w.ctx)
		w.must(err)
		if code != 2 || !strings.Contains(p.Tail(5), "  WL_KEYS_URL: ") {
			t.Errorf("%s with a content key exits with %d:\n%s", stage, code, p.Tail(5))
		}
	}
}

// checked is how -check of a binary ended.
type checked struct {
	code    int
	printed string
}

// check runs a binary with -check.
func (w *world) check(stage string, variables map[string]string) checked {
	w.t.Helper()
	d := deployment.Deployment{Bin: w.Bin, Dir: w.t.TempDir(), Environment: w.Variables(stage, nil)}
	for name, value := range variables {
		if value == "" {
			delete(d.Environment, name)
			variables = maps.Clone(variables)
			delete(variables, name)
		}
	}
	p, err := d.Start(stage, variables, "-check")
	w.must(err)
	ctx, cancel := context.WithTimeout(w.ctx, 20*time.Second)
	defer cancel()
	code, err := p.Wait(ctx)
	w.must(err)
	raw, err := os.ReadFile(p.Log)
	w.must(err)
	return checked{code, string(raw)}
}
