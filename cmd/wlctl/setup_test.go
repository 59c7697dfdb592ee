package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/whatsapplink/cloud/cmd/internal/wire"
	engine "github.com/whatsapplink/cloud/sinks/clickhouse/embedded"
)

// Goal: setup plans, changes only when told, is done once, and names what differs afterwards. Method: the verb on an
// empty broker, with and without --apply, then a setting changed by hand.
func TestSetupPlansAppliesOnceAndReportsDrift(t *testing.T) {
	o := small(t)
	database := engine.ForTest(t)
	t.Setenv("WL_CLICKHOUSE_URL", database)
	plan := must(t, "", "setup")
	if !strings.Contains(plan, "create requests with 2 partitions") || !strings.Contains(plan, "create routed with 8 partitions") {
		t.Errorf("the plan:\n%s", plan)
	}
	if topics, err := o.process.Cluster.Topics(within(t)); err != nil || len(topics) > 0 {
		t.Fatalf("a plan made %d topics (%v)", len(topics), err)
	}
	if code, _, _ := wlctl("", "setup", "--check"); code != 1 {
		t.Errorf("--check on an empty broker: exit %d, want 1", code)
	}
	tenants := file(t, "tenants.yaml", string(sampleTenants))
	if out := must(t, "", "setup", "--apply", "--tenants", tenants); !strings.Contains(out, noRoles) {
		t.Errorf("an engine without roles is not told of:\n%s", out)
	}
	if out := must(t, "", "setup", "--check"); !strings.Contains(out, "as planned") {
		t.Errorf("after --apply: %s", out)
	}
	if out := must(t, "", "setup", "--apply"); !strings.Contains(out, "topics: 0 changes made") {
		t.Errorf("a second --apply: %s", out)
	}

	change := func(topic, name, value string) {
		t.Helper()
		if err := o.process.Cluster.AlterConfigs(within(t), topic, map[string]string{name: value}); err != nil {
			t.Fatal(err)
		}
	}
	change("keys.20s", "retention.ms", "86400000")
	change(wire.OutcomesOf("acme-shop"), "retention.ms", "-1")
	code, out, _ := wlctl("", "setup", "--check")
	if code != 1 || !strings.Contains(out, "set retention.ms of keys.20s to 21000") || !strings.Contains(out, "outcomes.acme-shop") {
		t.Errorf("drift: exit %d\n%s", code, out)
	}
	must(t, "", "setup", "--apply")
	must(t, "", "setup", "--check")
}

// Goal: plaintext of a tenant's own topic is under the same watch. Method: give tenants topics of their own, lengthen one.
func TestSetupWatchesIngressTopicsOfTenants(t *testing.T) {
	o := deployed(t)
	must(t, "", "tenant", "put", file(t, "tenants.yaml", string(sampleTenants)), "--own", "--apply")
	must(t, "", "setup", "--check")
	if err := o.process.Cluster.AlterConfigs(within(t), wire.RequestsOf("blue-clinic"), map[string]string{"retention.ms": "864000000"}); err != nil {
		t.Fatal(err)
	}
	if code, out, _ := wlctl("", "setup", "--check"); code != 1 || !strings.Contains(out, "requests.blue-clinic") {
		t.Errorf("exit %d\n%s", code, out)
	}
}

// Goal: partitions grow on request, routed and its companions alike. Method: plan with --partitions.
func TestSetupRaisesRoutedAndItsCompanionsAlike(t *testing.T) {
	o := deployed(t)
	o.cfg.Partitions = 3
	changes, err := o.drift(within(t))
	if err == nil {
		err = o.apply(within(t), changes)
	}
	if err != nil {
		t.Fatal(err)
	}
	topics, err := o.process.Cluster.Topics(within(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, topic := range []string{"routed", "attempts", "status", "retry.10s", "retry.1m", "retry.10m", "retry.1h"} {
		if topics[topic] != 12 {
			t.Errorf("%s: %d partitions, want 12", topic, topics[topic])
		}
	}
	if topics["requests"] != 3 || topics["keys.20s"] != 1 || topics["audit"] != 1 {
		t.Errorf("%v", topics)
	}
}

// Goal: a misconfigured operator is told all of it, exit 2, before anything is asked of Kafka. Method: three mistakes.
func TestSetupNamesEveryMistakeOfItsEnvironment(t *testing.T) {
	t.Setenv("WL_WINDOWS", "1h")
	t.Setenv("WL_PARTITIONS", "0")
	t.Setenv("WL_MISSPELT", "SECRETVALUE")
	code, out, errs := wlctl("", "setup")
	for _, variable := range []string{"WL_WINDOWS", "WL_PARTITIONS", "WL_MISSPELT"} {
		if !strings.Contains(errs, variable) {
			t.Errorf("%s is not named in\n%s", variable, errs)
		}
	}
	if code != 2 || strings.Contains(out+errs, "SECRETVALUE") {
		t.Errorf("exit %d\n%s", code, errs)
	}
}

// Goal: rejected input is sealed for 24 h everywhere but in tests. Method: windows that cover the delivery window only.
func TestSetupWantsAWindowForRejectedInput(t *testing.T) {
	small(t)
	for windows, fine := range map[string]bool{"6h,12h": false, "6h,24h": true, "20s,60s": true} {
		t.Setenv("WL_WINDOWS", windows)
		t.Setenv("WL_DELIVERY_WINDOW", windows[strings.Index(windows, ",")+1:])
		code, _, errs := wlctl("", "setup")
		if (code == 0) != fine || !fine && !strings.Contains(errs, "WL_WINDOWS: has no window of 24h") {
			t.Errorf("%s: exit %d, %s", windows, code, errs)
		}
	}
}

// Goal: a new key is random, and local secrets are written once. Method: run each twice.
func TestNewKeysAndLocalSecretsAreRandomAndKept(t *testing.T) {
	if a, b := must(t, "", "setup", "--new-key"), must(t, "", "setup", "--new-key"); a == b || !strings.HasPrefix(a, "base64key://") {
		t.Errorf("keys %q and %q", a, b)
	}
	dir := t.TempDir()
	first := strings.Fields(must(t, "", "setup", "--local", dir))
	if !slices.ContainsFunc(first, func(s string) bool { return strings.HasSuffix(s, "app-secret") }) {
		t.Errorf("wrote %v", first)
	}
	if again := must(t, "", "setup", "--local", dir); again != "" {
		t.Errorf("wrote again: %s", again)
	}
}
