package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/user"
	"reflect"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/whatsapplink/cloud/cmd/internal/wire"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/pipeline/seal"
	"github.com/whatsapplink/cloud/schemas"
)

type contentCmd struct {
	Show contentShowCmd `cmd:"" help:"Show a message's content within its diagnostic window. Audited before it is shown."`
}

type contentShowCmd struct {
	MessageID string        `arg:"" help:"Message id."`
	Tenant    string        `required:"" help:"Tenant id."`
	Purpose   string        `required:"" enum:"debug,support" help:"debug or support."`
	Incident  string        `required:"" help:"Incident id the showing is for."`
	Actor     string        `help:"Your staff id; the account's name when left out."`
	Wait      time.Duration `default:"20s" help:"How long to wait for custody's answer."`
}

// Run asks custody and prints what it may show. The answer is sealed to a key that exists only in this process.
func (c *contentShowCmd) Run(ctx context.Context, s streams) error {
	o, err := connected(ctx, s)
	if err != nil {
		return err
	}
	defer o.close()
	if c.Actor == "" {
		if u, err := user.Current(); err == nil {
			c.Actor = u.Username
		}
	}
	shown, err := o.show(ctx, *c)
	if err != nil {
		return err
	}
	return printShown(s.out, shown)
}

// shown is what custody let the asker see.
type shown struct {
	Payload     schemas.Payload
	Diagnostics *schemas.Diagnostics
}

// refused is custody's no.
type refused struct{ reason string }

func (r refused) Error() string { return "custody refused: " + r.reason }

// show publishes a control with an ephemeral key and waits for the answer sealed to it.
func (o *operator) show(ctx context.Context, c contentShowCmd) (shown, error) {
	asker, err := seal.NewAsker()
	if err != nil {
		return shown{}, err
	}
	control := schemas.Control{
		ControlID: ulid.Make().String(), TenantID: c.Tenant, Verb: "show", MessageID: c.MessageID, Actor: c.Actor,
		Purpose: c.Purpose, IncidentID: c.Incident, PublicKey: asker.PublicKey(), At: time.Now().UTC(),
	}
	value, err := schemas.Controls.Encode(&control)
	if err != nil {
		return shown{}, fmt.Errorf("encode control: %w", err)
	}
	_, end, err := o.process.Cluster.Bounds(ctx, wire.AnswersT, 0)
	if err != nil {
		return shown{}, err
	}
	if _, err := o.process.Cluster.Log().Append(ctx, []pipeline.Output{{
		Topic: wire.ControlsT, Partition: 0, Key: []byte(c.Tenant), Value: value,
	}}); err != nil {
		return shown{}, err
	}
	answer, err := awaitAnswer(ctx, o.process.Cluster, end, control.ControlID, c.Wait)
	if err != nil {
		return shown{}, err
	}
	if answer.Status != "shown" {
		return shown{}, refused{answer.Reason}
	}
	return openAnswer(asker, answer)
}

func awaitAnswer(ctx context.Context, c *kafka.Cluster, from int64, controlID string, wait time.Duration) (schemas.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	src := c.Tail(wire.AnswersT, 0, from)
	for {
		records, err := src.Fetch(ctx)
		if err != nil {
			return schemas.Answer{}, errors.New("custody did not answer in time (is it running? wlctl lag)")
		}
		for _, r := range records {
			if string(r.Key) != controlID {
				continue
			}
			return schemas.Answers.Decode(r.Value)
		}
	}
}

func openAnswer(asker *seal.Asker, answer schemas.Answer) (shown, error) {
	sealed := [][]byte{answer.Ciphertext}
	if answer.Diagnostics != nil {
		sealed = append(sealed, answer.Diagnostics)
	}
	plain, err := asker.Open(answer.ControlID, answer.Encapsulated, sealed...)
	if err != nil {
		return shown{}, err
	}
	var s shown
	if s.Payload, err = schemas.Payloads.Decode(plain[0]); err != nil {
		return s, err
	}
	if len(plain) > 1 {
		d, err := schemas.DiagnosticsCodec.Decode(plain[1])
		if err != nil {
			return s, err
		}
		s.Diagnostics = &d
	}
	return s, nil
}

// printShown prints JSON: the recipient, the content and the provider's answer.
func printShown(w io.Writer, s shown) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	object := plain(reflect.ValueOf(s.Payload)).(map[string]any)
	object["content_type"] = s.Payload.Content.ContentType()
	if s.Diagnostics != nil {
		object["diagnostics"] = plain(reflect.ValueOf(*s.Diagnostics))
	}
	return encoder.Encode(object)
}
