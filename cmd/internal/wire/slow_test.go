package wire

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Goal: who sends slowly is cut off, and does not keep others out. Method: the whole binary on a free port, a head that
// never ends, beside it a call that is answered.
func TestSlowCallerIsCutOff(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	d.tenant("acme-shop")
	dir := t.TempDir()
	d.env["WL_APP_SECRET_FILE"], d.env["WL_VERIFY_TOKEN_FILE"] = filepath.Join(dir, "app"), filepath.Join(dir, "verify")
	for variable, secret := range map[string]string{"WL_APP_SECRET_FILE": appSecret, "WL_VERIFY_TOKEN_FILE": verifyToken} {
		if err := os.WriteFile(d.env[variable], []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d.env["WL_LISTEN"] = freeAddress(t)
	service := binary[ListenConfig](d, "listen", Listen, "WL_KEYS_URL", "WL_DELIVERY_WINDOW", "WL_DIAGNOSTIC_WINDOW")
	d.start(service.Run)
	var slow net.Conn
	eventually(t, "listen listens", func() (ok bool) {
		var err error
		slow, err = net.Dial("tcp", d.env["WL_LISTEN"])
		return err == nil
	})
	defer func() { _ = slow.Close() }()
	_, _ = io.WriteString(slow, "POST "+callbackPath+" HTTP/1.1\r\nHost: x\r\nX-Slow: ")
	body := statusBody()
	if code := request(t, "POST", "http://"+d.env["WL_LISTEN"]+callbackPath, body, sign(appSecret, body)); code != 200 {
		t.Errorf("beside a slow caller: %d", code)
	}
	_ = slow.SetReadDeadline(time.Now().Add(patience))
	if _, err := bufio.NewReader(slow).ReadByte(); err != nil {
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			t.Error("the slow caller is still connected")
		}
	}
	d.noCanary(callCanary)
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
