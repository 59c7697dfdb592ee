package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"text/tabwriter"
	"time"

	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/stages/custody"
)

type rejectedCmd struct {
	List    rejectedListCmd    `cmd:"" help:"List what was rejected and why, without content."`
	Show    rejectedShowCmd    `cmd:"" help:"Show what was rejected, within 24 h. Audited before it is shown."`
	Redrive rejectedRedriveCmd `cmd:"" help:"Have custody publish rejected requests again, byte for byte, within 24 h; with --apply."`
}

// printed is a letter as programs read it.
type printed struct {
	At        time.Time `json:"at"`
	Source    string    `json:"source"`
	Stage     string    `json:"stage"`
	Reason    string    `json:"reason"`
	TenantID  string    `json:"tenant_id"`
	MessageID string    `json:"message_id"`
	SizeBytes int64     `json:"size_bytes"`
	Until     time.Time `json:"until"`   // when it can be shown no more
	Refused   string    `json:"refused"` // why it cannot be redriven, empty where it can
}

func printedOf(l *custody.Letter) printed {
	return printed{
		At: l.AppendedAt, Source: l.Source.String(), Stage: l.Stage, Reason: l.Reason, TenantID: l.TenantID, MessageID: l.MessageID,
		SizeBytes: l.SizeBytes, Until: l.AppendedAt.Add(custody.LetterWindow), Refused: redrivable(l),
	}
}

// redrivable is custody's reason for refusing a redrive, as far as it can be known here.
func redrivable(l *custody.Letter) string {
	return l.Refusal(&custody.Asked{Now: time.Now(), Control: schemas.Control{Verb: custody.Redrive, TenantID: l.TenantID, MessageID: l.Source.String()}})
}

type rejectedListCmd struct {
	letterFilter
	JSON bool `help:"JSON lines." name:"json"`
}

// Run prints the letters, oldest first.
func (c *rejectedListCmd) Run(ctx context.Context, s streams) error {
	o, err := connected(ctx, s)
	if err != nil {
		return err
	}
	defer o.close()
	letters, err := o.letters(ctx, c.letterFilter)
	if err != nil {
		return err
	}
	if c.JSON {
		encoder := json.NewEncoder(s.out)
		for _, l := range letters {
			if err := encoder.Encode(printedOf(l)); err != nil {
				return err
			}
		}
		return nil
	}
	table := tabwriter.NewWriter(s.out, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "AT (UTC)\tSOURCE\tSTAGE\tREASON\tTENANT\tMESSAGE\tBYTES\tREDRIVE")
	for _, l := range letters {
		p := printedOf(l)
		if p.Refused == "" {
			p.Refused = "yes"
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\n", p.At.UTC().Format(time.DateTime), p.Source, p.Stage, p.Reason, p.TenantID, p.MessageID, p.SizeBytes, p.Refused)
	}
	return table.Flush()
}

type rejectedShowCmd struct {
	Source string `arg:"" help:"Coordinates of the original, as list prints them: topic/partition/offset."`
	askFlags
}

// Run asks custody and prints the letter with its original: as a request or payload where it is one, else in base64.
func (c *rejectedShowCmd) Run(ctx context.Context, s streams) error {
	o, err := connected(ctx, s)
	if err != nil {
		return err
	}
	defer o.close()
	letters, err := o.letters(ctx, letterFilter{Since: custody.LetterWindow, sources: []string{c.Source}})
	if err != nil {
		return err
	}
	letter := letters[0]
	original, err := o.ask(ctx, c.askFlags, custody.ShowRejected, letter.TenantID, c.Source)
	if err != nil {
		return err
	}
	object := struct {
		printed
		Request  any    `json:"request,omitempty"`
		Payload  any    `json:"payload,omitempty"`
		Original []byte `json:"original,omitempty"`
	}{printed: printedOf(letter), Request: asRequest(original[0]), Payload: asPayload(letter, original[0])}
	if object.Request == nil && object.Payload == nil {
		object.Original = original[0]
	}
	return printObject(s.out, object)
}

// asRequest is the original as JSON, nil where it cannot be read as a request (one written under a registry's schema too).
func asRequest(original []byte) any {
	r, err := schemas.MessageRequests.Decode(original)
	if err != nil {
		return nil
	}
	return plain(reflect.ValueOf(r))
}

// asPayload is the content of a record that decoded, nil for others.
func asPayload(l *custody.Letter, original []byte) any {
	if l.Whole() {
		return nil
	}
	p, err := schemas.Payloads.Decode(original)
	if err != nil {
		return nil
	}
	return payloadObject(p)
}

type rejectedRedriveCmd struct {
	Sources []string `arg:"" optional:"" help:"Coordinates of originals, as list prints them; without, all that the filters pass."`
	letterFilter
	askFlags
	Apply bool `help:"Do it; without, only print the plan."`
}

// Run has custody publish originals again: nobody here sees them. One that is refused does not hold up the others.
func (c *rejectedRedriveCmd) Run(ctx context.Context, s streams) error {
	if c.letterFilter.sources = c.Sources; len(c.Sources) == 0 && c.letterFilter.Tenant == "" && c.letterFilter.Reason == "" {
		return errors.New("say which: coordinates, --tenant or --reason")
	}
	o, err := connected(ctx, s)
	if err != nil {
		return err
	}
	defer o.close()
	letters, err := o.letters(ctx, c.letterFilter)
	if err != nil {
		return err
	}
	failed := 0
	for _, l := range letters {
		refusal := redrivable(l)
		if c.Apply && refusal == "" {
			var no refused
			switch _, err := o.ask(ctx, c.askFlags, custody.Redrive, l.TenantID, l.Source.String()); {
			case errors.As(err, &no):
				refusal = no.reason
			case err != nil:
				return err
			}
		}
		what := "redrive"
		if refusal != "" {
			failed++
			what = "leave (" + refusal + ")"
		}
		_, _ = fmt.Fprintf(s.out, "%s %s to %s/%d: %s, %d bytes, tenant %s\n", what, l.Source, l.Source.Topic, l.Source.Partition, l.Reason, l.SizeBytes, l.TenantID)
	}
	if !c.Apply {
		_, err = fmt.Fprintf(s.out, "%d of %d letters; run again with --apply\n", len(letters)-failed, len(letters))
		return err
	}
	_, _ = fmt.Fprintf(s.out, "%d of %d letters redriven\n", len(letters)-failed, len(letters))
	if failed > 0 {
		return exit(1)
	}
	return nil
}
