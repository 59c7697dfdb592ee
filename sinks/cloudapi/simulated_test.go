package cloudapi

import (
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/sinks/cloudapi/simulator"
)

func TestTheClientReadsWhatTheSimulatorSays(t *testing.T) {
	// Goal: client and simulator, written from the same reference, agree on every kind of answer, and what the client calls
	// not accepted or ambiguous is so in the ledger. Method: one send for each scripted fault over a socket.
	const to = `{"messaging_product":"whatsapp","to":"+491511234567%d","type":"text","text":{"body":"x"},"biz_opaque_callback_data":"v1|acme|%d|1|0|utility|DE|text|24h"}`
	s := simulator.New(simulator.Config{Senders: map[string]simulator.Sender{message().SenderID: {WABA: "900", Token: token}}})
	server := httptest.NewServer(s)
	defer server.Close()
	client := newClient(t, Config{BaseURL: server.URL, Connections: 2})
	accepted := 0
	for i, c := range []struct {
		fault    simulator.Fault
		phase    Phase
		status   int
		code     int
		wait     time.Duration
		accepted bool
	}{
		{simulator.Fault{Kind: simulator.Slow}, Answered, 200, 0, 0, true},
		{simulator.Fault{Code: 131000}, Answered, 500, 131000, 0, false},
		{simulator.Fault{Code: 130429, HTTPStatus: 429, RetryAfter: 1500 * time.Millisecond}, Answered, 429, 130429, 2 * time.Second, false},
		{simulator.Fault{Kind: simulator.ResetBeforeAccept}, Ambiguous, 0, 0, 0, false},
		{simulator.Fault{Kind: simulator.ResetAfterAccept}, Ambiguous, 0, 0, 0, true},
		{simulator.Fault{Kind: simulator.HTML}, Answered, 503, 0, 0, false},
		{simulator.Fault{Kind: simulator.HTMLAfterAccept, HTTPStatus: 502}, Answered, 502, 0, 0, true},
	} {
		s.SetFaults([]simulator.Fault{c.fault})
		m := message()
		m.Body = fmt.Appendf(nil, to, i, i)
		a := client.Send(t.Context(), m)
		if a.Phase != c.phase || a.HTTPStatus != c.status || a.Code != c.code || a.RetryAfter != c.wait {
			t.Errorf("%+v: %+v", c.fault, a)
		}
		if told := a.WAMID != "" && a.WaID == fmt.Sprintf("491511234567%d", i); told != (c.status == 200) || a.Parsed != (told || c.code != 0) {
			t.Errorf("%+v: %+v", c.fault, a)
		}
		if c.accepted {
			accepted++
		}
		if counts := s.Counts(); counts.Accepted != accepted || counts.Posted != i+1 || counts.Doubles > 0 || len(counts.Violations) > 0 {
			t.Errorf("%+v: %+v", c.fault, counts)
		}
	}
}
