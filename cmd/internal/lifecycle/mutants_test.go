package lifecycle_test

import (
	"regexp"
	"testing"
)

// planted are bugs of one line, each with the invariant that must find it.
var planted = map[string]struct {
	edit
	finds string
}{
	"a sealer keeps the seed of an old bucket": {edit{
		"pipeline/seal/sealer.go", "time.AfterFunc(a.bucket-", "time.AfterFunc(40*a.bucket-"}, "deadline"},
	"a nonce is not random": {edit{
		"pipeline/seal/envelope.go", "_, _ = rand.Read(buf)", "_ = rand.Read"}, "sealing"},
	"an opener keeps seeds too long": {edit{
		"pipeline/seal/keylog.go", "r.AppendedAt, k.retention)", "r.AppendedAt, 3*k.retention)"}, "deadline"},
	"the message's own deadline is not taken": {edit{
		"stages/validate/window.go", "remaining = min(remaining, r.ExpiresAt.Sub(r.AcceptedAt))", "_ = r.ExpiresAt"}, "no late send"},
	"transit is sealed under the shortest window": {edit{
		"stages/validate/window.go", "if transit >= remaining {", "if transit > 0 {"}, "transit"},
	"rejected input is not sealed": {edit{
		"cmd/internal/wire/rejected.go", "letter.Original, _, err = o.sealer.Seal(ctx, o.window, letter.TenantID, letter.MessageID, seal.RejectedInput, value)", "letter.Original.Ciphertext = value"}, "no clear text"},
	"a late copy goes to its own lane all the same": {edit{
		"stages/deliver/park.go", "w == window && now.Sub(outcomeAt) <= bucket(window)", "w == window"}, "windows never lengthen"},
	"deliver does not look at objections": {edit{
		"stages/deliver/gate.go", "case r.Suppressed(m.TenantID, m.RecipientRefs, m.Category):", "case false:"}, "no late send"},
	"deliver does not look at suspensions": {edit{
		"stages/deliver/gate.go", `case tenant.Status != "active":`, "case false:"}, "no late send"},
	"a receipt counts a copy that is stripped again": {edit{
		"stages/redact/ledger.go", "if top.Count > 0 && copied.Offset <= top.LastOffset {", "if false {"}, "conservation|finality"},
	"ERASED is told of what is still on disk": {edit{
		"stages/redact/ledger.go", "if grows || !all {", "if grows || !all && false {"}, "finality"},
	"custody looks at the copy and not at the window": {edit{
		"stages/custody/custody.go", "case !in.Now.Before(readableUntil(d)):", "case false:"}, "read window"},
	"custody does not audit": {edit{
		"cmd/internal/wire/custody.go", "{ return c.auditor.Append(ctx, d.Audit) }", "{ return nil }"}, "audit before effect"},
}

// Goal: the model is worth its name. Method: the model, short, on the product with one line changed; the invariant that
// the line holds up must be named. A line that is no longer there fails, so that no mutant goes stale.
func TestPlantedBugsAreFound(t *testing.T) {
	for what, p := range planted {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			out, err := run(t, overlay(t, p.edit), []string{"-timeout=5m"}, []string{"-rapid.checks=400", "-rapid.shrinktime=0s"})
			found := regexp.MustCompile(`\[rapid\] (?:failed after \d+ tests: |flaky)[^\n]*`).FindString(out)
			if err == nil || !regexp.MustCompile(p.finds).MatchString(found) {
				t.Errorf("not found as %s: %v\n%s", p.finds, err, out[max(0, len(out)-2000):])
			}
			t.Log(found)
		})
	}
}
