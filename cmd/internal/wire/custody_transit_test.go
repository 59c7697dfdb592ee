package wire

import (
	"strings"
	"testing"

	"github.com/whatsapplink/cloud/pipeline/seal"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/stages/custody"
)

// Goal: a message on its way can be read, and no transit copy that outlives the outcome and its window. Method: messages in
// validated, routed and a lane; outcomes in the log, one within a window and one of window zero.
func TestCustodyShowsAMessageOnItsWay(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	d.tenant(deliverTenant)
	d.route(4)
	messages := decodeAll(d, RoutedT, schemas.Routeds)
	waiting, within, over, validated := messages[0], messages[1], messages[2], messages[3]
	lane := waiting
	lane.MessageID = "01JD0000000000000000009999"
	d.put("retry.1m", []byte(deliverTenant), encode(t, schemas.Routeds, lane)) // sealed for another: it cannot be opened
	d.put(ValidatedT, validated.RecipientRefs[0], encode(t, schemas.Validateds, validated.Validated))
	over.Window = "0s"
	over.MessageID = "01JD0000000000000000008888"
	d.put(RoutedT, []byte(deliverTenant), encode(t, schemas.Routeds, over))
	for _, m := range []schemas.Routed{within, over} {
		d.put(Attempts, []byte(deliverTenant), encode(t, schemas.Attempts, schemas.Attempt{
			Identity: m.Identity, Source: m.Source, Attempt: 1, SenderID: m.Sender, Class: schemas.OutcomeSent, Window: m.Window,
		}))
	}
	d.start(binary[CustodyConfig](d, "custody", Custody, "WL_REFS_URL", "WL_DELIVERY_WINDOW", "WL_DIAGNOSTIC_WINDOW").Run)
	asker, err := seal.NewAsker()
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct{ message, want string }{
		"waiting in routed":              {waiting.MessageID, "shown"},
		"validated":                      {validated.MessageID, "shown"},
		"sent, its copy not yet there":   {within.MessageID, "shown"},
		"sent, of window zero":           {over.MessageID, custody.ReasonWindowOver},
		"in a lane, its key not its own": {lane.MessageID, custody.ReasonKeyGone},
		"never heard of":                 {"01JD0000000000000000007777", custody.ReasonNotFound},
	} {
		asked := d.ask(asker, func(a *schemas.Control) { a.TenantID, a.MessageID = deliverTenant, c.message })
		answer := d.answerTo(asked)
		if got := answer.Status + answer.Reason; got != c.want && got != "refused"+c.want {
			t.Errorf("%s: %s %s, not %s", what, answer.Status, answer.Reason, c.want)
		}
		if answer.Status != "shown" {
			continue
		}
		if plain, err := asker.Open(asked.ControlID, answer.Encapsulated, answer.Ciphertext); err != nil || !strings.Contains(string(plain[0]), deliverBody) {
			t.Errorf("%s: the asker reads nothing: %v", what, err)
		}
	}
}
