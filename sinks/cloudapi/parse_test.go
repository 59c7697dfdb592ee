package cloudapi

import (
	"net/http"
	"testing"
	"time"
)

func TestAnswersAreReadLeniently(t *testing.T) {
	// Goal: whatever Meta or a proxy sends, nothing that was said is lost and nothing is made up. Method: a table of bodies,
	// those of Meta's documentation and worse.
	for name, c := range map[string]struct {
		body string
		want Answer
	}{
		"accepted": {
			`{"messaging_product":"whatsapp","contacts":[{"input":"+16505551234","wa_id":"16505551234"}],"messages":[{"id":"wamid.X","message_status":"held_for_quality_assessment"}]}`,
			Answer{Parsed: true, WAMID: "wamid.X", WaID: "16505551234", MessageStatus: "held_for_quality_assessment"},
		},
		"accepted for a user id": {
			`{"contacts":[{"input":"US.1","user_id":"US.1"}],"messages":[{"id":"wamid.X"}]}`,
			Answer{Parsed: true, WAMID: "wamid.X", UserID: "US.1"},
		},
		"accepted without contacts":     {`{"messages":[{"id":"wamid.X"}]}`, Answer{Parsed: true, WAMID: "wamid.X"}},
		"accepted with mistyped parts":  {`{"contacts":"none","messages":[{"id":"wamid.X","message_status":7}],"error":null}`, Answer{Parsed: true, WAMID: "wamid.X"}},
		"error with details":            {`{"error":{"message":"(#130429) Rate limit hit","code":130429,"error_data":{"messaging_product":"whatsapp","details":"slow down"},"fbtrace_id":"T"}}`, Answer{Parsed: true, Code: 130429, ErrorText: "(#130429) Rate limit hit slow down", TraceID: "T"}},
		"error with error_data as text": {`{"error":{"message":"m","code":100,"error_data":"bad"}}`, Answer{Parsed: true, Code: 100, ErrorText: "m bad"}},
		"error without error_data":      {`{"error":{"message":"m","code":190}}`, Answer{Parsed: true, Code: 190, ErrorText: "m"}},
		"error code as text":            {`{"error":{"code":"131000"}}`, Answer{Parsed: true, Code: 131000}},
		"error code 0":                  {`{"error":{"code":0}}`, Answer{Parsed: true}},
		"error without code":            {`{"error":{"message":"m"}}`, Answer{}},
		"error as text":                 {`{"error":"out of order"}`, Answer{}},
		"error code out of range":       {`{"error":{"code":99999999999}}`, Answer{}},
		"error beside no message id":    {`{"error":{"code":2},"messages":[{}]}`, Answer{Parsed: true, Code: 2}},
		"error beside a message id":     {`{"error":{"code":2},"messages":[{"id":"wamid.X"}]}`, Answer{}},
		"no message id":                 {`{"messages":[{}]}`, Answer{}},
		"not an object":                 {`[]`, Answer{}},
		"html":                          {`<html>Sorry</html>`, Answer{}},
		"broken off":                    {`{"messages":[{"id":"wamid.X"}`, Answer{}},
		"empty":                         {``, Answer{}},
	} {
		var got Answer
		parse([]byte(c.body), &got)
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func TestRetryAfterIsSecondsOrADate(t *testing.T) {
	// Goal: both forms of the header are read, nothing absurd is. Method: a table; dates are compared within seconds.
	for value, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-7": 0, "soon": 0, "7200": time.Hour, "9223372036854775807": time.Hour,
		"-9223372037": 0, "99999999999999999999": time.Hour, "-99999999999999999999": 0,
		time.Now().Add(time.Minute).UTC().Format(http.TimeFormat):     time.Minute,
		time.Now().Add(-time.Minute).UTC().Format(http.TimeFormat):    0,
		time.Now().Add(999 * time.Hour).UTC().Format(http.TimeFormat): time.Hour,
	} {
		got := retryAfter(http.Header{"Retry-After": {value}})
		if got > want || got < want-5*time.Second {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}
