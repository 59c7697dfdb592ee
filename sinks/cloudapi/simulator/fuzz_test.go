package simulator

import (
	"net/http"
	"testing"
)

// FuzzBody holds that no body makes the simulator panic, and that it is either accepted or refused as a violation.
func FuzzBody(f *testing.F) {
	for _, seed := range []string{
		text(to, data("m", 1)), typed("template", `{"name":"t","language":{"code":"en"},"components":[null,{"type":"button","parameters":[1]}]}`),
		typed("interactive", `{"type":"list","action":{"sections":[[],{"rows":[null]}]}}`), typed("contacts", `[null,{"name":[]}]`), `null`, `{"to":null}`,
	} {
		f.Add(seed)
	}
	c := config()
	c.Unlimited = true
	f.Fuzz(func(t *testing.T, body string) {
		s := New(c)
		a := send(s, body)
		counts := s.Counts()
		accepted := a.status == http.StatusOK && a.wamid != "" && counts.Accepted == 1 && len(counts.Violations) == 0
		refused := a.status >= 400 && a.code != 0 && counts.Accepted == 0 && len(counts.Violations) == 1
		if accepted == refused {
			t.Errorf("%q: %+v, %+v", body, a, counts)
		}
	})
}
