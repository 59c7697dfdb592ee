package route

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/whatsapplink/cloud/schemas"
)

var accepted = time.Date(2026, 11, 20, 9, 30, 0, 0, time.UTC)

func validated(ref uint64) Validated {
	return Validated{
		Now: accepted.Add(time.Second),
		Validated: schemas.Validated{
			Identity:  schemas.Identity{TenantID: "acme", MessageID: "01JD3Z8Q4Y5W6V7T8S9R0QPNMK", AcceptedAt: accepted},
			Source:    schemas.Coordinates{Topic: "requests", Partition: 3, Offset: 41},
			ExpiresAt: accepted.Add(time.Hour),
			Clear: schemas.Clear{
				Category: schemas.Marketing, ContentType: "text", SizeClass: "64", Country: "DE", Window: "72h",
				RecipientRefs: [][]byte{refOf(ref), refOf(ref + 1<<32)}, Labels: map[string]string{"team": "a"},
			},
			Payload: schemas.Sealed{Ciphertext: []byte("sealed")},
		},
	}
}

func refOf(n uint64) []byte { return binary.BigEndian.AppendUint64(make([]byte, 8), n) }

// stage routes for one tenant with senders in two regions; registers are empty until a test fills them.
func stage(senders ...schemas.Sender) *Stage {
	if senders == nil {
		senders = []schemas.Sender{
			{PhoneNumberID: "100001", WABA: "900", Region: "eu"},
			{PhoneNumberID: "100002", WABA: "900", Region: "us"},
		}
	}
	tenant := schemas.Tenant{TenantID: "acme", Status: "active", Region: "eu", Senders: senders}
	return &Stage{
		Tenant:        func(id string) (schemas.Tenant, bool) { return tenant, id == "acme" },
		Stopped:       func(string, string) (schemas.Stop, bool) { return schemas.Stop{}, false },
		Suppressed:    func(string, [][]byte, schemas.Category) bool { return false },
		Transfers:     Default(),
		PolicyVersion: "2026-11-01",
	}
}

func step(t interface{ Fatalf(string, ...any) }, s *Stage, v Validated) schemas.Routed {
	out, err := s.Step(v)
	if err != nil || len(out) != 1 {
		t.Fatalf("one record in gave %d out and error %v", len(out), err)
	}
	return out[0]
}

// TestEachReasonEndsInItsVerdict: goal: every reason of the closed list is reachable and goes on with its state and no
// sender. Method: one case per reason, and a walk over the list.
func TestEachReasonEndsInItsVerdict(t *testing.T) {
	withTenant := func(s *Stage, change func(*schemas.Tenant)) {
		tenant, _ := s.Tenant("acme")
		change(&tenant)
		s.Tenant = func(string) (schemas.Tenant, bool) { return tenant, true }
	}
	cases := []struct {
		state, reason string
		change        func(*Stage, *Validated)
	}{
		{"failed", ReasonTenantUnknown, func(_ *Stage, v *Validated) { v.TenantID = "gone" }},
		{"failed", ReasonTenantClosed, func(s *Stage, _ *Validated) {
			withTenant(s, func(t *schemas.Tenant) { t.Status = "closed" })
		}},
		{"expired", ReasonExpired, func(_ *Stage, v *Validated) { v.Now = v.ExpiresAt }},
		{"suppressed", ReasonOptedOut, func(s *Stage, v *Validated) {
			s.Suppressed = func(tenant string, refs [][]byte, c schemas.Category) bool {
				return tenant == "acme" && c == schemas.Marketing && reflect.DeepEqual(refs, v.RecipientRefs)
			}
		}},
		{"failed", ReasonSenderUnknown, func(_ *Stage, v *Validated) { v.SenderID = "100003" }},
		{"failed", ReasonNoTransferBasis, func(_ *Stage, v *Validated) { v.Country = "RU" }},
		{"failed", ReasonNoTransferBasis, func(_ *Stage, v *Validated) { v.SenderID, v.Country = "100001", "RU" }},
		{"failed", ReasonNoTransferBasis, func(s *Stage, _ *Validated) {
			withTenant(s, func(t *schemas.Tenant) { t.Senders = nil })
		}},
	}
	reached := map[string]bool{}
	for _, c := range cases {
		s, v := stage(), validated(1)
		c.change(s, &v)
		r := step(t, s, v)
		if r.Verdict == nil || r.Verdict.State != c.state || r.Verdict.Reason != c.reason {
			t.Errorf("want %s/%s, got %+v", c.state, c.reason, r.Verdict)
		}
		if want := (schemas.Route{TransferBasis: None}); r.Route != want {
			t.Errorf("%s: a verdict came with a way %+v", c.reason, r.Route)
		}
		if e := s.Event(&r, v.Now); e.Reason != c.reason || e.Kind != schemas.KindRouted {
			t.Errorf("%s: event %s with reason %q", c.reason, e.Kind, e.Reason)
		}
		reached[c.reason] = true
	}
	for _, reason := range Reasons {
		if !reached[reason] {
			t.Errorf("reason %s has no case", reason)
		}
	}
}

// TestRequestedSenderIsTaken: goal: the producer's choice holds, blocked or not, until the last millisecond before
// expiry. Method: request each sender while it is blocked.
func TestRequestedSenderIsTaken(t *testing.T) {
	s := stage()
	s.Stopped = func(scope, _ string) (schemas.Stop, bool) { return schemas.Stop{Effect: "block"}, scope == "number" }
	for sender, want := range map[string]schemas.Route{
		"100001": {Sender: "100001", WABA: "900", Region: "eu", Processor: "meta", TransferBasis: SameRegion},
		"100002": {Sender: "100002", WABA: "900", Region: "us", Processor: "meta", TransferBasis: Adequacy},
	} {
		v := validated(1)
		v.SenderID, v.Now = sender, v.ExpiresAt.Add(-time.Millisecond)
		if r := step(t, s, v); r.Verdict != nil || r.Route != want {
			t.Errorf("got %+v with verdict %+v, want %+v", r.Route, r.Verdict, want)
		}
	}
}

// TestBlockedSenderIsPassedOverWhileAnotherIsAllowed: goal: an open sender is preferred, a blocked one is better than
// none. Method: block by every scope, with every stop that does not count beside it.
func TestBlockedSenderIsPassedOverWhileAnotherIsAllowed(t *testing.T) {
	senders := []schemas.Sender{{PhoneNumberID: "1", WABA: "91", Region: "eu"}, {PhoneNumberID: "2", WABA: "92", Region: "eu"}}
	favourite := step(t, stage(senders...), validated(7)).Sender
	other := map[string]string{"1": "2", "2": "1"}[favourite]
	later, past := validated(7).Now.Add(time.Minute), validated(7).Now
	for _, c := range []struct {
		name, scope, id string
		stop            schemas.Stop
		want            string
	}{
		{"number", "number", favourite, schemas.Stop{Effect: "block"}, other},
		{"account", "account", "9" + favourite, schemas.Stop{Effect: "block", Until: later}, other},
		{"credential", "credential", favourite, schemas.Stop{Effect: "block", Category: "marketing"}, other},
		{"parked only", "number", favourite, schemas.Stop{Effect: "park"}, favourite},
		{"lifted", "number", favourite, schemas.Stop{}, favourite},
		{"over", "number", favourite, schemas.Stop{Effect: "block", Until: past}, favourite},
		{"another category", "number", favourite, schemas.Stop{Effect: "block", Category: "utility"}, favourite},
		{"both", "number", "", schemas.Stop{Effect: "block"}, favourite},
	} {
		s := stage(senders...)
		s.Stopped = func(scope, id string) (schemas.Stop, bool) {
			return c.stop, scope == c.scope && (c.id == "" || c.id == id)
		}
		if r := step(t, s, validated(7)); r.Sender != c.want {
			t.Errorf("%s: sender %s, want %s", c.name, r.Sender, c.want)
		}
	}
}

// TestNoRoutedRecordBreaksTheMatrix: goal: whatever the registers say, one record comes out, the envelope travels
// unchanged, and a way without verdict has a basis for both its legs. Method: random tenants and countries.
func TestNoRoutedRecordBreaksTheMatrix(t *testing.T) {
	transfers := Default()
	region := rapid.SampledFrom([]string{"eu", "uk", "us", "in", "br", "apac", "cn", "cis", "nowhere", ""})
	country := rapid.SampledFrom([]string{"DE", "GB", "US", "IN", "BR", "SG", "CN", "RU", "KP", "ZZ", ""})
	rapid.Check(t, func(t *rapid.T) {
		var senders []schemas.Sender
		for i, r := range rapid.SliceOfN(region, 0, 5).Draw(t, "regions of senders") {
			senders = append(senders, schemas.Sender{PhoneNumberID: fmt.Sprint(100 + i), WABA: "9", Region: r})
		}
		tenant := schemas.Tenant{Status: "active", Region: region.Draw(t, "tenant region"), Senders: senders}
		s := stage()
		s.Tenant = func(string) (schemas.Tenant, bool) { return tenant, true }
		v := validated(rapid.Uint64().Draw(t, "recipient"))
		v.Country = country.Draw(t, "country")
		v.SenderID = rapid.SampledFrom([]string{"", "", "101", "104"}).Draw(t, "requested")

		r := step(t, s, v)
		if again := step(t, s, v); !reflect.DeepEqual(again, r) {
			t.Fatalf("the same record was routed in two ways")
		}
		if !reflect.DeepEqual(r.Validated, v.Validated) {
			t.Fatalf("the envelope changed on its way")
		}
		if (r.Verdict == nil) == (r.TransferBasis == None) {
			t.Fatalf("verdict %+v beside basis %s", r.Verdict, r.TransferBasis)
		}
		if r.Verdict != nil {
			return
		}
		_, fromTenant := transfers.Legs[Leg{tenant.Region, r.Region}]
		_, fromRecipient := transfers.Legs[Leg{transfers.Regions[v.Country], r.Region}]
		if !fromTenant || !fromRecipient {
			t.Fatalf("tenant %s, sender %s, recipient %s went out on %s", tenant.Region, r.Region, v.Country, r.TransferBasis)
		}
		if !slices.ContainsFunc(senders, func(s schemas.Sender) bool { return s.PhoneNumberID == r.Sender && s.Region == r.Region }) {
			t.Fatalf("sender %s is not the tenant's", r.Sender)
		}
	})
}

// TestNewSenderTakesOnlyItsShare: goal: recipients keep their sender when senders are added, reordered or aliased, and
// load is even. Method: 20,000 recipients over four senders, then five in another order.
func TestNewSenderTakesOnlyItsShare(t *testing.T) {
	const recipients = 20_000
	var senders []schemas.Sender
	for i := range 5 {
		senders = append(senders, schemas.Sender{PhoneNumberID: fmt.Sprintf("10655512345678%d", i), WABA: "9", Region: "eu"})
	}
	before := stage(senders[:4]...)
	reordered := slices.Clone(senders)
	slices.Reverse(reordered)
	after := stage(reordered...)
	moved, load := 0, map[string]int{}
	for i := range uint64(recipients) {
		v := validated(i)
		old, now := step(t, before, v).Sender, step(t, after, v).Sender
		load[now]++
		if old != now {
			moved++
			if now != senders[4].PhoneNumberID {
				t.Fatalf("recipient %d moved between old senders", i)
			}
		}
	}
	if share := recipients / 5; moved < share*9/10 || moved > share*11/10 {
		t.Errorf("%d of %d recipients moved to the fifth sender", moved, recipients)
	}
	for sender, n := range load {
		if share := recipients / 5; n < share*9/10 || n > share*11/10 {
			t.Errorf("sender %s has %d of %d recipients", sender, n, recipients)
		}
	}
}

// TestRankIsFrozen: goal: no release moves recipients to other senders. Method: fixed vectors of XXH64.
func TestRankIsFrozen(t *testing.T) {
	for _, c := range []struct {
		ref    uint64
		sender string
		want   uint64
	}{
		{0, "", 0xaf09f71516247c32},
		{1, "106540352242922", 0x53a2b1f9106ce8a9},
		{1, "106540352242923", 0xcad94b7cb726836a},
	} {
		if got := rank(refOf(c.ref), c.sender); got != c.want {
			t.Errorf("rank(%d, %s) = %#x, want %#x", c.ref, c.sender, got, c.want)
		}
	}
}

func BenchmarkStep(b *testing.B) {
	s, v := stage(), validated(1)
	b.ReportAllocs()
	for b.Loop() {
		if out, err := s.Step(v); err != nil || out[0].Verdict != nil {
			b.Fatal("no way found")
		}
	}
}

func TestSuspendedTenantsMessagesGoOnToWait(t *testing.T) {
	// Goal: a suspension that lifts in time loses nothing. Method: route for a suspended tenant; there is no verdict, and
	// deliver, which checks last, parks.
	s := stage(schemas.Sender{PhoneNumberID: "100001", Region: "eu"})
	tenant, _ := s.Tenant("acme")
	tenant.Status = "suspended"
	s.Tenant = func(string) (schemas.Tenant, bool) { return tenant, true }
	if routed := step(t, s, validated(1)); routed.Verdict != nil || routed.Sender == "" {
		t.Errorf("routed by %q with verdict %v", routed.Sender, routed.Verdict)
	}
}
