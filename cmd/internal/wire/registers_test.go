package wire

import (
	"context"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/schemas"
)

// Goal: a callback finds its tenant by number and by account, also after the register changed. Method: register, look
// up, move a number to another tenant, look up.
func TestOwnersFollowTheRegisterOfTenants(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	regs := newRegisters(d.process("test"))
	acme := d.tenant("acme-shop")
	d.start(func(ctx context.Context) error { return regs.run(ctx) })
	eventually(t, "acme owns its number", func() bool {
		id, ok := regs.owners.ofNumber("sender-of-acme-shop")
		return ok && id == "acme-shop"
	})
	if id, ok := regs.owners.ofAccount("waba-of-acme-shop"); !ok || id != "acme-shop" {
		t.Errorf("the account is %q's", id)
	}
	if _, ok := regs.owners.ofNumber("nobody's"); ok {
		t.Error("a number of nobody has an owner")
	}
	acme.Senders[0].PhoneNumberID = "moved"
	d.put(TenantsT, []byte(acme.TenantID), encode(t, schemas.Tenants, acme))
	eventually(t, "the new number is found", func() bool { _, ok := regs.owners.ofNumber("moved"); return ok })
	if _, ok := regs.owners.ofNumber("sender-of-acme-shop"); ok {
		t.Error("the number that was given up still has an owner")
	}
}

// Goal: a stage fails closed. Method: work must not begin while a register's topic is missing.
func TestWorkBeginsOnlyOnceEveryRegisterWasReadToItsEnd(t *testing.T) {
	t.Parallel()
	d := deploy(t, Suppressions)
	regs := newRegisters(d.process("test"))
	began := make(chan struct{})
	d.start(func(ctx context.Context) error {
		return regs.run(ctx, func(ctx context.Context) error { close(began); <-ctx.Done(); return nil })
	})
	eventually(t, "tenants and stops are read", func() bool { return closed(regs.tenants.Ready()) && closed(regs.stops.Ready()) })
	if closed(began) || regs.ready() == nil {
		t.Fatal("work began without the register of suppressions")
	}
	for _, spec := range testPlan().Topics() {
		if spec.Name == Suppressions {
			if err := d.cluster.CreateTopics(within(t), []kafka.TopicSpec{spec}); err != nil {
				t.Fatal(err)
			}
		}
	}
	eventually(t, "work begins", func() bool { return closed(began) })
	if err := regs.ready(); err != nil {
		t.Error(err)
	}
}

// Goal: objections merge by time, stop over resume on a tie, whatever the order they are read in, and a marketing
// objection leaves the rest. Method: every order of three facts.
func TestObjectionsMergeInAnyOrder(t *testing.T) {
	at := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	ref := []byte("0123456789abcdef")
	factOf := func(category, state string, minute int) schemas.Suppression {
		return schemas.Suppression{Scope: "recipient", TenantID: "acme-shop", Ref: ref, Category: category, State: state, EffectiveAt: at.Add(time.Duration(minute) * time.Minute)}
	}
	for name, c := range map[string]struct {
		facts              []schemas.Suppression
		marketing, utility bool
	}{
		"stop":               {[]schemas.Suppression{factOf("marketing", "stop", 0)}, true, false},
		"resume after stop":  {[]schemas.Suppression{factOf("marketing", "stop", 0), factOf("marketing", "resume", 1)}, false, false},
		"stop at a tie":      {[]schemas.Suppression{factOf("marketing", "resume", 1), factOf("marketing", "stop", 1), factOf("marketing", "stop", 0)}, true, false},
		"all":                {[]schemas.Suppression{factOf("all", "stop", 0)}, true, true},
		"all, not marketing": {[]schemas.Suppression{factOf("all", "stop", 0), factOf("marketing", "resume", 1)}, true, true},
	} {
		for i, order := range permutations(c.facts) {
			o := objections{facts: map[objection]fact{}}
			for j := range order {
				o.merge(&order[j])
			}
			refs := [][]byte{[]byte("another alias..."), ref}
			if got := o.stand("acme-shop", refs, schemas.Marketing); got != c.marketing {
				t.Errorf("%s, order %d: marketing suppressed is %v", name, i, got)
			}
			if got := o.stand("acme-shop", refs, schemas.Category("of tomorrow")); got != c.marketing {
				t.Errorf("%s, order %d: an unknown category does not count as marketing", name, i)
			}
			if got := o.stand("acme-shop", refs, schemas.Utility); got != c.utility {
				t.Errorf("%s, order %d: utility suppressed is %v", name, i, got)
			}
			if o.stand("blue-clinic", refs, schemas.Marketing) {
				t.Errorf("%s: another tenant is bound", name)
			}
		}
	}
}

// Goal: content that was handed on is gone also when nothing follows. Method: two commits in quick succession, of which
// the second is within the pause between trims; then a new owner that commits nothing.
func TestTrimmedReachesTheLastCommitWithoutAnother(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	d.fill(Notices, 0, 0, 5)
	first := func() int64 {
		f, _, err := d.cluster.Bounds(within(t), Notices, 0)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	src := behind(d.cluster, d.cluster.Tail(Notices, 0, 0))
	for _, next := range []int64{2, 4} {
		if err := src.Commit(within(t), next); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the log starts at the last commit", func() bool { return first() == 4 })

	d.fill(Notices, 1, 0, 3)
	next := behind(d.cluster, committedAt{d.cluster.Tail(Notices, 1, 2), 2})
	if records, err := next.Fetch(within(t)); err != nil || len(records) != 1 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	eventually(t, "what the owner before committed is cut", func() bool {
		f, _, err := d.cluster.Bounds(within(t), Notices, 1)
		return err == nil && f == 2
	})
}

// committedAt is a source whose owner before committed.
type committedAt struct {
	pipeline.Source
	next int64
}

func (c committedAt) Committed() int64 { return c.next }

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func permutations[T any](all []T) [][]T {
	if len(all) < 2 {
		return [][]T{all}
	}
	var orders [][]T
	for i := range all {
		rest := append(append([]T{}, all[:i]...), all[i+1:]...)
		for _, p := range permutations(rest) {
			orders = append(orders, append([]T{all[i]}, p...))
		}
	}
	return orders
}
