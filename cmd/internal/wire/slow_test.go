package wire

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/stages/listen"
)

// listening runs the whole listener on a free port and returns its deployment and the address.
func listening(t *testing.T) (*deployment, string) {
	t.Helper()
	d := deploy(t)
	d.tenant("acme-shop")
	dir := t.TempDir()
	d.env["WL_APP_SECRET_FILE"], d.env["WL_VERIFY_TOKEN_FILE"] = filepath.Join(dir, "app"), filepath.Join(dir, "verify")
	for variable, secret := range map[string]string{"WL_APP_SECRET_FILE": "the-secret-before-it\n" + appSecret, "WL_VERIFY_TOKEN_FILE": verifyToken} {
		if err := os.WriteFile(d.env[variable], []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d.env["WL_LISTEN"] = freeAddress(t)
	service := binary[ListenConfig](d, "listen", Listen, "WL_KEYS_URL", "WL_DELIVERY_WINDOW", "WL_DIAGNOSTIC_WINDOW")
	d.start(service.Run)
	eventually(t, "listen listens", func() bool {
		c, err := net.Dial("tcp", d.env["WL_LISTEN"])
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	return d, d.env["WL_LISTEN"]
}

// send opens a connection and writes the beginning of a call.
func send(t *testing.T, address, beginning string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err == nil {
		_, err = io.WriteString(c, beginning)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// Goal: who sends slowly is cut off, and keeps nobody out: neither a head that never ends nor more bodies than listen works
// on at once take a place from genuine calls. Method: the whole listener on a free port; four times as many slow callers as
// it has slots, each with a signature of the right form; then genuine calls, which must be answered before a slow one is.
func TestSlowCallersAreCutOffAndKeepNobodyOut(t *testing.T) {
	t.Parallel()
	d, address := listening(t)
	head := "POST " + callbackPath + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nX-Hub-Signature-256: sha256=" + strings.Repeat("0", 64) + "\r\n"
	slow := []net.Conn{send(t, address, head+"X-Slow: ")}
	for _, announced := range []string{"Content-Length: 100000\r\n\r\n{", "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"} {
		for range 2 * maxCallbacks {
			slow = append(slow, send(t, address, head+announced))
		}
	}
	body := statusBody()
	for range 3 {
		if code := request(t, "POST", "http://"+address+callbackPath, body, sign(appSecret, body)); code != 200 {
			t.Errorf("beside slow callers: %d", code)
		}
	}
	for _, c := range slow {
		_ = c.SetReadDeadline(time.Now().Add(patience))
		answer, err := bufio.NewReader(c).ReadString('\n')
		if timeout, ok := err.(net.Error); ok && timeout.Timeout() {
			t.Fatal("a slow caller is still connected")
		}
		if answer != "" && !strings.Contains(answer, " 408 ") {
			t.Errorf("a slow caller is answered %q", answer)
		}
	}
	d.noCanary(callCanary)
}

// Goal: what the head of a call gives away is refused before its body is read. Method: heads of calls that announce a body
// and send none; each is answered all the same.
func TestWhatTheHeadGivesAwayIsRefusedWithoutTheBody(t *testing.T) {
	t.Parallel()
	d, address := listening(t)
	for name, c := range map[string]struct{ method, kind, signature, length, want string }{
		"wrong method":    {"PUT", "application/json", strings.Repeat("0", 64), "100", " 405 "},
		"wrong type":      {"POST", "text/xml", strings.Repeat("0", 64), "100", " 415 "},
		"no signature":    {"POST", "application/json", "", "100", " 401 "},
		"short signature": {"POST", "application/json", "abc", "100", " 401 "},
		"oversize":        {"POST", "application/json", strings.Repeat("0", 64), fmt.Sprint(listen.MaxBody + 1), " 413 "},
	} {
		connection := send(t, address, c.method+" "+callbackPath+" HTTP/1.1\r\nHost: x\r\nContent-Type: "+c.kind+
			"\r\nX-Hub-Signature-256: sha256="+c.signature+"\r\nContent-Length: "+c.length+"\r\n\r\n")
		_ = connection.SetReadDeadline(time.Now().Add(patience))
		if answer, err := bufio.NewReader(connection).ReadString('\n'); !strings.Contains(answer, c.want) {
			t.Errorf("%s: %q, %v; want %s", name, answer, err, c.want)
		}
	}
	d.noCanary(callCanary)
}

// Goal: Meta's largest callbacks pass, under either secret, and what is beyond is refused or left; nothing of any body is
// logged. Method: a body of exactly 3 MB with 1,000 updates, one byte and one update more, a forged one, broken JSON.
func TestTheLargestCallbacksPass(t *testing.T) {
	t.Parallel()
	d, address := listening(t)
	url := "http://" + address + callbackPath
	largest := updates(1000, listen.MaxBody)
	broken := []byte(`{"object":"` + callCanary)
	for name, c := range map[string]struct {
		body   []byte
		secret string
		want   int
	}{
		"largest":                     {largest, appSecret, http.StatusOK},
		"largest, the secret before":  {largest, "the-secret-before-it", http.StatusOK},
		"largest, forged":             {largest, "another-secret-altogether", http.StatusUnauthorized},
		"a byte more":                 {updates(1, listen.MaxBody+1), appSecret, http.StatusRequestEntityTooLarge},
		"an update more, left":        {updates(1001, listen.MaxBody), appSecret, http.StatusOK},
		"broken JSON, left":           {broken, appSecret, http.StatusOK},
		"broken JSON, forged":         {broken, "another-secret-altogether", http.StatusUnauthorized},
		"signed with a part of a key": {largest, appSecret[1:], http.StatusUnauthorized},
	} {
		if code := request(t, "POST", url, c.body, sign(c.secret, c.body)); code != c.want {
			t.Errorf("%s: %d, want %d", name, code, c.want)
		}
	}
	chunked, err := http.NewRequestWithContext(within(t), http.MethodPost, url, io.MultiReader(bytes.NewReader(updates(1, listen.MaxBody+1))))
	if err != nil {
		t.Fatal(err)
	}
	chunked.Header.Set("Content-Type", "application/json")
	chunked.Header.Set(signatureHeader, sign(appSecret, nil))
	answer, err := http.DefaultClient.Do(chunked)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a byte more, not announced: %d", answer.StatusCode)
	}
	if n := len(decodeAll(d, StatusT, schemas.Statuses)); n != 2000 {
		t.Errorf("%d statuses, want those of two callbacks", n)
	}
	d.noCanary(callCanary)
}

// updates is a callback of n statuses, filled up to a size with a name Meta does not document.
func updates(n, size int) []byte {
	one := statusBody()
	from := bytes.Index(one, []byte(`"statuses":[`)) + len(`"statuses":[`)
	to := bytes.LastIndex(one, []byte(`]}}]}]}`))
	all := bytes.Join(slices.Repeat([][]byte{one[from:to]}, n), []byte(","))
	body := append(append(append([]byte{}, one[:from]...), all...), one[to:]...)
	padding := bytes.Repeat([]byte("x"), size-len(body)-len(`"filling":"",`))
	return append(append([]byte(`{"filling":"`), padding...), append([]byte(`",`), body[1:]...)...)
}

func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}
