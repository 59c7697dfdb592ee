package wire

import (
	"context"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/seal"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/stages/custody"
)

// answer opens what was allowed and seals it to the asker or has it published again, and says what to tell then.
func (c *custodian) answer(ctx context.Context, d decided) (again, told []pipeline.Output, err error) {
	control := &d.asked.Control
	answer := schemas.Answer{ControlID: control.ControlID, Status: "refused", Reason: d.Reason, At: time.Now()}
	if d.Allow {
		plain, err := c.open(ctx, &d)
		d.asked.Now = time.Now()
		switch late := c.stage.Refusal(&d.asked); {
		case unopenable(err):
			answer.Reason = custody.ReasonKeyGone
		case err != nil:
			return nil, nil, err
		case late != "":
			answer.Reason = late
		case control.Verb == custody.Redrive:
			answer.Status = "redriven"
			again = []pipeline.Output{original(d.asked.Letter, plain[0])}
		default:
			answer.Status = "shown"
			if err := sealAnswer(&answer, control.PublicKey, plain); err != nil {
				return nil, nil, err
			}
		}
	}
	records := []output{record(AnswersT, []byte(answer.ControlID), schemas.Answers, &answer)}
	if answer.Status == "shown" {
		records = append(records, record(EventsT, []byte(d.Event.MessageID), schemas.Events, d.Event))
	}
	told, err = encodeAll(records...)
	return again, told, err
}

// original is what was rejected as a new record of its own topic's partition. Its key is not known any more.
func original(letter *custody.Letter, value []byte) pipeline.Output {
	return pipeline.Output{Topic: letter.Source.Topic, Partition: int(letter.Source.Partition), Value: value}
}

// open returns what was asked for: content and, where there are any, diagnostics; or a letter's original.
func (c *custodian) open(ctx context.Context, d *decided) ([][]byte, error) {
	if l := d.asked.Letter; l != nil {
		purpose := seal.Transit
		if l.Whole() {
			purpose = seal.RejectedInput
		}
		original, err := c.opener.Open(ctx, l.Original, l.TenantID, l.MessageID, purpose)
		return [][]byte{original}, err
	}
	m, purpose := d.asked.Delivered, seal.Diagnostic
	if d.asked.Transit {
		purpose = seal.Transit
	}
	content, err := c.opener.Open(ctx, *m.Content, m.TenantID, m.MessageID, purpose)
	if err != nil || m.Diagnostics == nil {
		return [][]byte{content}, err
	}
	diagnostics, err := c.opener.Open(ctx, *m.Diagnostics, m.TenantID, m.MessageID, seal.Diagnostic)
	return [][]byte{content, diagnostics}, err
}

// sealAnswer seals plaintexts to the asker.
func sealAnswer(answer *schemas.Answer, publicKey []byte, plain [][]byte) error {
	encapsulated, sealed, err := seal.SealTo(publicKey, answer.ControlID, plain...)
	if err != nil {
		return err
	}
	answer.Encapsulated, answer.Ciphertext = encapsulated, sealed[0]
	if len(sealed) > 1 {
		answer.Diagnostics = sealed[1]
	}
	return nil
}
