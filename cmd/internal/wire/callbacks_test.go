package wire

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/whatsapplink/cloud/cmd/internal/boot"
	"github.com/whatsapplink/cloud/pipeline/seal"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/stages/listen"
)

const (
	appSecret   = "the-app-secret-of-the-test"
	verifyToken = "the-verify-token"
	callCanary  = "CANARY-4915112345678-hello"
	messageID   = "01JD3Z8Q4Y5W6V7T8S9R0QPNMK"
)

// door is listen's HTTP front before a broker, with parts that a test may exchange before it calls.
type door struct {
	*deployment
	*listener
	url string
}

func openDoor(t *testing.T) *door {
	t.Helper()
	d := deploy(t)
	d.tenant("acme-shop")
	p := d.process("listen")
	keeper, err := seal.OpenKeeper(d.env["WL_REFS_URL"], "")
	if err != nil {
		t.Fatal(err)
	}
	l := &listener{process: p, log: p.Cluster.Log(), regs: newRegisters(p), slots: make(chan struct{}, maxCallbacks), memory: semaphore.NewWeighted(maxBodies),
		secrets: [][]byte{[]byte("the-secret-before"), []byte(appSecret)}, token: boot.Secret(verifyToken), cfg: &ListenConfig{}}
	l.refs = seal.NewRefs(keeper, l.regs.refsKey)
	d.start(func(ctx context.Context) error { return l.regs.run(ctx) })
	eventually(t, "registers are read", func() bool { return l.regs.ready() == nil })
	server := httptest.NewServer(l.handler())
	t.Cleanup(server.Close)
	return &door{d, l, server.URL + callbackPath}
}

func sign(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// statusBody is a genuine status callback that holds a person's number, name and words.
func statusBody() []byte {
	data := schemas.CallbackData{
		Identity: schemas.Identity{TenantID: "acme-shop", MessageID: messageID, AcceptedAt: time.Now().Add(-time.Minute)},
		Attempt:  1, Category: schemas.Utility, Country: "DE", ContentType: "text", Window: "3s",
	}
	return fmt.Appendf(nil, `{"object":"whatsapp_business_account","entry":[{"id":"waba-of-acme-shop","changes":[{"field":"messages","value":{
		"metadata":{"phone_number_id":"sender-of-acme-shop"},"contacts":[{"wa_id":%[1]q,"profile":{"name":%[1]q}}],
		"statuses":[{"id":"wamid.%[1]s","status":"delivered","timestamp":"%[2]d","recipient_id":%[1]q,"biz_opaque_callback_data":%[3]q,
		"errors":[{"code":1,"title":%[1]q}]}]}}]}]}`, callCanary, time.Now().Unix(), data.String())
}

// post sends a body and returns the status of the answer.
func (d *door) post(t testing.TB, body []byte, signature string) int {
	t.Helper()
	return request(t, http.MethodPost, d.url, body, signature)
}

func request(t testing.TB, method, url string, body []byte, signature string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(within(t), method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Hub-Signature-256", signature)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	answer, _ := io.ReadAll(res.Body)
	if s := leaks(answer, callCanary); s != "" {
		t.Errorf("an answer echoes the body: %s", s)
	}
	return res.StatusCode
}

// Goal: Meta's handshake passes and nobody else's. Method: the right token, then each part wrong.
func TestVerifyHandshakeEchoesTheChallengeToTheRightTokenOnly(t *testing.T) {
	t.Parallel()
	d := openDoor(t)
	for query, want := range map[string]int{
		"hub.mode=subscribe&hub.verify_token=" + verifyToken + "&hub.challenge=1158201444":         200,
		"hub.mode=subscribe&hub.verify_token=wrong&hub.challenge=1158201444":                       403,
		"hub.mode=unsubscribe&hub.verify_token=" + verifyToken + "&hub.challenge=1158201444":       403,
		"hub.mode=subscribe&hub.verify_token=&hub.challenge=1158201444":                            403,
		"hub.mode=subscribe&hub.challenge=1":                                                       403,
		"hub.mode=subscribe&hub.verify_token=" + verifyToken:                                       403,
		"hub.mode=subscribe&hub.verify_token=" + verifyToken + "&hub.challenge=<script>x</script>": 200,
	} {
		res, err := http.Get(d.url + "?" + strings.ReplaceAll(strings.ReplaceAll(query, "<", "%3C"), ">", "%3E"))
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("%s: %d, want %d", query, res.StatusCode, want)
		}
		if want == 200 && !strings.HasSuffix(query, string(body)) {
			t.Errorf("%s: answered %q", query, body)
		}
		if kind := res.Header.Get("Content-Type"); !strings.HasPrefix(kind, "text/plain") || res.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: a browser may read the echo as %q", query, kind)
		}
	}
}

// Goal: whatever is not a genuine callback is refused with its own status and reaches no topic. Method: each kind.
func TestWhatIsNotAGenuineCallbackIsRefused(t *testing.T) {
	t.Parallel()
	d := openDoor(t)
	body := statusBody()
	oversize := bytes.Repeat([]byte("x"), listen.MaxBody+1)
	for name, c := range map[string]struct {
		method, path string
		body         []byte
		signature    string
		want         int
	}{
		"no signature":          {"POST", "", body, "", 401},
		"another's signature":   {"POST", "", body, sign("another-secret", body), 401},
		"of another body":       {"POST", "", body, sign(appSecret, body[1:]), 401},
		"without its algorithm": {"POST", "", body, strings.TrimPrefix(sign(appSecret, body), "sha256="), 401},
		"oversize":              {"POST", "", oversize, sign(appSecret, oversize), 413},
		"wrong method":          {"PUT", "", body, sign(appSecret, body), 405},
		"delete":                {"DELETE", "", nil, "", 405},
		"wrong path":            {"POST", "/more", body, sign(appSecret, body), 404},
	} {
		if got := request(t, c.method, d.url+c.path, c.body, c.signature); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
	for _, topic := range []string{StatusT, EventsT, Suppressions, StopsT, OutcomesOf("acme-shop")} {
		if n := len(d.read(topic)); n != 0 {
			t.Errorf("%d records in %s", n, topic)
		}
	}
}

// Goal: a genuine callback is answered 200 only once Kafka has it. Method: note the order of appends and of the answer.
func TestCallbackIsAnsweredOnlyAfterItsAppend(t *testing.T) {
	t.Parallel()
	d := openDoor(t)
	order := &noted{}
	d.listener.log = notingLog{d.listener.log, order}
	body := statusBody()
	req := httptest.NewRequestWithContext(within(t), http.MethodPost, callbackPath, bytes.NewReader(body))
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("X-Hub-Signature-256", sign(appSecret, body))
	d.handler().ServeHTTP(notingWriter{httptest.NewRecorder(), order}, req)
	if got := order.all(); got != "status events outcomes.acme-shop 200" {
		t.Errorf("order: %s", got)
	}
}

// notingWriter notes the answer's status.
type notingWriter struct {
	http.ResponseWriter
	to *noted
}

func (w notingWriter) WriteHeader(status int) {
	w.to.add(fmt.Sprint(status))
	w.ResponseWriter.WriteHeader(status)
}

func (w notingWriter) Write(b []byte) (int, error) {
	w.to.add("body")
	return w.ResponseWriter.Write(b)
}

// Goal: of a genuine callback, under either secret while they rotate, only refs, states and codes are kept. Method: a
// number and a name in every field that has one; a byte-wise look at every topic.
func TestOfACallbackOnlyRefsStatesAndCodesAreKept(t *testing.T) {
	t.Parallel()
	d := openDoor(t)
	body := statusBody()
	for _, secret := range []string{appSecret, "the-secret-before"} {
		if code := d.post(t, body, sign(secret, body)); code != 200 {
			t.Errorf("answered %d", code)
		}
	}
	statuses := decodeAll(d.deployment, StatusT, schemas.Statuses)
	if len(statuses) != 2 || statuses[0].Status != "delivered" || statuses[0].MessageID != messageID || len(statuses[0].ProviderRef) != 16 {
		t.Errorf("statuses: %d", len(statuses))
	}
	if outcomes := decodeAll(d.deployment, OutcomesOf("acme-shop"), schemas.Outcomes); len(outcomes) != 2 || outcomes[0].State != schemas.KindDelivered {
		t.Errorf("outcomes: %+v", outcomes)
	}
	d.noCanary(callCanary)
}

// Goal: what Kafka does not have is never acknowledged to Meta. Method: appends fail; then all slots are taken; then the
// keeper of pseudonyms is away.
func TestCallbackIsAnswered503WhileItCannotBeTaken(t *testing.T) {
	t.Parallel()
	d := openDoor(t)
	body := statusBody()
	log := &switchLog{Log: d.listener.log, failed: true}
	d.listener.log = log
	if code := d.post(t, body, sign(appSecret, body)); code != 503 {
		t.Errorf("broker down: %d, want 503", code)
	}
	log.fail(false)
	if code := d.post(t, body, sign(appSecret, body)); code != 200 {
		t.Errorf("broker up again: %d, want 200", code)
	}
	for range maxCallbacks {
		d.slots <- struct{}{}
	}
	if code := d.post(t, body, sign(appSecret, body)); code != 503 {
		t.Errorf("busy: %d, want 503", code)
	}
	for range maxCallbacks {
		<-d.slots
	}
	roomy := d.memory
	d.memory = semaphore.NewWeighted(int64(len(body) - 1))
	if code := d.post(t, body, sign(appSecret, body)); code != 503 {
		t.Errorf("no memory for it: %d, want 503", code)
	}
	eventually(t, "its memory is free again", func() bool { return d.memory.TryAcquire(int64(len(body) - 1)) })
	d.memory = roomy
	d.refs = seal.NewRefs(keeperThat{func() ([]byte, error) { return nil, errors.New(callCanary) }}, d.regs.refsKey)
	if code := d.post(t, body, sign(appSecret, body)); code != 503 {
		t.Errorf("keeper away: %d, want 503", code)
	}
	d.noCanary(callCanary)
}

// Goal: a panic on a callback stops nothing and says nothing of the body. Method: a register that panics with a canary.
func TestPanicOnACallbackLeaksNothing(t *testing.T) {
	t.Parallel()
	d := openDoor(t)
	d.refs = seal.NewRefs(nil, func(string) ([]byte, bool) { panic(callCanary) })
	body := statusBody()
	for range 2 {
		if code := d.post(t, body, sign(appSecret, body)); code != 200 {
			t.Errorf("answered %d, want 200: the same body would panic again", code)
		}
	}
	if !bytes.Contains(d.logs.Bytes(), []byte("panic on a callback")) {
		t.Error("nothing is logged of it")
	}
	d.noCanary(callCanary)
}

// keeperThat does the same for every call.
type keeperThat struct{ call func() ([]byte, error) }

func (k keeperThat) Wrap(context.Context, []byte) ([]byte, error)   { return k.call() }
func (k keeperThat) Unwrap(context.Context, []byte) ([]byte, error) { return k.call() }
func (keeperThat) Ready() error                                     { return nil }

// Goal: a body that can never pass is answered 200, or it comes for days, and counts. Method: signed bodies that are none.
func TestSignedBodiesThatCanNeverPassAreLeft(t *testing.T) {
	t.Parallel()
	d := openDoor(t)
	for _, body := range []string{"", "{", callCanary, strings.Repeat("[", 100), `{"object":"page"}`} {
		if code := d.post(t, []byte(body), sign(appSecret, []byte(body))); code != 200 {
			t.Errorf("%.10q: %d", body, code)
		}
	}
	if n := len(d.read(StatusT)); n != 0 {
		t.Errorf("%d statuses", n)
	}
	d.noCanary(callCanary)
}
