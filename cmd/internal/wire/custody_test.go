package wire

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/seal"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/stages/custody"
)

// delivered writes the diagnostic copy of one message whose outcome was at a time.
func (d *deployment) delivered(n int, tenant string, outcomeAt time.Time) schemas.Delivered {
	d.t.Helper()
	m := good(n, tenant)
	now := time.Now()
	c := d.copyOf(schemas.Routed{Validated: schemas.Validated{
		Identity: schemas.Identity{TenantID: tenant, MessageID: m.MessageID, AcceptedAt: now},
		Clear:    schemas.Clear{Category: m.Category, Window: "60s"},
	}}, testWindows[1])
	c.OutcomeAt, c.DueAt = outcomeAt, outcomeAt.Add(time.Minute)
	d.put(DeliveredLane(testWindows[1]), []byte(m.MessageID), encode(d.t, schemas.Delivereds, c))
	return c
}

// ask publishes a control to show a message.
func (d *deployment) ask(asker *seal.Asker, change func(*schemas.Control)) schemas.Control {
	d.t.Helper()
	c := schemas.Control{
		ControlID: ulid.Make().String(), TenantID: "acme-shop", Verb: "show", Actor: "alice", Purpose: "debug", IncidentID: "INC-1",
		PublicKey: asker.PublicKey(), At: time.Now(),
	}
	change(&c)
	d.put(ControlsT, []byte(c.TenantID), encode(d.t, schemas.Controls, c))
	return c
}

// answerTo waits for the answer to a control.
func (d *deployment) answerTo(c schemas.Control) (answer schemas.Answer) {
	d.t.Helper()
	eventually(d.t, "an answer", func() bool {
		for _, a := range decodeAll(d, AnswersT, schemas.Answers) {
			if a.ControlID == c.ControlID {
				answer = a
				return true
			}
		}
		return false
	})
	return answer
}

// Goal: content is shown to the asker alone, within the window, under one audit record; everything else is refused,
// audited too, and says nothing. Method: the binary on the in-process broker, a table of controls.
func TestCustodyShowsWithinTheWindowAndRefusesEverythingElse(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	d.tenant("acme-shop")
	d.tenant("blue-clinic")
	open := d.delivered(1, "acme-shop", time.Now())
	over := d.delivered(2, "acme-shop", time.Now().Add(-2*time.Minute))
	foreign := d.delivered(3, "blue-clinic", time.Now())
	d.start(binary[CustodyConfig](d, "custody", Custody, "WL_REFS_URL", "WL_DELIVERY_WINDOW", "WL_DIAGNOSTIC_WINDOW").Run)
	asker, err := seal.NewAsker()
	if err != nil {
		t.Fatal(err)
	}

	shown := d.ask(asker, func(c *schemas.Control) { c.MessageID = open.MessageID })
	answer := d.answerTo(shown)
	if answer.Status != "shown" {
		t.Fatalf("refused: %s", answer.Reason)
	}
	plain, err := asker.Open(shown.ControlID, answer.Encapsulated, answer.Ciphertext)
	if err != nil || !strings.Contains(string(plain[0]), textCanary) {
		t.Errorf("the asker reads nothing: %v", err)
	}
	if other, _ := seal.NewAsker(); other != nil {
		if _, err := other.Open(shown.ControlID, answer.Encapsulated, answer.Ciphertext); err == nil {
			t.Error("another asker reads the answer")
		}
	}

	controls := 1
	for reason, change := range map[string]func(*schemas.Control){
		custody.ReasonWindowOver:        func(c *schemas.Control) { c.MessageID = over.MessageID },
		custody.ReasonNotFound:          func(c *schemas.Control) { c.MessageID = foreign.MessageID },
		custody.ReasonUnknownTenant:     func(c *schemas.Control) { c.TenantID, c.MessageID = "nobody", open.MessageID },
		custody.ReasonNoIncident:        func(c *schemas.Control) { c.IncidentID, c.MessageID = "", open.MessageID },
		custody.ReasonPurposeNotAllowed: func(c *schemas.Control) { c.Purpose, c.MessageID = "curiosity", open.MessageID },
		custody.ReasonNoActor:           func(c *schemas.Control) { c.Actor, c.MessageID = "+"+phoneCanary, open.MessageID },
		custody.ReasonNotSupportedYet:   func(c *schemas.Control) { c.Verb, c.MessageID = "erase", open.MessageID },
		custody.ReasonBadPublicKey:      func(c *schemas.Control) { c.PublicKey, c.MessageID = make([]byte, 32), open.MessageID },
	} {
		a := d.answerTo(d.ask(asker, change))
		if a.Status != "refused" || a.Reason != reason || len(a.Ciphertext)+len(a.Encapsulated) > 0 {
			t.Errorf("%s: %s, %q, %d bytes", reason, a.Status, a.Reason, len(a.Ciphertext))
		}
		controls++
	}
	audit := decodeAll(d, AuditT, schemas.AuditRecords)
	if at := broken(t, values(d.read(AuditT))); len(audit) != controls || at >= 0 {
		t.Errorf("%d audit records for %d controls, broken at %d", len(audit), controls, at)
	}
	if events := decodeAll(d, EventsT, schemas.Events); len(events) != 1 || events[0].Kind != schemas.KindShown || events[0].Detail != shown.ControlID {
		t.Errorf("%d events", len(events))
	}
	d.noCanary(textCanary)
	if s := leaks(d.logs.Bytes(), phoneCanary); s != "" {
		t.Errorf("the logs hold %s", s)
	}
}

// Goal: of several copies of one send the one that can be read longest is shown: an owner of deliver that repeats the end of a
// message writes another, late, so in a shorter lane or without content. Method: one copy within its window; others of the
// same outcome, shorter and empty, before and after it; looked for often, since lanes come in no order.
func TestCustodyFindsTheCopyThatLastsLongest(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	c := d.custodianOf()
	whole := d.delivered(1, "acme-shop", time.Now())
	short, empty := whole, whole
	short.DueAt = whole.OutcomeAt.Add(testWindows[0])
	empty.Content, empty.Diagnostics, empty.DueAt = nil, nil, whole.DueAt.Add(time.Hour)
	for _, late := range []schemas.Delivered{short, empty} {
		d.put(DeliveredLane(testWindows[0]), []byte(late.MessageID), encode(t, schemas.Delivereds, late))
		d.put(DeliveredLane(testWindows[1]), []byte(late.MessageID), encode(t, schemas.Delivereds, late))
	}
	for range 20 {
		found, err := c.find(within(t), whole.TenantID, whole.MessageID)
		if err != nil || found == nil || found.Content == nil || found.DueAt.Sub(whole.DueAt).Abs() > time.Millisecond {
			t.Fatalf("found %+v, %v", found, err)
		}
	}
}

// custodianOf builds the binary's inside, for tests of its effects' order.
func (d *deployment) custodianOf() *custodian {
	d.t.Helper()
	p := d.process("custody")
	keeper, err := seal.OpenKeeper(d.env["WL_KEYS_URL"], "")
	if err != nil {
		d.t.Fatal(err)
	}
	c := &custodian{process: p, log: p.Cluster.Log(), keeper: keeper, auditor: NewAuditor(p.Cluster), opener: newOpener(p.Cluster, keeper, testWindows)}
	c.stage = custody.Stage{Tenant: func(id string) (schemas.Tenant, bool) { return schemas.Tenant{TenantID: id}, true }}
	return c
}

func (d *deployment) decision(c *custodian) []decided {
	d.t.Helper()
	asker, err := seal.NewAsker()
	if err != nil {
		d.t.Fatal(err)
	}
	open := d.delivered(1, "acme-shop", time.Now())
	all, err := c.decide(within(d.t), schemas.Control{
		ControlID: ulid.Make().String(), TenantID: "acme-shop", MessageID: open.MessageID, Verb: "show", Actor: "alice", Purpose: "debug",
		IncidentID: "INC-1", PublicKey: asker.PublicKey(), At: time.Now(),
	})
	if err != nil || len(all) != 1 || !all[0].Allow {
		d.t.Fatalf("%d decisions, %v", len(all), err)
	}
	return all
}

// Goal: the audit record stands before the content is opened. Method: note the order in which topics are appended to and
// seeds are unwrapped.
func TestCustodyAuditsBeforeItOpensAndAnswers(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	c := d.custodianOf()
	order := &noted{}
	c.auditor.log, c.log = notingLog{c.auditor.log, order}, notingLog{c.log, order}
	c.opener = newOpener(d.cluster, notingKeeper{c.keeper, order}, testWindows)
	if err := c.carryOut(within(t), pipeline.Span{}, d.decision(c)); err != nil {
		t.Fatal(err)
	}
	if got := order.all(); got != "audit unwrap answers events" {
		t.Errorf("order: %s", got)
	}
}

// Goal: what is allowed within the window is not shown after it, however long the audit, the key topic or the keeper take in
// between. Method: a control decided while a copy can be read, carried out once its window is over.
func TestCustodyShowsNothingOnceTheWindowIsOverMeanwhile(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	c := d.custodianOf()
	all := d.decision(c)
	all[0].asked.Delivered.OutcomeAt = time.Now().Add(-time.Minute) // as if the keeper had been out for a minute
	if err := c.carryOut(within(t), pipeline.Span{}, all); err != nil {
		t.Fatal(err)
	}
	answers := decodeAll(d, AnswersT, schemas.Answers)
	if len(answers) != 1 || answers[0].Status != "refused" || answers[0].Reason != custody.ReasonWindowOver || len(answers[0].Ciphertext) > 0 {
		t.Errorf("answered %+v", answers)
	}
	if n := len(d.read(EventsT)); n != 0 {
		t.Errorf("%d events tell of a showing", n)
	}
}

// Goal: no audit, no content. Method: an append to audit that fails for good: nothing is opened, nothing answered.
func TestCustodyShowsNothingThatItCannotAudit(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	c := d.custodianOf()
	order := &noted{}
	c.auditor.log, c.log = refusingLog{}, notingLog{c.log, order}
	c.opener = newOpener(d.cluster, notingKeeper{c.keeper, order}, testWindows)
	if err := c.carryOut(within(t), pipeline.Span{}, d.decision(c)); err == nil {
		t.Error("carried out")
	}
	if n := len(d.read(AnswersT)); n != 0 || order.all() != "" {
		t.Errorf("%d answers, and %q was done", n, order.all())
	}
}

// refusingLog takes nothing, ever.
type refusingLog struct{}

func (refusingLog) Append(context.Context, []pipeline.Output) ([]pipeline.Appended, error) {
	return nil, pipeline.Permanent(errors.New("refused"))
}

// Goal: a copy that does not open is refused and stops nothing. Method: one changed bit of a copy's ciphertext, then a
// whole one.
func TestCustodyRefusesACopyThatDoesNotOpen(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	d.tenant("acme-shop")
	corrupt, whole := d.delivered(1, "acme-shop", time.Now()), d.delivered(2, "acme-shop", time.Now())
	corrupt.Content.Ciphertext[0] ^= 1
	corrupt.OutcomeAt = corrupt.OutcomeAt.Add(time.Millisecond) // the newer copy counts
	d.put(DeliveredLane(testWindows[1]), []byte(corrupt.MessageID), encode(t, schemas.Delivereds, corrupt))
	d.start(binary[CustodyConfig](d, "custody", Custody, "WL_REFS_URL", "WL_DELIVERY_WINDOW", "WL_DIAGNOSTIC_WINDOW").Run)
	asker, err := seal.NewAsker()
	if err != nil {
		t.Fatal(err)
	}
	if a := d.answerTo(d.ask(asker, func(c *schemas.Control) { c.MessageID = corrupt.MessageID })); a.Status != "refused" || len(a.Ciphertext) > 0 {
		t.Errorf("the changed copy: %s", a.Status)
	}
	if a := d.answerTo(d.ask(asker, func(c *schemas.Control) { c.MessageID = whole.MessageID })); a.Status != "shown" {
		t.Errorf("the next: %s, %s", a.Status, a.Reason)
	}
}

// noted is an order of effects.
type noted struct {
	mu      sync.Mutex
	effects []string
}

func (n *noted) add(effect string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.effects = append(n.effects, effect)
}

func (n *noted) all() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(n.effects, " ")
}

type notingLog struct {
	pipeline.Log
	to *noted
}

func (l notingLog) Append(ctx context.Context, outputs []pipeline.Output) ([]pipeline.Appended, error) {
	for _, o := range outputs {
		l.to.add(o.Topic)
	}
	return l.Log.Append(ctx, outputs)
}

type notingKeeper struct {
	seal.Keeper
	to *noted
}

func (k notingKeeper) Unwrap(ctx context.Context, ciphertext []byte) ([]byte, error) {
	k.to.add("unwrap")
	return k.Keeper.Unwrap(ctx, ciphertext)
}
