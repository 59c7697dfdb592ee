package main

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/canary"
	"github.com/whatsapplink/cloud/cmd/internal/wire"
	"github.com/whatsapplink/cloud/pipeline/seal"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/sinks/clickhouse"
)

// Goal: a person's rows go, whichever spelling of the number is given; their bytes leave the parts on disk; a topic read
// again from its beginning and a repair bring nothing back; nobody else's rows change; no identifier is printed; and the
// deletion is audited before it. Method: 40 messages to a Brazilian number and 40 to another person land through record;
// the verb with the other spelling; old parts waited for, the tables' files decompressed and scanned, as they were before;
// then the same events once more behind record's offset, as a replay brings them, and reconcile.
func TestASubjectsDeletionLeavesNoByteAndStays(t *testing.T) {
	o, db := recorded(t)
	must(t, "", "tenant", "put", file(t, "tenants.yaml", acme()), "--apply")
	theirs := refOf(t, o, "acme-shop", "+5511987654321")
	other := refOf(t, o, "acme-shop", "+4915112345678")
	start := time.Now().UTC().Truncate(time.Hour).Add(-5 * time.Hour)
	gone := sendsOf("acme-shop", "01JD3Z8Q4Y5W6V7T8S9R0QPN", 40, start, theirs)
	kept := sendsOf("acme-shop", "01JD3Z8Q4Y5W6V7T8S9R0QPM", 40, start, other)
	for _, table := range []string{"events", "messages"} {
		if _, err := db.Query(within(t), "ALTER TABLE "+table+" MODIFY SETTING old_parts_lifetime = 0"); err != nil {
			t.Fatal(err)
		}
	}
	publish(t, o, gone...)
	publish(t, o, kept...)
	land(t)
	if hits := scanned(t, db, theirs); len(hits) == 0 {
		t.Fatal("the ref is not found in the parts before the deletion: the scan would show nothing")
	}
	before := others(dump(t, db, "messages"))

	const given = "+551187654321" // without the ninth digit
	plan := must(t, given+"\n", "subject", "delete", "--tenant", "acme-shop")
	if !strings.Contains(plan, "delete 40 messages") || !strings.Contains(plan, "--apply") {
		t.Errorf("the plan: %s", plan)
	}
	if n := len(dump(t, db, "messages")); n != 80 {
		t.Errorf("the plan left %d messages", n)
	}
	var out, errs bytes.Buffer
	c := subjectDeleteCmd{Tenant: "acme-shop", Apply: true}
	if err := c.run(within(t), streams{strings.NewReader(given + "\n"), &out, &errs}, 0); err != nil {
		t.Fatal(err)
	}
	if said := out.String() + errs.String() + plan; strings.Contains(said, "87654321") {
		t.Errorf("a number was printed: %s", said)
	}
	audited, _ := records(t, o, wire.AuditT, schemas.AuditRecords)
	if !slices.ContainsFunc(audited, func(a schemas.AuditRecord) bool { return a.Action == "subject_deleted" && a.TenantID == "acme-shop" }) {
		t.Error("the deletion is not audited")
	}
	await(t, "old parts to go", func() bool {
		for _, table := range []string{"events", "messages"} { // an idle engine looks for them ever more rarely: have it look
			if _, err := db.Query(within(t), "SYSTEM START CLEANUP "+table); err != nil {
				t.Fatal(err)
			}
		}
		rows, err := db.Query(within(t), "SELECT count() FROM system.parts WHERE database = currentDatabase() AND table IN ('events', 'messages') AND NOT active")
		return err == nil && rows.Values[0][0] == "0"
	})
	if hits := scanned(t, db, theirs); len(hits) > 0 {
		t.Errorf("bytes of the ref are left in %v", hits)
	}
	if hits := scanned(t, db, other); len(hits) == 0 {
		t.Error("the other person's ref is gone, too")
	}

	publish(t, o, gone...) // as a replay brings them: after record's offset
	land(t)
	must(t, "", "reconcile")
	after := dump(t, db, "messages")
	if !slices.Equal(after, before) {
		t.Errorf("%d messages after the deletion and a replay, want the other person's %d as they were", len(after), len(before))
	}
	if n := len(dump(t, db, "events")); n != len(kept) {
		t.Errorf("%d events, want %d", n, len(kept))
	}
	if hits := scanned(t, db, theirs); len(hits) > 0 {
		t.Errorf("the replay brought bytes of the ref back into %v", hits)
	}
}

// Goal: what is no identifier is refused by its line, without being printed; so is an unknown tenant and nothing at all.
// Method: table.
func TestSubjectDeleteRefusesWithoutQuoting(t *testing.T) {
	deployed(t)
	must(t, "", "tenant", "put", file(t, "tenants.yaml", acme()), "--apply")
	for in, want := range map[string]string{
		"+4915112345678\n015112345678\n": "line 2 is neither", "Jane Doe\n": "line 1 is neither", "\n\n": "no identifier",
	} {
		code, out, errs := wlctl(in, "subject", "delete", "--tenant", "acme-shop")
		if code != 1 || !strings.Contains(errs, want) || strings.Contains(out+errs, "15112345678") || strings.Contains(out+errs, "Jane") {
			t.Errorf("exit %d, want 1 and %q: %s%s", code, want, out, errs)
		}
	}
	if code, _, errs := wlctl("+4915112345678\n", "subject", "delete", "--tenant", "nobody"); code != 1 || !strings.Contains(errs, "no tenant") {
		t.Errorf("an unknown tenant: exit %d %s", code, errs)
	}
}

// others drops nothing but the deleted person's messages, by the ids that sendsOf gave them.
func others(lines []string) (rest []string) {
	for _, l := range lines {
		if !strings.Contains(l, "01JD3Z8Q4Y5W6V7T8S9R0QPN") {
			rest = append(rest, l)
		}
	}
	return rest
}

// refOf is the ref that validate gives a number in its canonical spelling.
func refOf(t *testing.T, o *operator, tenant, number string) []byte {
	t.Helper()
	tenants, err := o.tenants(within(t))
	if err != nil {
		t.Fatal(err)
	}
	keeper, err := seal.OpenKeeper(o.cfg.RefsURL, "")
	if err != nil {
		t.Fatal(err)
	}
	refs := seal.NewRefs(keeper, func(id string) ([]byte, bool) { return tenants[id].RefsKey, true })
	ref, err := refs.Ref(context.Background(), tenant, seal.RefPhone, number)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// scanned names the files of the parts of events and messages, active or not, in which a ref is found.
func scanned(t *testing.T, db *clickhouse.DB, ref []byte) (hits []string) {
	t.Helper()
	paths, err := db.Query(within(t), "SELECT arrayJoin(data_paths) FROM system.tables WHERE database = currentDatabase() AND name IN ('events', 'messages')")
	if err != nil || len(paths.Values) != 2 {
		t.Fatal(paths.Values, err)
	}
	s := canary.New()
	s.Add("ref", string(ref))
	for _, p := range paths.Values {
		found, err := s.Files(strings.TrimSuffix(p[0], "/"), "")
		if err != nil {
			t.Fatal(err)
		}
		for name := range found.Hits {
			hits = append(hits, name)
		}
	}
	return hits
}

func await(t *testing.T, what string, done func() bool) {
	t.Helper()
	ctx := within(t)
	for !done() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited in vain for %s", what)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
