package simulator

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

func TestTheLedgerCountsWhatASenderDidWrong(t *testing.T) {
	// Goal: doubles, repeated attempts, changed content and reused ids are seen, and innocent sends are not. Method: one
	// after the other; after each the whole ledger is compared.
	c := config()
	c.Unlimited = true
	s := New(c)
	want := Counts{}
	step := func(name, body string, change func()) {
		t.Helper()
		send(s, body)
		change()
		got := s.Counts()
		if got.Accepted != want.Accepted || got.Distinct != want.Distinct || got.Doubles != want.Doubles || got.Reused != want.Reused ||
			got.Unidentified != want.Unidentified || fmt.Sprint(got.Violations) != fmt.Sprint(want.Violations) {
			t.Errorf("%s: %+v\nwant %+v", name, got, want)
		}
	}
	want.Violations = map[string]int{}
	step("a send", text(to, data("a", 1)), func() { want.Accepted, want.Distinct = 1, 1 })
	step("another message", text(to, data("b", 1)), func() { want.Accepted, want.Distinct = 2, 2 })
	step("the same id of another tenant", text(to, strings.Replace(data("a", 1), "acme", "globex", 1)), func() { want.Accepted, want.Distinct = 3, 3 })
	step("a second attempt that is accepted", text(to, data("a", 2)), func() { want.Accepted, want.Doubles = 4, 1 })
	step("the same attempt again", text(to, data("a", 2)), func() {
		want.Accepted, want.Doubles, want.Violations["attempt_repeated"] = 5, 2, 1
	})
	step("other content", strings.Replace(text(to, data("b", 2)), "hello", "bye", 1), func() {
		want.Accepted, want.Doubles, want.Violations["content_changed"] = 6, 3, 1
	})
	step("the id with another accepted_at", text(to, strings.Replace(data("b", 1), "1795166990000", "1795166990001", 1)), func() {
		want.Accepted, want.Distinct, want.Reused = 7, 4, 1
	})
	step("no callback data", typed("text", `{"body":"x"}`), func() { want.Accepted, want.Unidentified = 8, 1 })
	step("callback data of another form", text(to, "mine"), func() { want.Accepted, want.Unidentified = 9, 2 })
	step("a refused message", typed("text", `{}`), func() { want.Violations["missing text.body"] = 1 })
	if got := s.Counts(); got.Senders[sender] != 9 || got.Fates[FateDelivered] != 9 || got.Posted != 9 {
		t.Errorf("%+v", got)
	}
}

func TestTheLedgerIsServed(t *testing.T) {
	// Goal: other processes read the same numbers. Method: both endpoints, decoded.
	c := config()
	c.Faults = []Fault{{Code: 131000, Message: "b"}}
	s := New(c)
	for _, m := range []string{"a", "b", "a"} {
		send(s, text(to, data(m, 1)))
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest("GET", "/ledger", nil))
	var counts map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &counts); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"accepted": 2.0, "distinct": 1.0, "doubles": 1.0, "limit_errors": map[string]any{}, "violations": map[string]any{"attempt_repeated": 1.0},
		"callbacks_sent": 0.0, "callbacks_pending": 0.0, "fates": map[string]any{"delivered": 2.0},
	} {
		if got, ok := counts[name]; !ok || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	w = httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest("GET", "/ledger/messages", nil))
	var lines []string
	for scanner := bufio.NewScanner(w.Body); scanner.Scan(); {
		lines = append(lines, scanner.Text())
	}
	want := []string{
		`{"tenant":"acme","message":"a","accepted_at":"1795166990000","sends":2,"attempts":[1],"fate":"delivered"}`,
		`{"tenant":"acme","message":"b","accepted_at":"1795166990000","sends":0,"attempts":[1],"fate":""}`,
	}
	if !slices.Equal(lines, want) {
		t.Errorf("%q\nwant %q", lines, want)
	}
}

func TestTheLedgerIsBounded(t *testing.T) {
	// Goal: only the newest messages are remembered, and it says how many were forgotten. Method: a ledger of 10, 25 messages,
	// each with two accepted_at.
	c := config()
	c.Unlimited, c.Remember = true, 10
	s := New(c)
	for i := range 25 {
		send(s, text(to, data(fmt.Sprint(i), 1)))
	}
	send(s, text(to, data("24", 2)))
	send(s, text(to, data("0", 2)))
	var names []string
	for _, e := range s.Messages() {
		names = append(names, e.Message)
	}
	if want := []string{"16", "17", "18", "19", "20", "21", "22", "23", "24", "0"}; !slices.Equal(names, want) {
		t.Errorf("remembers %v, want %v", names, want)
	}
	got := s.Counts()
	if got.Forgotten != 16 || got.Doubles != 1 || len(s.ledger.entries) != 10 || len(s.ledger.ids) != 10 {
		t.Errorf("%+v, %d entries, %d ids", got, len(s.ledger.entries), len(s.ledger.ids))
	}
}
