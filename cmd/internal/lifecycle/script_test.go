package lifecycle_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oklog/ulid/v2"
	"pgregory.net/rapid"

	"github.com/whatsapplink/cloud/cmd/internal/wire"
	"github.com/whatsapplink/cloud/pipeline/pipelinetest"
	"github.com/whatsapplink/cloud/pipeline/seal"
	"github.com/whatsapplink/cloud/schemas"
)

// op is one random operation; which of its numbers count depends on its kind.
type op struct {
	kind       string
	wait       time.Duration // before it
	a, b, c, d int
}

// kinds are drawn with the frequency with which they stand here.
var kinds = []string{
	"publish", "publish", "publish", "publish", "publish", "publish", "garbage", "republish", "republish", "policy", "policy", "object", "object", "tick", "tick",
	"kill", "kill", "kill", "crash", "crash", "crash", "stop", "second", "deaf", "reset", "show", "show", "show", "edge", "edge", "clock", "wall",
}

type script struct {
	ops   []op
	fates []fate
}

// meta is how often Meta does what.
var meta = []fate{accept, accept, accept, accept, slow, lost, calledBack, dropped, refused, later, later}

func draw(t *rapid.T) script {
	number := rapid.Map(rapid.Uint32(), func(n uint32) int { return int(n * 2654435761 >> 12) }) // rapid prefers small ones
	one := rapid.Custom(func(t *rapid.T) op {
		return op{
			kind: kinds[number.Draw(t, "kind")%len(kinds)], wait: time.Duration(number.Draw(t, "wait")%6000) * time.Millisecond,
			a: number.Draw(t, "a"), b: number.Draw(t, "b"), c: number.Draw(t, "c"), d: number.Draw(t, "d"),
		}
	})
	n := 1 + number.Draw(t, "n")%60
	return script{
		ops:   rapid.SliceOfN(one, n, n).Draw(t, "ops"),
		fates: rapid.SliceOfN(rapid.Map(number, func(n int) fate { return meta[n%len(meta)] }), 0, 30).Draw(t, "fates"),
	}
}

// play carries a script out, lets all come to rest, and returns what did not hold.
func play(t *testing.T, dir string, s script, seen map[string]int) (faults []string) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(dir, s.fates)
		w.revive()
		for _, o := range s.ops {
			time.Sleep(o.wait)
			synctest.Wait()
			w.do(o)
		}
		w.calm()
		w.close()
		w.hold()
		w.tally(seen)
		faults = w.faults
	})
	return faults
}

// calm lets every process run until nothing is left to be done: the longest life of a message is its delivery window, its
// settlement and its diagnostic window, and a lane's turn may come a minute late.
func (w *world) calm() {
	for _, l := range w.lives {
		l.deaf.Store(false)
	}
	for _, id := range tenants {
		t := w.tenant[id]
		t.Status = "active"
		w.register(t)
	}
	for range 10 {
		w.revive()
		time.Sleep(50 * time.Second)
	}
	synctest.Wait()
}

func (w *world) register(t schemas.Tenant) {
	w.mu.Lock()
	t.EffectiveAt = time.Now()
	w.tenant[t.TenantID] = t
	w.policies = append(w.policies, policy{t, time.Now()})
	w.mu.Unlock()
	put(w, wire.TenantsT, t.TenantID, schemas.Tenants, t)
}

func phone(n int) string { return fmt.Sprintf("+49151123456%02d", n) }

// sent is a request that was published.
type sent struct {
	schemas.MessageRequest
	value     []byte
	key       string // its coordinates
	at        time.Time
	promise   time.Duration // its diagnostic window, if it is accepted
	expiresAt time.Time     // by the broker's clock
	active    bool          // the tenant's status
	garbage   bool
}

// asked is a control to show a message.
type asked struct {
	schemas.Control
	asker *seal.Asker
	at    time.Time
}

func (w *world) do(o op) {
	name := names[o.a%len(names)]
	point := pipelinetest.CrashPoints[o.c%len(pipelinetest.CrashPoints)]
	switch o.kind {
	case "publish":
		w.publish(w.request(o))
	case "garbage":
		w.publish(sent{MessageRequest: schemas.MessageRequest{MessageID: "none"}, value: []byte(canary + phone(o.b%4)), garbage: true})
	case "republish":
		if n := len(w.sent); n > 0 {
			w.publish(w.sent[o.a%n])
		}
	case "policy":
		w.policy(o)
	case "object":
		w.object(tenants[o.a%2], phone(o.b%4))
	case "tick":
		time.Sleep(time.Duration(o.a%60) * time.Second)
	case "kill", "crash", "stop": // crash: the next life ends at one of its effects
		w.end(name, o.kind == "stop")
		time.Sleep(time.Duration(o.d%12) * time.Second)
		n := 0
		if o.kind == "crash" {
			n = 1 + o.b%25
		}
		w.begin(name, n, point)
	case "second":
		w.begin(name, 0, point)
	case "deaf": // two owners at once, of whom one does not know
		for _, l := range w.alive(name) {
			l.deaf.Store(true)
			time.AfterFunc(time.Duration(5+o.b%30)*time.Second, func() { l.deaf.Store(false) })
		}
		w.begin(name, 0, point)
	case "reset":
		w.end(name, false)
		time.Sleep(11 * time.Second) // a group without members can be reset
		w.broker.Reset("wl." + name)
		w.begin(name, 0, point)
	case "show", "edge":
		w.show(o)
	case "clock":
		w.mu.Lock()
		w.skew, w.skewed = time.Duration(o.a%4001-2000)*time.Millisecond, true
		w.mu.Unlock()
	case "wall":
		for _, l := range w.alive(name) {
			l.step.Store(int64(o.b%241 - 120))
			w.mu.Lock()
			w.skewed = true
			w.mu.Unlock()
		}
	}
}

// request is a new one. Tenants use the same message ids: an id is one's own.
func (w *world) request(o op) sent {
	n := 0
	for _, s := range w.sent {
		if s.TenantID == tenants[o.a%2] {
			n++
		}
	}
	r := schemas.MessageRequest{
		MessageID: fmt.Sprintf("01JD3Z8Q4Y5W6V7T8S9R0QPN%02d", n%90), TenantID: tenants[o.a%2],
		Recipient: schemas.Recipient{Phone: phone(o.b % 4)}, Category: []schemas.Category{schemas.Utility, schemas.Marketing}[o.b/4%2],
		CreatedAt: time.Now(), Content: schemas.Template{Name: "canary_at_nine", Language: "en", Components: []schemas.TemplateComponent{{
			Type: "body", Parameters: []schemas.TemplateParameter{{Type: "text", Text: fmt.Sprintf("%s-%d", canary, len(w.sent))}},
		}}},
	}
	if n := o.c % 8; n < 4 {
		r.DiagnosticWindow = []string{"0s", "20s", "60s", "120s"}[n]
	}
	if o.d%3 == 0 {
		r.ExpiresAt = w.brokerTime().Add(time.Duration(1+o.d%90) * time.Second)
	}
	value, err := schemas.MessageRequests.Encode(&r)
	if err != nil {
		w.fault("wiring", "%v", err)
	}
	return sent{MessageRequest: r, value: value}
}

// publish appends a request and notes what is promised by the policy that stands.
func (w *world) publish(s sent) {
	at := w.append(wire.Requests, s.Recipient.Phone, s.value)
	s.key, s.at = at.Position.String(), time.Now()
	t := w.tenant[s.TenantID]
	s.active = t.Status == "active"
	s.promise = windowed(s.DiagnosticWindow, windowed(t.DiagnosticWindow, windows[0]))
	s.expiresAt = at.At.Add(windowed(t.DeliveryWindow, delivery))
	if !s.ExpiresAt.IsZero() && s.ExpiresAt.Before(s.expiresAt) {
		s.expiresAt = s.ExpiresAt
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent = append(w.sent, s)
}

func windowed(name string, otherwise time.Duration) time.Duration {
	if d, err := seal.ParseWindow(name); err == nil {
		return d
	}
	return otherwise
}

func (w *world) policy(o op) {
	t := w.tenant[tenants[o.a%2]]
	switch n := o.b % 8; {
	case t.Status != "active":
		t.Status = "active"
	case n == 0:
		t.Status = "suspended"
	case n < 3:
		t.DeliveryWindow = []string{"", "20s", "60s"}[o.c%3]
	default:
		before := windowed(t.DiagnosticWindow, windows[0])
		t.DiagnosticWindow = []string{"", "0s", "20s", "60s", "120s"}[o.c%5]
		// KNOWN: of a request from before the record that it reads, validate knows no shorter promise than the default; and
		// the record's time is the operator's, the request's is the broker's.
		if before < windows[0] || w.skewed {
			w.end("validate", false)
			w.begin("validate", 0, pipelinetest.Before)
			time.Sleep(15 * time.Second)
		}
	}
	w.register(t)
}

func (w *world) object(tenant, number string) {
	ref, err := w.refs.Ref(context.Background(), tenant, seal.RefPhone, number)
	if err != nil {
		w.fault("wiring", "%v", err)
	}
	put(w, wire.Suppressions, tenant, schemas.Suppressions, schemas.Suppression{
		Scope: "recipient", TenantID: tenant, Ref: ref, Category: "marketing", State: "stop", EffectiveAt: time.Now(), Source: "tenant",
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, stands := w.objected[tenant+number]; !stands {
		w.objected[tenant+number] = time.Now()
	}
}

// show asks for a late message or, at the edge, for one just before or after its window is over. One in six asks as
// another tenant.
func (w *world) show(o op) {
	if len(w.sent) == 0 {
		return
	}
	s := w.sent[max(0, len(w.sent)-1-o.a%6)]
	for i := len(w.sent) - 1; o.kind == "edge" && i >= 0; i-- {
		over, known := w.outcome(w.sent[i])
		if wait := time.Until(over.Add(w.sent[i].promise + time.Duration(o.b%1500-500)*time.Millisecond)); known && w.sent[i].promise > 0 && wait > 0 {
			s = w.sent[i]
			time.Sleep(wait)
			break
		}
	}
	tenant := s.TenantID
	if o.c%3 == 0 {
		tenant = tenants[o.c/3%2]
	}
	asker, err := seal.NewAsker()
	if err != nil {
		w.fault("wiring", "%v", err)
		return
	}
	c := schemas.Control{
		ControlID: ulid.Make().String(), TenantID: tenant, MessageID: s.MessageID, Verb: "show", Actor: "alice", Purpose: "debug",
		IncidentID: "INC-1", PublicKey: asker.PublicKey(), At: time.Now(),
	}
	w.mu.Lock()
	w.asked[c.ControlID] = asked{c, asker, time.Now()}
	w.mu.Unlock()
	put(w, wire.ControlsT, tenant, schemas.Controls, c)
}
