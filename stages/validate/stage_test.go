package validate

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/stages/validate/validatetest"
)

func acceptedOf(t *testing.T, s *Stage, r Request) Accepted {
	t.Helper()
	out, err := s.Step(r)
	if err != nil || len(out) != 1 {
		t.Fatalf("Step gave %d results and %v", len(out), err)
	}
	return out[0]
}

// Goal: an accepted request carries identity, coordinates, clear fields and payload as the contract says. Method: one
// request with everything set.
func TestAcceptedRequestCarriesWhatTheContractSays(t *testing.T) {
	t.Parallel()
	r := requestOf(validatetest.TemplateOf(validatetest.BodyOf("Ada")))
	r.SenderID, r.ReplyTo, r.Labels = "106540352242922", wamid, map[string]string{"campaign": "spring-26"}
	r.Recipient = schemas.Recipient{Phone: "+55 (11) 98765-4321", UserID: "US.13491208655302741918"}
	a := acceptedOf(t, newStage(), r)
	v := a.Validated
	if v.Identity != (schemas.Identity{TenantID: "acme", MessageID: ulidID, AcceptedAt: accepted}) ||
		v.Source != (schemas.Coordinates{Topic: "requests", Partition: 3, Offset: 41}) || v.SenderID != r.SenderID {
		t.Errorf("identity, source or sender: %+v", v)
	}
	if v.Country != "BR" || v.ContentType != "template" || v.SizeClass != "256" || v.Category != schemas.Utility ||
		v.Window != "72h" || v.PolicyVersion != "2026-11" || v.Labels["campaign"] != "spring-26" {
		t.Errorf("clear fields: %+v", v.Clear)
	}
	var want [][]byte
	for _, alias := range [][2]string{{"phone", "+5511987654321"}, {"phone", "+551187654321"}, {"user_id", "US.13491208655302741918"}} {
		ref, _ := fakeRef("acme", alias[0], alias[1])
		want = append(want, ref)
	}
	if !bytes.Equal(bytes.Join(v.RecipientRefs, nil), bytes.Join(want, nil)) {
		t.Error("recipient refs are not phone, its alias, user id")
	}
	if ref, _ := fakeRef("acme", "template", "order_update|en_US"); !bytes.Equal(v.TemplateRef, ref) {
		t.Error("template ref is not that of name|language")
	}
	if p := a.Payload; p.Recipient != (schemas.Recipient{Phone: "+5511987654321", UserID: r.Recipient.UserID}) || p.ReplyTo != wamid {
		t.Errorf("payload: %+v", p)
	}
	back, err := schemas.Payloads.Decode(a.Plain)
	if err != nil || back.Recipient != a.Payload.Recipient || back.ReplyTo != wamid || back.Content.(schemas.Template).Name != "order_update" {
		t.Errorf("Plain does not read back as the payload: %v", err)
	}
	if !a.Outcomes || a.TransitWindow != 24*time.Hour {
		t.Errorf("outcomes %v, transit window %v", a.Outcomes, a.TransitWindow)
	}
}

// Goal: the time of acceptance alone decides expiry, and no request outlives the delivery window. Method: a table of
// expiry times and delivery windows; the clock of the test is decades away from accepted.
func TestDeadlineIsCappedAndJudgedByTheTimeOfAcceptance(t *testing.T) {
	t.Parallel()
	hour := time.Hour
	for _, c := range []struct {
		tenant  string
		expires time.Duration // after acceptance, 0 for null
		want    time.Duration // 0: expired
		transit time.Duration
	}{
		{"12h", 0, 12 * hour, 24 * hour},
		{"", 0, 24 * hour, 24 * hour},
		{"nonsense", 0, 24 * hour, 24 * hour},
		{"-1h", 0, 24 * hour, 24 * hour},
		{"48h", 0, 24 * hour, 24 * hour},
		{"12h", time.Millisecond, time.Millisecond, hour},
		{"12h", hour, hour, hour},
		{"12h", hour + time.Millisecond, hour + time.Millisecond, 24 * hour},
		{"12h", 13 * hour, 12 * hour, 24 * hour},
		{"12h", -time.Millisecond, 0, 0},
		{"12h", -24 * hour, 0, 0},
	} {
		tenant := acme()
		tenant.DeliveryWindow = c.tenant
		s := newStage(tenant)
		s.Windows = append([]time.Duration{hour}, s.Windows...)
		r := welcome()
		if c.expires != 0 {
			r.ExpiresAt = accepted.Add(c.expires)
		}
		if c.want == 0 {
			if reason := reasonOf(s, r); reason != ReasonExpired {
				t.Errorf("expires %v after acceptance: %q", c.expires, reason)
			}
			continue
		}
		a := acceptedOf(t, s, r)
		if got := a.Validated.ExpiresAt.Sub(accepted); got != c.want || a.TransitWindow != c.transit {
			t.Errorf("window %q, expires %v: deadline %v under %v, want %v under %v", c.tenant, c.expires, got, a.TransitWindow, c.want, c.transit)
		}
	}
	s := newStage()
	s.Windows = []time.Duration{20 * time.Second, time.Hour}
	if a := acceptedOf(t, s, welcome()); a.TransitWindow != time.Hour {
		t.Errorf("where no window covers, %v is taken and not the largest", a.TransitWindow)
	}
}

// Goal: request, override, tenant, default decide the diagnostic window in this order, and never a longer one than
// promised. Method: a table.
func TestDiagnosticWindowFollowsThePrecedence(t *testing.T) {
	t.Parallel()
	until := func(d time.Duration, window string) *schemas.Retention {
		return &schemas.Retention{Window: window, Until: accepted.Add(d)}
	}
	for _, c := range []struct {
		request, tenant string
		override        *schemas.Retention
		want            string // "": unknown_window
	}{
		{"", "", nil, "72h"},
		{"", "24h", nil, "24h"},
		{"", "0s", nil, "0s"},
		{"", "100h", nil, "72h"},
		{"", "1h", nil, "0s"},
		{"", "24h", until(time.Second, "168h"), "168h"},
		{"", "24h", until(0, "168h"), "24h"},
		{"0s", "24h", until(time.Second, "168h"), "0s"},
		{"168h", "24h", nil, "168h"},
		{"48h", "24h", nil, ""},
		{"1440m", "24h", nil, ""},
		{"0", "24h", nil, ""},
		{"-24h", "24h", nil, ""},
		{"day", "24h", nil, ""},
	} {
		tenant := acme()
		tenant.DiagnosticWindow, tenant.RetentionOverride = c.tenant, c.override
		r := welcome()
		r.DiagnosticWindow = c.request
		s := newStage(tenant)
		if c.want == "" {
			if reason := reasonOf(s, r); reason != ReasonUnknownWindow {
				t.Errorf("%q of tenant %q: %q", c.request, c.tenant, reason)
			}
		} else if got := acceptedOf(t, s, r).Validated.Window; got != c.want {
			t.Errorf("%q of tenant %q: %s, want %s", c.request, c.tenant, got, c.want)
		}
	}
	// What a tenant asks for after the request was accepted.
	for _, c := range []struct {
		tenant   string
		override *schemas.Retention
		want     string
	}{
		{"24h", nil, "24h"},
		{"168h", nil, "72h"},
		{"", nil, "72h"},
		{"24h", until(time.Second, "168h"), "24h"},
		{"168h", until(time.Second, "168h"), "72h"},
		{"168h", until(time.Second, "24h"), "24h"},
		{"72h", until(time.Second, "0s"), "0s"},
	} {
		tenant := acme()
		tenant.DiagnosticWindow, tenant.RetentionOverride, tenant.EffectiveAt = c.tenant, c.override, accepted.Add(1)
		if got := acceptedOf(t, newStage(tenant), welcome()).Validated.Window; got != c.want {
			t.Errorf("tenant %q since, override %v: %s, want %s", c.tenant, c.override, got, c.want)
		}
	}
	s := newStage()
	s.Windows = []time.Duration{20 * time.Second, 90 * time.Minute, 24 * time.Hour}
	for _, name := range []string{"20s", "5400s", "24h"} {
		r := welcome()
		r.DiagnosticWindow = name
		if got := acceptedOf(t, s, r).Validated.Window; got != name {
			t.Errorf("window %s is named %s", name, got)
		}
	}
}

// Goal: ids, tenant ids, labels and user ids are taken at their borders and refused one step over. Method: tables of
// values per predicate.
func TestPatternsAtTheirBorders(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		is        func(string) bool
		yes, nope []string
	}{
		"message id": {schemas.WellFormedMessageID,
			[]string{ulidID, strings.ToLower(ulidID), "7ZZZZZZZZZZZZZZZZZZZZZZZZZ", uuidID, strings.ToUpper(uuidID)},
			[]string{"", ulidID[1:], ulidID + "0", "8ZZZZZZZZZZZZZZZZZZZZZZZZZ", "01KAZ3NDEKTSV4RRFFQ69G5FAI", "01KAZ3NDEKTSV4RRFFQ69G5FA+",
				"{" + uuidID[1:], strings.ReplaceAll(uuidID, "-", "0"), strings.ReplaceAll(uuidID, "-", ""), "g" + uuidID[1:]}},
		"tenant id": {isTenantID,
			[]string{"abc", "0ab", "a_-", "a" + strings.Repeat("b", 63), "t123456", "123456x123456"},
			[]string{"", "ab", "_ab", "-ab", "aBc", "a.b", "a" + strings.Repeat("b", 64), "t1234567", "äbc"}},
		"label": {isLabelValue,
			[]string{"a", "a.b_c-9", strings.Repeat("z", 48), "1a2b3c4d5e6f"},
			[]string{"", "A", "a b", strings.Repeat("z", 49), "1a2b3c4d5e6f7", "1234567", "é", "wamid.abc"}},
		"user id": {func(s string) bool { _, ok := UserIDCountry(s); return ok },
			[]string{"US.1", "US." + strings.Repeat("a", 128), "US.ENT." + strings.Repeat("Z", 128), "DE.ENT"},
			[]string{"", "US", "US.", "us.1", "ZZ.1", "US.a b", "US." + strings.Repeat("a", 129), "US.ENT.", "US.ENT.a.b", "001.1", ".1"}},
		"wamid": {isWAMID, []string{wamid, "wamid.a-b_c=", "wamid." + strings.Repeat("a", 506)},
			[]string{"", "wamid.", "WAMID.a", "wamid.a b", "wamid." + strings.Repeat("a", 507)}},
		"language": {isLanguage, []string{"en", "fil", "pt_BR", "es_SPA"}, []string{"", "e", "EN", "en-US", "en_us", "en_", "en_USAA"}},
	} {
		for _, s := range c.yes {
			if !c.is(s) {
				t.Errorf("%s %q is refused", name, s)
			}
		}
		for _, s := range c.nope {
			if c.is(s) {
				t.Errorf("%s %q is taken", name, s)
			}
		}
	}
}

// Goal: a rejection names tenant and id only when the tenant is known, may speak on this topic, and the id is well
// formed. Method: each of the three broken alone.
func TestRejectionNamesOnlyWhatMayBeNamed(t *testing.T) {
	t.Parallel()
	at := pipeline.Position{Topic: "requests", Partition: 3, Offset: 41}
	s := newStage()
	r := welcome()
	if tenant, message := s.Identify(&r, at); tenant != "acme" || message != ulidID {
		t.Errorf("a good identity became %s, %s", tenant, message)
	}
	for name, r := range map[string]*Request{
		"undecodable": nil,
		"id":          new(with(func(r *Request) { r.MessageID = "015112345678" })),
		"tenant":      new(with(func(r *Request) { r.TenantID = "nobody" })),
		"topic":       new(with(func(r *Request) { r.Bound = "other" })),
	} {
		if tenant, message := s.Identify(r, at); tenant != "unknown" || message != "requests/3/41" {
			t.Errorf("bad %s: named %s, %s", name, tenant, message)
		}
	}
}

// Goal: trouble with the keys of refs stops nothing for good: it is the world's error, not the record's. Method: a Ref
// that fails.
func TestRefErrorIsTheWorlds(t *testing.T) {
	t.Parallel()
	down := errors.New("keeper is down")
	s := newStage()
	s.Ref = func(string, string, string) ([]byte, error) { return nil, down }
	for _, c := range []schemas.Content{schemas.Text{Body: "x"}, validatetest.TemplateOf()} {
		_, err := s.Step(requestOf(c))
		if _, rejected := pipeline.AsRejection(err); rejected || !errors.Is(err, down) {
			t.Errorf("%v", err)
		}
	}
}

// Goal: an objection is asked for with every alias and the category, after all else passed. Method: a register that
// knows the old Brazilian spelling only.
func TestObjectionMatchesAnyAlias(t *testing.T) {
	t.Parallel()
	old, _ := fakeRef("acme", "phone", "+551187654321")
	s := newStage()
	s.Suppressed = func(tenant string, refs [][]byte, category schemas.Category) bool {
		for _, ref := range refs {
			if bytes.Equal(ref, old) {
				return tenant == "acme" && category == schemas.Marketing
			}
		}
		return false
	}
	r := welcome()
	r.Recipient.Phone, r.Category = "+5511987654321", schemas.Marketing
	if reason := reasonOf(s, r); reason != ReasonOptedOut {
		t.Errorf("marketing: %q", reason)
	}
	r.Category = schemas.Utility
	if reason := reasonOf(s, r); reason != "" {
		t.Errorf("utility: %q", reason)
	}
}

// Goal: a tenant's own topic binds its records to it, the gateway's binds none; a registry out of reach is the world's
// error. Method: decode one record from both topics, and one whose schema cannot be asked for.
func TestDecodeBindsARecordToItsTopicsTenant(t *testing.T) {
	t.Parallel()
	r := welcome()
	value, err := schemas.MessageRequests.Encode(&r.MessageRequest)
	if err != nil {
		t.Fatal(err)
	}
	for topic, bound := range map[string]string{"requests": "", "requests.acme": "acme"} {
		at := pipeline.Position{Topic: topic, Partition: 3, Offset: 41}
		got, err := Decode(schemas.MessageRequests)(pipeline.Record{Position: at, Value: value, AppendedAt: accepted})
		if err != nil || got.Bound != bound || got.Source != at || !got.AcceptedAt.Equal(accepted) || got.MessageID != ulidID {
			t.Errorf("%s: %+v, %v", topic, got, err)
		}
	}
	codec := schemas.MessageRequests.WithRegistry(registryDown{})
	_, err = Decode(codec)(pipeline.Record{Value: []byte{0, 0, 0, 0, 1}})
	if _, rejected := pipeline.AsRejection(err); rejected || !errors.Is(err, errDown) {
		t.Errorf("registry down: %v", err)
	}
}
