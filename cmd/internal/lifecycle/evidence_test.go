package lifecycle_test

import (
	"bytes"
	"slices"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/wire"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/stages/custody"
	"github.com/whatsapplink/cloud/stages/redact"
)

// shownInWindow: content is shown to its own tenant, as it was accepted, until its window after its outcome is over, and
// never later.
func (w *world) shownInWindow() {
	decoded(w, wire.AnswersT, schemas.Answers, func(r appended, a schemas.Answer) {
		q := w.asked[a.ControlID]
		i := id{q.TenantID, q.MessageID}
		over, known := w.outcome(sent{MessageRequest: schemas.MessageRequest{TenantID: i.tenant, MessageID: i.message}})
		if a.Status != "shown" {
			if a.Reason == custody.ReasonKeyGone && !w.skewed && !w.undecided(i, r.at) {
				w.fault("read window", "the key of %s is gone within its window", i.message)
			}
			return
		}
		plain, err := q.asker.Open(a.ControlID, a.Encapsulated, a.Ciphertext)
		if err != nil {
			w.fault("read window", "an answer does not open for its asker")
			return
		}
		var promise time.Duration
		own := false
		for _, s := range w.sent {
			if (id{s.TenantID, s.MessageID}) == i {
				promise = max(promise, s.promise)
				p, err := schemas.Payloads.Decode(plain[0])
				want, _ := schemas.Payloads.Encode(&schemas.Payload{Recipient: s.Recipient, Content: s.Content})
				got, _ := schemas.Payloads.Encode(&schemas.Payload{Recipient: p.Recipient, Content: p.Content})
				own = own || err == nil && bytes.Equal(want, got)
			}
		}
		if !own {
			w.fault("tenant isolation", "%s was shown what it did not send", i.tenant)
		}
		if late := r.at.Sub(over.Add(promise)); known && late > w.slack() {
			w.fault("read window", "%s was shown %v after its window", i.message, late)
		}
	})
}

// audited: one audit record for each control that was decided, before its answer, and it tells what was done.
func (w *world) audited() {
	rows := map[string]map[string]bool{} // control -> audit ids
	shown := map[string]bool{}
	for _, r := range w.history {
		switch r.Topic {
		case wire.AuditT:
			a, err := schemas.AuditRecords.Decode(r.Value)
			if err != nil {
				w.fault("audit before effect", "%v", err)
			}
			if rows[a.ControlID] == nil {
				rows[a.ControlID] = map[string]bool{}
			}
			rows[a.ControlID][a.AuditID] = true
			shown[a.ControlID] = shown[a.ControlID] || a.Action == "content_shown"
		case wire.AnswersT:
			a, err := schemas.Answers.Decode(r.Value)
			if err != nil || len(rows[a.ControlID]) != 1 || (a.Status == "shown" && !shown[a.ControlID]) {
				w.fault("audit before effect", "an answer (%s) without its one record before it: %d", a.Status, len(rows[a.ControlID]))
			}
		}
	}
	for control := range w.asked {
		if len(rows[control]) != 1 {
			w.fault("audit before effect", "%d records for a control", len(rows[control]))
		}
	}
}

// conserved: every request published is accepted or rejected; every one accepted is a repeat or has one final state.
func (w *world) conserved() {
	told := map[schemas.Kind]map[string]bool{}
	finals := map[id][]schemas.Event{}
	ofID := map[schemas.Kind]map[id]map[string]bool{}
	decoded(w, wire.EventsT, schemas.Events, func(_ appended, e schemas.Event) {
		if told[e.Kind] == nil {
			told[e.Kind], ofID[e.Kind] = map[string]bool{}, map[id]map[string]bool{}
		}
		told[e.Kind][e.Detail] = true
		i := of(e.Identity)
		if ofID[e.Kind][i] == nil {
			ofID[e.Kind][i] = map[string]bool{}
		}
		ofID[e.Kind][i][e.Detail] = true
		switch e.Kind {
		case schemas.KindSent, schemas.KindFailed, schemas.KindExpired, schemas.KindSuppressed, schemas.KindUnknown:
			for _, f := range finals[i] {
				if f.Kind == e.Kind {
					return // told again
				}
			}
			finals[i] = append(finals[i], e)
		}
	})
	for _, s := range w.sent {
		accepted, rejected := told[schemas.KindAccepted][s.key], told[schemas.KindRejected][s.key]
		if !accepted && !rejected {
			w.fault("conservation", "%s is neither accepted nor rejected", s.key)
		}
		if accepted && s.garbage {
			w.fault("conservation", "garbage was accepted")
		}
		i := id{s.TenantID, s.MessageID}
		f := finals[i]
		if accepted && (len(f) == 0 || len(f) > 2 || len(f) == 2 && (f[0].Kind != schemas.KindUnknown || f[1].Kind != schemas.KindSent)) {
			w.fault("conservation", "%s was accepted and has %d final states", s.MessageID, len(f))
		}
		if n, r := len(ofID[schemas.KindAccepted][i]), len(ofID[schemas.KindRepeated][i]); accepted && n != r+1 {
			w.fault("conservation", "%s: accepted %d times, repeated %d", s.MessageID, n, r)
		}
		if len(f) > 0 && f[0].Kind == schemas.KindSuppressed && !w.mayBeSuppressed(s) {
			w.fault("tenant isolation", "%s is suppressed (%s), and nobody objected", s.MessageID, f[0].Reason)
		}
	}
	for _, c := range w.calls {
		if f := finals[of(c.Identity)]; c.accepted && len(f) > 0 && f[0].Kind != schemas.KindSent && f[0].Kind != schemas.KindUnknown {
			w.fault("conservation", "%s was sent and is told as %s", c.MessageID, f[0].Kind)
		}
	}
}

// undecided says whether a message was past its deadline at a time, its send in doubt: until then its transit copy could be
// read, and after the outcome its diagnostic copy can. The deadline is the first request's: the others repeat it.
func (w *world) undecided(i id, at time.Time) bool {
	first := slices.IndexFunc(w.sent, func(s sent) bool { return (id{s.TenantID, s.MessageID}) == i })
	deadline := w.sent[first].expiresAt
	outcome, known := w.outcome(sent{MessageRequest: schemas.MessageRequest{TenantID: i.tenant, MessageID: i.message}})
	return at.After(deadline) && (!known || at.Before(outcome))
}

// mayBeSuppressed says whether the recipient objected, or Meta refused the same tenant's message to it.
func (w *world) mayBeSuppressed(s sent) bool {
	if _, objected := w.objected[s.TenantID+s.Recipient.Phone]; objected {
		return true
	}
	return slices.ContainsFunc(w.calls, func(c call) bool {
		return c.refused && c.TenantID == s.TenantID && slices.ContainsFunc(w.sent, func(other sent) bool {
			return of(c.Identity) == id{other.TenantID, other.MessageID} && other.Recipient.Phone == s.Recipient.Phone
		})
	})
}

// redacted: every copy ends stripped, not before it is due, under one receipt, and what is told once is not taken back.
func (w *world) redacted() {
	copies, stripped := map[string]time.Time{}, map[string]bool{}
	decoded(w, "delivered.", schemas.Delivereds, func(r appended, d schemas.Delivered) { copies[r.Position.String()] = d.DueAt })
	decoded(w, wire.RedactedT, schemas.Redacteds, func(r appended, v schemas.Redacted) {
		at := schemas.Coordinates{Topic: v.Copy.Topic, Partition: v.Copy.Partition, Offset: v.Copy.Offset}.String()
		due, known := copies[at]
		if !known || r.at.Before(due.Add(-w.slack())) {
			w.fault("finality", "%s is stripped %v before it is due", at, due.Sub(r.at))
		}
		stripped[at] = true
	})
	if len(stripped) != len(copies) {
		w.fault("conservation", "%d copies, %d stripped", len(copies), len(stripped))
	}
	// A bucket's receipt is the one of most copies: an owner that does not know yet that its lane was given away may append
	// one of less between the new owner's look at the log and its append.
	largest, erased, seals := map[string]schemas.Receipt{}, map[string]int64{}, 0
	decoded(w, wire.ReceiptsT, schemas.Receipts, func(r appended, v schemas.Receipt) {
		key := redact.ReceiptKey(&v)
		if v.State == redact.Expired && v.Deadline.After(r.at.Add(w.slack())) {
			w.fault("finality", "a receipt tells of what is due in %v", v.Deadline.Sub(r.at))
		}
		if v.State == redact.Expired && v.Count >= largest[key].Count {
			largest[key] = v
		}
		if e, told := erased[key]; told && v.Count > e {
			w.fault("finality", "%s was ERASED with %d copies and then has %d", key, e, v.Count)
		}
		if v.State == "erased" {
			erased[key] = v.Count
			seals++
		}
	})
	count := int64(0)
	for _, r := range largest {
		count += r.Count
	}
	for key, r := range largest {
		if e, told := erased[key]; seals > 0 && (!told || e != r.Count) {
			w.fault("finality", "%s is EXPIRED with %d copies and ERASED with %d", key, r.Count, e)
		}
	}
	if count != int64(len(copies)) {
		w.fault("conservation", "%d copies have receipts for %d", len(copies), count)
	}
}

// atRest: nothing that holds content, plain or sealed, can be read any more, but what was rejected.
func (w *world) atRest() {
	for topic := range w.broker.Topics() {
		_, lane := windowOf(topic, "delivered.")
		if lane || topic == wire.Requests || topic == wire.ValidatedT || topic == wire.RoutedT {
			if n := len(w.broker.Records(topic)); n > 0 {
				w.fault("conservation", "%d records are left in %s", n, topic)
			}
		}
	}
}

// tally counts what happened, to show that the model gets where the invariants bite.
func (w *world) tally(seen map[string]int) {
	decoded(w, wire.EventsT, schemas.Events, func(_ appended, e schemas.Event) { seen["event "+string(e.Kind)]++ })
	decoded(w, wire.AnswersT, schemas.Answers, func(_ appended, a schemas.Answer) { seen["answer "+a.Status+" "+a.Reason]++ })
	decoded(w, "delivered.", schemas.Delivereds, func(_ appended, d schemas.Delivered) {
		if d.Content != nil {
			seen["copy with content, "+d.Content.Family]++
		}
	})
	decoded(w, wire.ReceiptsT, schemas.Receipts, func(_ appended, v schemas.Receipt) { seen["receipt "+v.State]++ })
	for _, l := range w.lives {
		seen["life of "+l.Name]++
	}
	seen["calls"] += len(w.calls)
}
