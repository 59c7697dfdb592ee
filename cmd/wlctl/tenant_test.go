package main

import (
	"strings"
	"testing"

	"github.com/whatsapplink/cloud/cmd/internal/wire"
	"github.com/whatsapplink/cloud/schemas"
)

// acme is one tenant as YAML, with more lines added to it.
func acme(more ...string) string {
	return "tenants:\n  - tenant_id: acme-shop\n    region: eu\n    senders:\n      - {phone_number_id: \"1\", waba_id: \"2\", region: eu, rate: 5}\n" +
		strings.Join(more, "")
}

// Goal: no field but a tenant's can slip in, and what no stage could work with is refused; a value is not quoted.
// Method: one mistake a file, with a canary where a person might write one.
func TestTenantsFileIsStrict(t *testing.T) {
	const canary = "CANARY"
	for mistake, content := range map[string]string{
		"an e-mail":             acme("    email: CANARY@example.com\n"),
		"a company":             acme("    company: CANARY Inc\n"),
		"a name of a sender":    "tenants:\n  - {tenant_id: acme, region: eu, senders: [{phone_number_id: '1', waba_id: '2', owner: CANARY}]}\n",
		"a top-level field":     acme("contact: CANARY\n"),
		"a refs key":            acme("    refs_key: CANARY\n"),
		"no YAML":               "\tCANARY: [",
		"a phone as id":         strings.Replace(acme(), "acme-shop", "c4915112345678", 1),
		"capitals in the id":    strings.Replace(acme(), "acme-shop", "CANARY", 1),
		"an unknown status":     acme("    status: CANARY\n"),
		"an unknown on_unknown": acme("    on_unknown: CANARY\n"),
		"an odd window":         acme("    diagnostic_window: 90m\n"),
		"a long settlement":     acme("    settle_after: 48h\n"),
		"an endless override":   acme("    retention_override: {window: 168h, reason: INC-7, requester: jo}\n"),
		"an unasked override":   acme("    retention_override: {window: 168h, reason: INC-7, until: 2026-12-24T00:00:00Z}\n"),
		"a label key of words":  acme("    label_keys: [campaign, CANARY key]\n"),
		"no sender":             "tenants:\n  - {tenant_id: acme-shop, region: eu}\n",
		"a path as sender":      strings.Replace(acme(), `"1"`, `"../CANARY"`, 1),
		"no account":            strings.Replace(acme(), `waba_id: "2", `, "", 1),
		"a tenant twice":        acme() + strings.TrimPrefix(acme(), "tenants:\n"),
		"a number of two":       acme() + strings.Replace(strings.TrimPrefix(acme(), "tenants:\n"), "acme-shop", "blue-clinic", 1),
	} {
		_, err := readTenants(file(t, "tenants.yaml", content))
		if err == nil {
			t.Errorf("%s: accepted", mistake)
		} else if strings.Contains(err.Error(), canary) || strings.Contains(err.Error(), "4915112345678") {
			t.Errorf("%s: quoted in %q", mistake, err)
		}
	}
	tenants, err := readTenants(file(t, "tenants.yaml", acme()))
	if err != nil || len(tenants) != 1 || tenants[0].Status != "active" || tenants[0].OnUnknown != "report" {
		t.Errorf("a fine file: %+v, %v", tenants, err)
	}
	if sample, err := readTenants(file(t, "tenants.yaml", string(sampleTenants))); err != nil || len(sample) != 3 {
		t.Errorf("the sample: %d tenants, %v", len(sample), err)
	}
}

// Goal: a tenant is registered once told to, keeps its refs key when it is changed, and each change is audited before
// it. Method: plan, apply twice, look at the register and the log of audit.
func TestTenantPutKeepsTheRefsKeyAndIsAudited(t *testing.T) {
	o := deployed(t)
	path := file(t, "tenants.yaml", acme("    outcomes: true\n"))
	must(t, "", "tenant", "put", path)
	if all, _ := records(t, o, wire.TenantsT, schemas.Tenants); len(all) != 0 {
		t.Fatalf("a plan registered %d tenants", len(all))
	}
	must(t, "", "tenant", "put", path, "--apply")
	must(t, "", "tenant", "put", path, "--apply")
	all, keys := records(t, o, wire.TenantsT, schemas.Tenants)
	if len(all) != 2 || keys[0] != "acme-shop" || len(all[0].RefsKey) == 0 || string(all[0].RefsKey) != string(all[1].RefsKey) {
		t.Errorf("%d records under %v; the refs key must stay", len(all), keys)
	}
	if all[0].PolicyVersion != wire.PolicyVersion || all[0].EffectiveAt.IsZero() {
		t.Errorf("policy %q, effective %v", all[0].PolicyVersion, all[0].EffectiveAt)
	}
	audit, _ := records(t, o, wire.AuditT, schemas.AuditRecords)
	if len(audit) != 2 || audit[1].Action != "tenant_put" || audit[1].TenantID != "acme-shop" || audit[1].ReadTo != 1 {
		t.Errorf("audit: %+v", audit)
	}
	t.Setenv("WL_REFS_URL", newKeyURL())
	if code, _, errs := wlctl("", "tenant", "put", path, "--apply"); code != 2 || !strings.Contains(errs, "WL_REFS_URL: cannot open") {
		t.Errorf("under another key: exit %d, %s", code, errs)
	}
	topics, err := o.process.Cluster.Topics(within(t))
	if err != nil || topics[wire.OutcomesOf("acme-shop")] == 0 {
		t.Errorf("a tenant that hears back has no topic (%v)", err)
	}
	list := must(t, "", "tenant", "list") + must(t, "", "tenant", "list", "--json")
	if !strings.Contains(list, "acme-shop") || strings.Contains(list, "RefsKey") || strings.Contains(list, "refs_key") {
		t.Errorf("list:\n%s", list)
	}
}

// Goal: a callback has one tenant. Method: put a tenant with a number that a registered one has.
func TestTenantPutRefusesANumberOfAnotherTenant(t *testing.T) {
	o := deployed(t)
	must(t, "", "tenant", "put", file(t, "tenants.yaml", acme()), "--apply")
	thief := file(t, "tenants.yaml", strings.Replace(acme(), "acme-shop", "blue-clinic", 1))
	code, _, errs := wlctl("", "tenant", "put", thief, "--apply")
	if code != 1 || !strings.Contains(errs, "number 1 is both") {
		t.Errorf("exit %d: %s", code, errs)
	}
	if all, _ := records(t, o, wire.TenantsT, schemas.Tenants); len(all) != 1 {
		t.Errorf("%d tenants", len(all))
	}
}

// Goal: a tenant is suspended and resumed by one record each, audited before; nothing else of it changes, and a closed
// one stays closed. Method: the verbs, without and with --apply.
func TestSuspendAndResumeAreAudited(t *testing.T) {
	o := deployed(t)
	must(t, "", "tenant", "put", file(t, "tenants.yaml", acme()), "--apply")
	must(t, "", "tenant", "suspend", "acme-shop")
	if all, _ := records(t, o, wire.TenantsT, schemas.Tenants); len(all) != 1 {
		t.Fatal("a plan changed the register")
	}
	must(t, "", "tenant", "suspend", "acme-shop", "--apply")
	must(t, "", "tenant", "resume", "acme-shop", "--apply")
	all, _ := records(t, o, wire.TenantsT, schemas.Tenants)
	if len(all) != 3 || all[1].Status != "suspended" || all[2].Status != "active" || string(all[2].RefsKey) != string(all[0].RefsKey) || len(all[2].Senders) != 1 {
		t.Errorf("register: %+v", all)
	}
	audit, _ := records(t, o, wire.AuditT, schemas.AuditRecords)
	var actions []string
	for _, a := range audit {
		actions = append(actions, a.Action)
	}
	if got := strings.Join(actions, " "); got != "tenant_put tenant_suspended tenant_active" {
		t.Errorf("audit: %s", got)
	}
	if code, _, _ := wlctl("", "tenant", "suspend", "nobody", "--apply"); code != 1 {
		t.Errorf("an unknown tenant: exit %d", code)
	}
	must(t, "", "tenant", "put", file(t, "tenants.yaml", acme("    status: closed\n")), "--apply")
	if code, _, errs := wlctl("", "tenant", "resume", "acme-shop", "--apply"); code != 1 || !strings.Contains(errs, "closed") {
		t.Errorf("a closed tenant: exit %d, %s", code, errs)
	}
}

// Goal: no audit, no change. Method: a deployment whose topic audit is gone.
func TestNothingIsChangedThatCannotBeAudited(t *testing.T) {
	o := deployed(t)
	must(t, "", "tenant", "put", file(t, "tenants.yaml", acme()), "--apply")
	if err := o.process.Cluster.DeleteTopics(within(t), wire.AuditT); err != nil {
		t.Fatal(err)
	}
	if code, _, _ := wlctl("", "tenant", "suspend", "acme-shop", "--apply"); code != 1 {
		t.Errorf("exit %d", code)
	}
	if all, _ := records(t, o, wire.TenantsT, schemas.Tenants); len(all) != 1 {
		t.Error("the register was changed")
	}
}
