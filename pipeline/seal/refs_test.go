package seal

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// register is the tenants' wrapped keys.
type register struct {
	mu   sync.Mutex
	keys map[string][]byte
}

func (r *register) get(tenant string) ([]byte, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k, ok := r.keys[tenant]
	return k, ok
}

func (r *register) set(tenant string, key []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.keys == nil {
		r.keys = make(map[string][]byte)
	}
	if key == nil {
		delete(r.keys, tenant)
		return
	}
	r.keys[tenant] = key
}

func newKey(t *testing.T, k Keeper) []byte {
	t.Helper()
	wrapped, err := NewRefsKey(t.Context(), k)
	if err != nil {
		t.Fatal(err)
	}
	return wrapped
}

func mustRef(t *testing.T, r *Refs, tenant string, kind RefKind, value string) string {
	t.Helper()
	ref, err := r.Ref(t.Context(), tenant, kind, value)
	if err != nil {
		t.Fatal(err)
	}
	if len(ref) != refBytes {
		t.Fatalf("a ref of %d bytes", len(ref))
	}
	return hex.EncodeToString(ref)
}

func TestRefsAreFrozen(t *testing.T) {
	// Goal: refs stored for years keep matching. Method: values made by Python's hmac.
	keeper := newKeeper(t)
	wrapped, err := keeper.Wrap(t.Context(), bytes.Repeat([]byte{0x42}, keyBytes))
	if err != nil {
		t.Fatal(err)
	}
	refs := NewRefs(keeper, func(string) ([]byte, bool) { return wrapped, true })
	for value, want := range map[string]string{"+4915112345678": "c4f460b3dfd0e5195a1e609c7435dc09", "": "b559b9e5eaf4d164a241558d26a73e34"} {
		if got := mustRef(t, refs, "acme", RefPhone, value); got != want {
			t.Errorf("ref of %q = %s; want %s", value, got, want)
		}
	}
}

func TestRefsJoinWithinATenantOnly(t *testing.T) {
	// Goal: alike for alike values, different for another tenant, kind or value, and where kind and value only run
	// together alike. Method: all refs of a table, twice, by two Refs over one register.
	keeper, tenants := newKeeper(t), new(register)
	tenants.set("acme", newKey(t, keeper))
	tenants.set("globex", newKey(t, keeper))
	one, two := NewRefs(keeper, tenants.get), NewRefs(keeper, tenants.get)
	seen := make(map[string]bool)
	for _, tenant := range []string{"acme", "globex"} {
		for _, kind := range []RefKind{RefPhone, RefUserID, RefTemplate, RefProvider, "phone+"} {
			for _, value := range []string{"+4915112345678", "4915112345678", ""} {
				ref := mustRef(t, one, tenant, kind, value)
				if ref != mustRef(t, one, tenant, kind, value) || ref != mustRef(t, two, tenant, kind, value) {
					t.Error("a ref changed")
				}
				if seen[ref] {
					t.Errorf("%s %s %s has a ref of another", tenant, kind, value)
				}
				seen[ref] = true
			}
		}
	}
}

func TestRefsFollowTheTenantsKey(t *testing.T) {
	// Goal: a replaced key is used at once, a destroyed one is forgotten and never used again, and the keeper is asked
	// once a key. Method: change the register under one Refs.
	keeper, tenants := newKeeper(t), new(register)
	refs := NewRefs(keeper, tenants.get)
	if _, err := refs.Ref(t.Context(), "acme", RefPhone, "1"); !errors.Is(err, ErrNoRefsKey) {
		t.Fatalf("without a key: %v", err)
	}
	tenants.set("acme", newKey(t, keeper))
	first := mustRef(t, refs, "acme", RefPhone, "1")
	mustRef(t, refs, "acme", RefPhone, "2")
	if _, unwraps := keeper.calls(); unwraps != 1 {
		t.Errorf("%d unwraps of one key", unwraps)
	}
	tenants.set("acme", newKey(t, keeper))
	if mustRef(t, refs, "acme", RefPhone, "1") == first {
		t.Error("the replaced key is still used")
	}
	tenants.set("acme", nil)
	if _, err := refs.Ref(t.Context(), "acme", RefPhone, "1"); !errors.Is(err, ErrNoRefsKey) || len(refs.keys) != 0 {
		t.Errorf("after the key's end: %v, %d keys held", err, len(refs.keys))
	}
}

func TestKeysOfFormerTenantsLeaveMemory(t *testing.T) {
	// Goal: a destroyed key is let go of though nobody asks for its tenant again. Method: the fake clock, and another
	// tenant's first ref.
	synctest.Test(t, func(t *testing.T) {
		keeper, tenants := newKeeper(t), new(register)
		refs := NewRefs(keeper, tenants.get)
		tenants.set("acme", newKey(t, keeper))
		mustRef(t, refs, "acme", RefPhone, "1")
		tenants.set("acme", nil)
		time.Sleep(refsSweep + 1)
		tenants.set("globex", newKey(t, keeper))
		mustRef(t, refs, "globex", RefPhone, "1")
		if _, held := refs.keys["acme"]; held {
			t.Error("the former tenant's key is held")
		}
	})
}

func TestRefsHealWithTheKeeper(t *testing.T) {
	// Goal: a keeper that is down is the world's error and passes. Method: break it, ask, mend it, ask.
	keeper, tenants := newKeeper(t), new(register)
	refs := NewRefs(keeper, tenants.get)
	tenants.set("acme", newKey(t, keeper))
	keeper.setDown(errDown)
	if _, err := refs.Ref(context.Background(), "acme", RefPhone, "1"); !errors.Is(err, errDown) {
		t.Fatalf("%v; want %v", err, errDown)
	}
	keeper.setDown(nil)
	mustRef(t, refs, "acme", RefPhone, "1")
}

func TestRefsAreSafeForManyAtOnce(t *testing.T) {
	// Goal: pooled states are not shared between callers. Method: many callers, each with its own value, under -race.
	keeper, tenants := newKeeper(t), new(register)
	refs := NewRefs(keeper, tenants.get)
	tenants.set("acme", newKey(t, keeper))
	want := make(map[string]string)
	for _, v := range []string{"a", "b", "c", "d"} {
		want[v] = mustRef(t, refs, "acme", RefPhone, v)
	}
	var group sync.WaitGroup
	for v, w := range want {
		group.Go(func() {
			for range 500 {
				if got, err := refs.Ref(context.Background(), "acme", RefPhone, v); err != nil || hex.EncodeToString(got) != w {
					t.Errorf("ref of %s = %x, %v", v, got, err)
					return
				}
			}
		})
	}
	group.Wait()
}
