package simulator

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestFaultsHappenAsScripted(t *testing.T) {
	// Goal: each kind of fault shows the caller what it says, and the ledger has the send if and only if it was accepted.
	// Method: one fault for each kind; a call that hangs ends by its caller's time.
	for _, c := range []struct {
		fault    Fault
		want     answer
		accepted int
	}{
		{Fault{Code: 131000}, answer{status: 500, code: 131000}, 0},
		{Fault{Code: 190}, answer{status: 401, code: 190}, 0},
		{Fault{Kind: Refuse, Code: 130429, HTTPStatus: 429, RetryAfter: 1500 * time.Millisecond}, answer{status: 429, code: 130429}, 0},
		{Fault{Code: 999999}, answer{status: 400, code: 999999}, 0},
		{Fault{Kind: ResetBeforeAccept}, answer{aborted: true}, 0},
		{Fault{Kind: ResetAfterAccept}, answer{aborted: true}, 1},
		{Fault{Kind: HangBeforeAccept}, answer{aborted: true}, 0},
		{Fault{Kind: HangAfterAccept}, answer{aborted: true}, 1},
		{Fault{Kind: HTML}, answer{status: 503}, 0},
		{Fault{Kind: HTMLAfterAccept, HTTPStatus: 502}, answer{status: 502}, 1},
		{Fault{Kind: Slow, Latency: 3 * time.Second}, answer{status: 200}, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			config := config()
			config.Faults = []Fault{c.fault}
			s := New(config)
			ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
			defer cancel()
			start := time.Now()
			got := do(s, wellFormed(text(to, data("m", 1))).WithContext(ctx))
			if got.status != c.want.status || got.code != c.want.code || got.aborted != c.want.aborted {
				t.Errorf("%+v: %+v, want %+v", c.fault, got, c.want)
			}
			counts := s.Counts()
			if n := counts.Accepted; n != c.accepted {
				t.Errorf("%+v: accepted %d, want %d", c.fault, n, c.accepted)
			}
			if counts.Faults[cmp.Or(c.fault.Kind, Refuse)] != 1 {
				t.Errorf("%+v: counted as %v", c.fault, counts.Faults)
			}
			took := time.Since(start)
			if hangs := strings.HasPrefix(string(c.fault.Kind), "hang"); hangs != (took == 15*time.Second) {
				t.Errorf("%+v: took %v", c.fault, took)
			}
			if c.fault.Kind == Slow && took != 3*time.Second {
				t.Errorf("slow: took %v", took)
			}
		})
	}
}

func TestFaultsHitWhatTheyName(t *testing.T) {
	// Goal: patterns, counts and times select the sends a test means. Method: a script and a list of sends, in virtual time.
	synctest.Test(t, func(t *testing.T) {
		config := config()
		config.Unlimited = true
		config.Faults = []Fault{
			{Code: 1, Message: "bad-*"},
			{Code: 2, Recipient: "4477*"},
			{Code: 3, Tenant: "globex"},
			{Code: 4, Attempt: 2},
			{Code: 5, Sender: "200"},
			{Code: 6, After: 10 * time.Second, For: 5 * time.Second},
			{Code: 7, Skip: 2, Count: 1, Message: "third-*"},
		}
		s := New(config)
		check := func(want int, number, data string) {
			t.Helper()
			if got := send(s, text(number, data)); got.code != want {
				t.Errorf("%s to %s at %v: %d, want %d", data, number, time.Now(), got.code, want)
			}
		}
		check(0, to, data("m", 1))
		check(1, to, data("bad-1", 1))
		check(2, "+447712345678", data("m", 1))
		check(3, to, strings.Replace(data("m", 1), "acme", "globex", 1))
		check(4, to, data("m", 2))
		for i, want := range []int{0, 0, 7, 0, 0} {
			check(want, to, data(fmt.Sprint("third-", i), 1))
		}
		time.Sleep(10 * time.Second)
		check(6, to, data("m", 1))
		time.Sleep(5*time.Second - time.Microsecond)
		check(6, to, data("m", 1))
		time.Sleep(time.Microsecond)
		check(0, to, data("m", 1))
	})
}

func TestFaultsAreSetOverHTTP(t *testing.T) {
	// Goal: a test in another process scripts faults, and a mistake in a script is refused, not ignored. Method: POST.
	s := New(config())
	post := func(script string) int {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest("POST", "/faults", strings.NewReader(script)))
		return w.Code
	}
	if status := post(`[{"code":131000,"count":1},{"kind":"html","share":0.5}]`); status != http.StatusNoContent {
		t.Errorf("status %d", status)
	}
	if a := send(s, text(to, data("m", 1))); a.code != 131000 {
		t.Errorf("%+v", a)
	}
	for _, wrong := range []string{`{}`, `[{"cod":1}]`, `[{"kind":"explode"}]`, `[{}]`, `[{"code":1,"message":"["}]`, `[`} {
		if status := post(wrong); status != http.StatusBadRequest {
			t.Errorf("%s: status %d", wrong, status)
		}
	}
	if status := post(`[]`); status != http.StatusNoContent || send(s, text(to, data("m", 2))).code != 0 {
		t.Error("the faults were not taken away")
	}
}

func TestTwoRunsAgree(t *testing.T) {
	// Goal: fault and fate depend on seed and message alone: not on order, time or accepted_at; shares come out as asked; and
	// another seed decides otherwise. Method: the same 2,000 messages in opposite orders.
	const n = 2000
	run := func(seed uint64, backwards bool) (decided map[string]string, counts map[string]int) {
		c := config()
		c.Seed, c.Unlimited = seed, true
		c.Faults = []Fault{{Code: 131000, Share: 0.1}, {Kind: ResetAfterAccept, Share: 0.05}}
		c.Fates = Fates{Sent: 0.1, Read: 0.3, Failed: map[int]float64{131026: 0.05, 131049: 0.05}, Never: 0.02}
		s := New(c)
		decided, counts = map[string]string{}, map[string]int{}
		for i := range n {
			d := data(fmt.Sprint("m", i), 1)
			if backwards {
				d = strings.Replace(data(fmt.Sprint("m", n-1-i), 1), "1795166990000", "1795160000000", 1)
			}
			a := send(s, text(to, d))
			e := *s.ledger.entries[s.ledger.ring[i]]
			decided[e.Message] = fmt.Sprint(a.code, a.aborted, e.Fate)
			counts[string(e.Fate)]++
			counts[fmt.Sprint(a.code)]++
			counts[fmt.Sprint("aborted ", a.aborted)]++
		}
		return decided, counts
	}
	first, counts := run(7, false)
	second, _ := run(7, true)
	other, _ := run(8, false)
	same := 0
	for m, d := range first {
		if second[m] != d {
			t.Errorf("%s: %s and %s", m, d, second[m])
		}
		if other[m] == d {
			same++
		}
	}
	if same > n*3/4 {
		t.Errorf("another seed decides the same for %d of %d", same, n)
	}
	for what, share := range map[string]float64{
		"131000": 0.1, "aborted true": 0.9 * 0.05, "never": 0.9 * 0.02, "sent": 0.9 * 0.1, "read": 0.9 * 0.3, "failed": 0.9 * 0.1, "delivered": 0.9 * 0.48,
	} {
		if got := float64(counts[what]) / n; math.Abs(got-share) > 4*math.Sqrt(share*(1-share)/n) {
			t.Errorf("share of %s: %.4f, want about %.4f", what, got, share)
		}
	}
}
