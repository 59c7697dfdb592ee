package wire

import (
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/boot"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/seal"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/sinks/cloudapi"
	"github.com/whatsapplink/cloud/sinks/cloudapi/simulator"
	"github.com/whatsapplink/cloud/stages/deliver"
)

const (
	deliverTenant = "acme-shop"
	deliverSender = "sender-of-" + deliverTenant
	deliverToken  = "EAAG-canary-token-of-the-sender"
	deliverPhone  = "+4915112345678"
	deliverBody   = "canary body of a message"
)

// door starts a simulated Cloud API and points the deployment at it.
func (d *deployment) door(cfg simulator.Config) *simulator.Simulator {
	cfg.Senders = map[string]simulator.Sender{deliverSender: {WABA: "waba-of-" + deliverTenant, Token: deliverToken}}
	meta := simulator.New(cfg)
	server := httptest.NewServer(meta)
	d.t.Cleanup(server.Close)
	dir := d.t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, deliverSender), []byte(deliverToken+"\n"), 0o600); err != nil {
		d.t.Fatal(err)
	}
	d.env["WL_CLOUD_API_URL"], d.env["WL_CREDENTIALS_DIR"] = server.URL, dir
	return meta
}

// route seals messages as validate does and puts them on routed.
func (d *deployment) route(n int) {
	d.t.Helper()
	keeper, err := seal.OpenKeeper(d.env["WL_KEYS_URL"], "")
	if err != nil {
		d.t.Fatal(err)
	}
	sealer := newSealer(d.cluster.Log(), keeper, testWindows, nil)
	var outputs []pipeline.Output
	for i := range n {
		id := fmt.Sprintf("01JD000000000000000000%04d", i)
		plain := encode(d.t, schemas.Payloads, schemas.Payload{
			Recipient: schemas.Recipient{Phone: fmt.Sprintf("+49151123%05d", i)}, Content: schemas.Text{Body: deliverBody},
		})
		sealed, seed, err := sealer.Seal(within(d.t), 60*time.Second, deliverTenant, id, seal.Transit, plain)
		if err != nil {
			d.t.Fatal(err)
		}
		now := time.Now().Truncate(time.Millisecond)
		r := schemas.Routed{
			Validated: schemas.Validated{
				Identity: schemas.Identity{TenantID: deliverTenant, MessageID: id, AcceptedAt: now},
				Source:   schemas.Coordinates{Topic: "requests", Offset: int64(i)}, ExpiresAt: now.Add(50 * time.Second),
				Clear: schemas.Clear{
					Category: schemas.Utility, ContentType: "text", SizeClass: "64", Country: "DE", Window: "60s",
					RecipientRefs: [][]byte{[]byte(fmt.Sprintf("ref%013d", i))}, Labels: map[string]string{}, PolicyVersion: PolicyVersion,
				},
				Payload: sealed, Seed: seed,
			},
			Route:  schemas.Route{Sender: deliverSender, WABA: "waba-of-" + deliverTenant, Region: "eu", Processor: "meta", TransferBasis: "same_region"},
			Origin: "routed",
		}
		outputs = append(outputs, pipeline.Output{
			Topic: RoutedT, Partition: pipeline.AnyPartition, Key: []byte(deliverTenant), Value: encode(d.t, schemas.Routeds, r),
		})
	}
	if _, err := d.cluster.Log().Append(within(d.t), outputs); err != nil {
		d.t.Fatal(err)
	}
}

// ended counts the final outcomes in attempts by class.
func (d *deployment) ended() map[schemas.AttemptClass]int {
	counts := map[schemas.AttemptClass]int{}
	for _, a := range decodeAll(d, Attempts, schemas.Attempts) {
		if a.Class.Final() {
			counts[a.Class]++
		}
	}
	return counts
}

func TestDeliverSendsEachOnceAcrossARestart(t *testing.T) {
	// Goal: the wiring on a broker and over HTTP: claims, calls, sealed copies, events, outcomes, commits; a restart in
	// mid-run sends nothing twice; no canary leaves. Method: 200 messages to the simulator, deliver is stopped and started
	// again in between.
	d := deploy(t)
	d.tenant(deliverTenant)
	meta := d.door(simulator.Config{})
	first := binary[DeliverConfig](d, "deliver", Deliver)
	stop := d.start(first.Run)
	d.route(200)
	eventually(t, "half are sent", func() bool { return meta.Counts().Accepted >= 100 })
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	second := binary[DeliverConfig](d, "deliver", Deliver)
	d.start(second.Run)
	eventually(t, "every message has its outcome", func() bool { return d.ended()[schemas.OutcomeSent] == 200 })
	delivered := func() []schemas.Delivered { return decodeAll(d, DeliveredLane(60*time.Second), schemas.Delivereds) }
	eventually(t, "every message has its copy", func() bool { // on a busy machine some are late, and in the shorter lane
		return len(delivered())+len(d.read(DeliveredLane(3*time.Second))) >= 200
	})
	if c := meta.Counts(); c.Accepted != 200 || c.Doubles != 0 || len(c.Violations) != 0 {
		t.Errorf("at the door: %+v", c)
	}
	eventually(t, "the producer hears back", func() bool { return len(d.read(OutcomesOf(deliverTenant))) >= 200 })
	d.wantReadable(delivered()[0])
	for _, topic := range []string{Attempts, EventsT, DeliveredLane(60 * time.Second), OutcomesOf(deliverTenant)} {
		for _, r := range d.read(topic) {
			for _, canary := range []string{deliverBody, deliverToken, "4915112"} {
				if shape := leaks(r.Value, canary); shape != "" {
					t.Fatalf("%s holds a canary as %s", r.Position, shape)
				}
			}
		}
	}
	if leaks(d.logs.Bytes(), deliverToken) != "" || leaks(d.logs.Bytes(), deliverBody) != "" {
		t.Error("a log line holds a canary")
	}
}

// wantReadable opens a diagnostic copy as custody does.
func (d *deployment) wantReadable(c schemas.Delivered) {
	d.t.Helper()
	if c.Content == nil || c.Diagnostics == nil || len(c.Seeds) < 2 {
		d.t.Fatalf("content there: %v, diagnostics there: %v, %d seeds", c.Content != nil, c.Diagnostics != nil, len(c.Seeds))
	}
	keeper, err := seal.OpenKeeper(d.env["WL_KEYS_URL"], "")
	if err != nil {
		d.t.Fatal(err)
	}
	opener := newOpener(d.cluster, keeper, testWindows)
	plain, err := opener.Open(within(d.t), *c.Content, c.TenantID, c.MessageID, seal.Diagnostic)
	if err != nil {
		d.t.Fatal(err)
	}
	payload, err := schemas.Payloads.Decode(plain)
	if err != nil || payload.Content != (schemas.Text{Body: deliverBody}) {
		d.t.Errorf("the copy does not hold what was sent: %v", err)
	}
	if plain, err = opener.Open(within(d.t), *c.Diagnostics, c.TenantID, c.MessageID, seal.Diagnostic); err != nil {
		d.t.Fatal(err)
	}
	if diagnostics, err := schemas.DiagnosticsCodec.Decode(plain); err != nil || diagnostics.WAMID == "" || diagnostics.HTTPStatus != 200 {
		d.t.Errorf("diagnostics: %v", err)
	}
}

func TestDeliverCheckNamesEveryMistake(t *testing.T) {
	_, _, problems := boot.Build[DeliverConfig]("deliver", Deliver, map[string]string{
		"WL_CLOUD_API_VERSION": "latest", "WL_CREDENTIALS_DIR": filepath.Join(t.TempDir(), "none"), "WL_DEDUP_HORIZON": "1s",
	}, &safeBuffer{})
	named := map[string]bool{}
	for _, p := range problems {
		named[p.Variable] = true
	}
	for _, want := range []string{"WL_KEYS_URL", "WL_REFS_URL", "WL_CLOUD_API_VERSION", "WL_CREDENTIALS_DIR", "WL_DEDUP_HORIZON"} {
		if !named[want] {
			t.Errorf("%s is not named among %v", want, problems)
		}
	}
}

func TestTokensFollowTheirFiles(t *testing.T) {
	// Goal: a token that changes is followed, one that is missing or outside the folder is none, and none prints.
	dir := t.TempDir()
	tokens := newTokens(dir)
	for _, sender := range []string{"", "100", "../100", ".hidden", "a/b"} {
		if tokens.has(sender) {
			t.Errorf("a token for %q", sender)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "100"), []byte(" one\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the token is read", func() bool { v, ok := tokens.get("100"); return ok && v == "one" })
	if v, _ := tokens.get("100"); fmt.Sprintf("%v %s %q", v, v, v) != "[redacted] [redacted] [redacted]" {
		t.Error("a token prints")
	}
	if err := os.WriteFile(filepath.Join(dir, "100"), []byte("two"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(filepath.Join(dir, "100"), time.Time{}, time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the change is followed", func() bool { v, _ := tokens.get("100"); return v == "two" })
}

// Goal: a second send waits until the first one's call is over. The two bounds stand in packages that do not know each other.
func TestCallIsOverBeforeASecondSend(t *testing.T) {
	if cloudapi.Total > deliver.HTTPTimeout {
		t.Errorf("a call may take %v, a second send counts on %v", cloudapi.Total, deliver.HTTPTimeout)
	}
}

// Goal: an objection that comes while a call is prepared prevents it: registers are asked last before the call. Method: one
// message and its claim, dialled while its recipient is suppressed, then while it is not.
func TestAnObjectionWhileACallIsPreparedPreventsIt(t *testing.T) {
	d := deploy(t)
	d.tenant(deliverTenant)
	meta := d.door(simulator.Config{})
	d.route(1)
	keeper, err := seal.OpenKeeper(d.env["WL_KEYS_URL"], "")
	if err != nil {
		t.Fatal(err)
	}
	api, err := cloudapi.New(cloudapi.Config{BaseURL: d.env["WL_CLOUD_API_URL"], Version: "v26.0", Connections: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer api.Close()
	p, objected := d.process("deliver"), true
	part := &deliverPart{deliverer: &deliverer{
		process: p, api: api, metrics: newSendMetrics(p.Registry), slots: make(chan struct{}, 1),
		tokens: newTokens(d.env["WL_CREDENTIALS_DIR"]), opener: newOpener(d.cluster, keeper, testWindows),
		refs: seal.NewRefs(keeper, func(string) ([]byte, bool) { return nil, false }),
		lookups: deliver.Registers{
			Tenant:     func(id string) (schemas.Tenant, bool) { return schemas.Tenant{TenantID: id, Status: "active"}, true },
			Stop:       func(string, string) (schemas.Stop, bool) { return schemas.Stop{}, false },
			Suppressed: func(string, [][]byte, schemas.Category) bool { return objected },
		},
	}}
	dial := deliver.Dial{
		Routed: decodeAll(d, RoutedT, schemas.Routeds)[0], Claim: schemas.Attempt{Attempt: 1, ClaimID: "claim"},
		ClaimedAt: time.Now(), Deadline: time.Now().Add(deliver.ClaimLife),
	}
	for calls, want := range []deliver.Phase{deliver.NotSent, deliver.Answered} {
		answer, err := part.dial(within(t), dial)
		if err != nil {
			t.Fatal(err)
		}
		if a := answer.(deliver.Answer); a.Phase != want || (want == deliver.NotSent && a.Reason != "opted_out") {
			t.Errorf("objected %v: phase %v for %q", objected, a.Phase, a.Reason)
		}
		if n := meta.Counts().Accepted; n != calls {
			t.Errorf("objected %v: %d calls", objected, n)
		}
		objected = false
	}
}
