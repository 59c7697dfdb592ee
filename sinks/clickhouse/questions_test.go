package clickhouse

import (
	_ "embed"
	"strings"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/schemas"
)

//go:embed questions.sql
var questionsFile string

// question is a block of questions.sql.
type question struct{ text, sql, answer string }

func questions(t testing.TB) (all []question) {
	t.Helper()
	for _, block := range strings.Split(strings.TrimSpace(questionsFile), "\n\n")[1:] { // after the heading
		asked, answer, ok := strings.Cut(block, ";\n")
		text, sql, asks := strings.Cut(asked, "\n")
		if !ok || !asks || !strings.HasSuffix(text, "?") {
			t.Fatalf("want a comment with a question, a statement, and comments with the answer:\n%s", block)
		}
		all = append(all, question{text, sql, strings.TrimSpace(answer)})
	}
	return all
}

// exampleData is twenty messages of one tenant, all accepted, routed after 10 ms and claimed after 30. 0–9, of noon, go from eu to DE:
// all are sent, the n-th 10·(n+1) ms later; 0–7 are delivered (not charged for), 0–3 read, 8 and 9 fail after that; of 0–4
// the copy is stripped n+1 seconds late. 10–19, an hour later, go from us to BR: 10–17 are sent as above, 18 fails, 19
// expires; 10–13 are delivered and charged for; no copy is stripped. Copies are due an hour after acceptance.
func exampleData() (all []schemas.Event) {
	free, charged := false, true
	for n := range 20 {
		tell := func(kind schemas.Kind, after time.Duration) *schemas.Event {
			e := tell(n, kind, after)
			e.DueAt = e.AcceptedAt.Add(time.Hour)
			if n >= 10 {
				for _, at := range []*time.Time{&e.AcceptedAt, &e.At, &e.DueAt} {
					*at = at.Add(time.Hour)
				}
				e.Country, e.Category, e.Window = "BR", "marketing", "24h"
				if e.SenderID != "" {
					e.SenderID, e.Region, e.TransferBasis = "206540352242922", "us", "scc"
				}
			}
			all = append(all, e)
			return &all[len(all)-1]
		}
		step := time.Duration(n%10+1) * 10 * time.Millisecond
		tell(schemas.KindAccepted, 0)
		tell(schemas.KindRouted, 10*time.Millisecond)
		tell(schemas.KindClaimed, 30*time.Millisecond)
		if n < 18 {
			tell(schemas.KindSent, 30*time.Millisecond+step)
		}
		if n < 8 || n >= 10 && n < 14 {
			d := tell(schemas.KindDelivered, 2*time.Second)
			d.PricingCategory, d.Billable = d.Category, &free
			if n >= 10 {
				d.Billable = &charged
			}
		}
		if n < 4 {
			tell(schemas.KindRead, 3*time.Second)
		}
		switch n {
		case 8, 9:
			f := tell(schemas.KindFailed, 2*time.Second)
			f.Reason, f.ErrorCode = "undeliverable", 131026
		case 18:
			f := tell(schemas.KindFailed, time.Second)
			f.Reason, f.ErrorCode = "marketing_capped", 131049
		case 19:
			tell(schemas.KindExpired, time.Second).Reason = "deadline"
		}
		if n < 5 {
			tell(schemas.KindRedacted, time.Hour+time.Duration(n+1)*time.Second)
		}
	}
	return all
}

// Goal: every question of questions.sql has the answer that stands below it. Method: ask each over the example data, from
// whose description the answers follow.
func TestQuestionsHaveTheirAnswers(t *testing.T) {
	db := open(t)
	events := exampleData()
	write(t, db, span(0, int64(len(events))), events...)
	if err := db.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	all := questions(t)
	if len(all) != 7 {
		t.Errorf("%d questions, want 7", len(all))
	}
	for _, q := range all {
		rows, err := db.Query(t.Context(), q.sql)
		if err != nil {
			t.Errorf("%s %v", q.text, err)
			continue
		}
		var lines []string
		for _, r := range rows.Values {
			lines = append(lines, strings.TrimRight("-- "+strings.Join(r, " | "), " "))
		}
		if got := strings.Join(lines, "\n"); got != q.answer {
			t.Errorf("%s\ngot\n%s\nwant\n%s", q.text, got, q.answer)
		}
	}
}
