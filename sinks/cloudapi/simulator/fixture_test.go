package simulator

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	sender = "106540352242922"
	token  = "EAAG-token"
	to     = "+4915112345678"
)

func config() Config {
	return Config{AppSecret: "app-secret-for-tests", Senders: map[string]Sender{
		sender: {WABA: "900", Token: token},
		"200":  {WABA: "901", Token: "EAAG-other", RatePerSecond: 10},
	}}
}

// data is callback data of a message.
func data(message string, attempt int) string {
	return fmt.Sprintf("v1|acme|%s|%d|1795166990000|utility|DE|text|24h", message, attempt)
}

// text is a valid text message.
func text(to, callbackData string) string {
	return fmt.Sprintf(`{"messaging_product":"whatsapp","recipient_type":"individual","to":%q,"type":"text","text":{"body":"hello"},"biz_opaque_callback_data":%q}`, to, callbackData)
}

// typed is a valid message but for the object of its type, given as JSON.
func typed(kind, body string) string {
	return fmt.Sprintf(`{"messaging_product":"whatsapp","to":%q,"type":%q,%q:%s}`, to, kind, kind, body)
}

// answer is what came back; aborted says that the connection was dropped.
type answer struct {
	status  int
	aborted bool
	wamid   string
	code    int
	body    string
}

// send posts a body as a good sender would and returns the answer. No network.
func send(s *Simulator, body string) answer {
	return do(s, wellFormed(body))
}

func wellFormed(body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/v26.0/"+sender+"/messages", strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	return r
}

func do(s *Simulator, r *http.Request) (a answer) {
	w := httptest.NewRecorder()
	defer func() {
		if v := recover(); v != nil {
			if v != http.ErrAbortHandler {
				panic(v)
			}
			a = answer{aborted: true}
		}
	}()
	s.ServeHTTP(w, r)
	var parsed struct {
		Messages []struct{ ID string }
		Error    struct{ Code int }
	}
	b, _ := io.ReadAll(w.Body)
	_ = json.Unmarshal(b, &parsed)
	a = answer{status: w.Code, code: parsed.Error.Code, body: string(b)}
	if len(parsed.Messages) > 0 {
		a.wamid = parsed.Messages[0].ID
	}
	return a
}
