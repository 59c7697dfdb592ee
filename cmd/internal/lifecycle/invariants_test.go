package lifecycle_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/wire"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/seal"
	"github.com/whatsapplink/cloud/schemas"
)

// The invariants are those of the privacy policy; the model's clock is the true one.

const (
	// skewSlack is what steps of the broker's clock and of a process's wall clock may add.
	skewSlack = 4 * time.Second
	// handover is how long a record, once decided, may take to be appended or to be answered.
	handover = 1500 * time.Millisecond
)

func (w *world) slack() time.Duration {
	if w.skewed {
		return skewSlack
	}
	return 10 * time.Millisecond
}

// windowOf reads the window out of a topic's name.
func windowOf(topic, prefix string) (time.Duration, bool) {
	name, ok := strings.CutPrefix(topic, prefix)
	if !ok {
		return 0, false
	}
	d, err := seal.ParseWindow(name)
	return d, err == nil
}

// seedsInTime is the deadline: past window + 2 buckets + the check interval no seed is on disk, and past window + one
// bucket none is in any memory, whether or not a process runs.
func (w *world) seedsInTime() {
	held := w.held()
	w.mu.Lock()
	known, slack := w.seeds, w.slack()
	w.mu.Unlock()
	for _, window := range windows {
		for _, r := range w.broker.Disk(seal.KeyTopic(seal.WindowName(window))) {
			w.mu.Lock()
			age := time.Since(known[string(r.Key)].at)
			w.mu.Unlock()
			if age > seal.Bound(window, bucket, check)+slack {
				w.fault("deadline", "a seed of %v is on disk after %v", window, age)
			}
		}
	}
	for _, h := range held {
		w.mu.Lock()
		s := known[h.id]
		w.mu.Unlock()
		window, _ := windowOf(s.Topic, "keys.")
		if age := time.Since(s.at); age > seal.KeyRetention(window, bucket)+slack+h.excuse {
			w.fault("deadline", "%s holds a seed of %v after %v", h.name, window, age)
		}
	}
}

// erased: a receipt that tells ERASED is right when it is told.
func (w *world) erased(r pipeline.Record) {
	receipt, err := schemas.Receipts.Decode(r.Value)
	if err != nil || receipt.State != "erased" {
		return
	}
	for _, s := range receipt.Seeds {
		if slices.ContainsFunc(w.broker.Disk(s.Topic), func(on pipeline.Record) bool { return bytes.Equal(on.Key, s.SeedID) }) {
			w.fault("finality", "%s tells ERASED while a seed is on disk", r.Position)
		}
	}
}

func decoded[T any](w *world, topic string, codec *schemas.Codec[T], each func(appended, T)) {
	for _, r := range w.history {
		if r.Topic != topic && !(strings.HasSuffix(topic, ".") && strings.HasPrefix(r.Topic, topic)) || len(r.Value) == 0 {
			continue
		}
		v, err := codec.Decode(r.Value)
		if err != nil {
			w.fault("wiring", "%s does not decode: %v", r.Position, err)
			continue
		}
		each(r, v)
	}
}

type id struct{ tenant, message string }

func of(i schemas.Identity) id { return id{i.TenantID, i.MessageID} }

// outcome is when a request's message truly got its first final outcome.
func (w *world) outcome(s sent) (at time.Time, known bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.history {
		if r.Topic != wire.Attempts || known {
			continue
		}
		if a, err := schemas.Attempts.Decode(r.Value); err == nil && a.Class.Final() && of(a.Identity) == (id{s.TenantID, s.MessageID}) {
			at, known = r.at, true
		}
	}
	return at, known
}

// hold checks what can be told once all is at rest.
func (w *world) hold() {
	w.noClearText()
	w.sealedInTime()
	w.sentInTime()
	w.shownInWindow()
	w.audited()
	w.conserved()
	w.redacted()
	w.atRest()
}

// noClearText: downstream of requests nothing of what was said or to whom, in any encoding.
func (w *world) noClearText() {
	var needles [][]byte
	for _, clear := range []string{canary, "canary_at_nine", phone(0)[1:11]} {
		needles = append(needles, []byte(clear), []byte(hex.EncodeToString([]byte(clear))))
		for shift := range 3 { // the part of base64 that does not depend on what stands around it
			coded := base64.StdEncoding.EncodeToString(append(make([]byte, shift), clear...))
			needles = append(needles, []byte(coded[4:len(coded)-4]))
		}
	}
	look := func(where string, in []byte) {
		for _, n := range needles {
			if bytes.Contains(in, n) {
				w.fault("no clear text downstream", "%s holds %q", where, n)
			}
		}
	}
	for _, r := range w.history {
		if r.Topic != wire.Requests {
			look(r.Topic, r.Value)
			look(r.Topic, r.Key)
		}
	}
	look("a log line", w.logs.b.Bytes())
}

// sealedInTime: nothing is sealed under a seed past its bucket, no nonce comes twice, and no key lasts longer than what
// was promised.
func (w *world) sealedInTime() {
	nonces := map[string]string{}
	sealed := func(r appended, s *schemas.Sealed, purpose string) {
		seed, known := w.seeds[string(s.SeedID)]
		if !known {
			w.fault("sealing", "%s is sealed under a seed that its key topic never had", r.Position)
			return
		}
		if age := r.at.Sub(seed.at); age > bucket+handover {
			w.fault("sealing", "%s is sealed under a seed of %v before", r.Position, age)
		}
		if before, twice := nonces[string(s.SeedID)+string(s.Nonce)]; twice && before != string(s.Ciphertext) {
			w.fault("sealing", "%s repeats a nonce", r.Position)
		}
		nonces[string(s.SeedID)+string(s.Nonce)] = string(s.Ciphertext)
	}
	decoded(w, wire.ValidatedT, schemas.Validateds, func(r appended, v schemas.Validated) {
		sealed(r, &v.Payload, "transit")
		window, _ := seal.ParseWindow(v.Payload.Family)
		want, _ := seal.SmallestCovering(windows, v.ExpiresAt.Sub(v.AcceptedAt))
		if window != want {
			w.fault("transit", "%s is sealed for %v to be sent within %v", r.Position, window, v.ExpiresAt.Sub(v.AcceptedAt))
		}
	})
	decoded(w, wire.RejectedT, schemas.Rejecteds, func(r appended, v schemas.Rejected) {
		if v.Stage != "validate" {
			w.fault("liveness", "%s rejected a record: %s", v.Stage, v.Reason)
			return
		}
		sealed(r, &v.Original, "rejected")
	})
	decoded(w, "delivered.", schemas.Delivereds, func(r appended, d schemas.Delivered) {
		if d.Content == nil {
			return
		}
		sealed(r, d.Content, "diagnostic")
		window, _ := seal.ParseWindow(d.Content.Family)
		promise, _ := w.promised(d.Source)
		over, known := w.outcome(sent{MessageRequest: schemas.MessageRequest{TenantID: d.TenantID, MessageID: d.MessageID}})
		if lane, _ := windowOf(r.Topic, "delivered."); lane != window {
			w.fault("windows never lengthen", "%s is sealed for %v", r.Position, window)
		}
		if late := r.at.Add(window).Sub(over.Add(promise)); !known || promise == 0 || late > bucket+w.slack() {
			w.fault("windows never lengthen", "%s outlives the promised %v after its outcome by %v", r.Position, promise, late)
		}
	})
}

// promised is the diagnostic window of the policy under which a request was accepted.
func (w *world) promised(c schemas.Coordinates) (promise time.Duration, found bool) {
	for _, s := range w.sent {
		if s.key == c.String() {
			return s.promise, true
		}
	}
	return 0, false
}

// sentInTime: nothing is sent twice, after its deadline, to who objected, or for a tenant that is suspended.
func (w *world) sentInTime() {
	taken := map[id]int{}
	for _, c := range w.calls {
		i := of(c.Identity)
		if c.accepted {
			if taken[i]++; taken[i] == 2 {
				w.fault("sent once", "%s was accepted twice", c.MessageID)
			}
		}
		var expires time.Time
		for _, s := range w.sent {
			if (id{s.TenantID, s.MessageID}) != i {
				continue
			}
			if s.expiresAt.After(expires) {
				expires = s.expiresAt
			}
			since, stands := w.objected[s.TenantID+s.Recipient.Phone]
			if stands && s.Category == schemas.Marketing && c.at.Sub(since) > handover {
				w.fault("no late send", "%s was sent %v after an objection", c.MessageID, c.at.Sub(since))
			}
		}
		if late := c.at.Sub(expires); late > w.slack() {
			w.fault("no late send", "%s was sent %v after its deadline", c.MessageID, late)
		}
		if p := w.policyAt(c.TenantID, c.at); p.tenant.Status != "active" && c.at.Sub(p.since) > handover {
			w.fault("no late send", "%s was sent %v after a suspension", c.MessageID, c.at.Sub(p.since))
		}
	}
}

func (w *world) policyAt(tenant string, at time.Time) (stands policy) {
	for _, p := range w.policies {
		if p.tenant.TenantID == tenant && !p.since.After(at) {
			stands = p
		}
	}
	return stands
}
