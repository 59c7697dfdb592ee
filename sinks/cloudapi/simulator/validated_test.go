package simulator

import (
	"strings"
	"testing"

	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/stages/deliver"
	"github.com/whatsapplink/cloud/stages/validate/validatetest"
)

// Goal: what validate lets through at its limits Meta takes, so that no message is refused at the last step for what the
// first could have told. Method: every content at a limit, which validate's own tests hold accepted, rendered and sent.
func TestWhatValidateAcceptsAtItsLimitsIsTaken(t *testing.T) {
	c := config()
	c.Unlimited = true
	for name, content := range validatetest.AtLimit() {
		if raw, ok := content.(schemas.Raw); ok && !known[raw.Type] {
			continue // a kind that the simulator does not model
		}
		data, ok := schemas.ParseCallbackData(data("m", 1))
		if !ok {
			t.Fatal("no callback data")
		}
		body, err := deliver.Render(schemas.Payload{Recipient: schemas.Recipient{Phone: to}, Content: content}, data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		s := New(c)
		if a := send(s, string(body)); a.wamid == "" && !strings.HasPrefix(name, "raw") {
			t.Errorf("%s: %s, %v", name, a.body, s.Counts().Violations)
		}
	}
}
