package cloudapi

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestATokenPrintsNowhere(t *testing.T) {
	// Goal: no way of printing a message or an answer shows the token. Method: all verbs, JSON, both log handlers.
	var out strings.Builder
	m := message()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		_, _ = fmt.Fprintf(&out, verb+verb+verb, m, &m, m.Token)
	}
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(b)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "m", m, "token", m.Token)
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "m", m, "token", m.Token)
	for _, form := range []string{token, fmt.Sprintf("%x", token), fmt.Sprintf("%X", token)} {
		if strings.Contains(out.String(), form) {
			t.Errorf("found %s in\n%s", form, out.String())
		}
	}
	if !strings.Contains(out.String(), "[redacted]") {
		t.Error("nothing was printed: the test checks nothing")
	}
}
