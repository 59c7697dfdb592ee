package main

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/whatsapplink/cloud/cmd/internal/wire"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/pipeline/seal"
	"github.com/whatsapplink/cloud/schemas"
)

// askFlags say who asks custody, and what for.
type askFlags struct {
	Purpose  string        `required:"" enum:"debug,support" help:"debug or support."`
	Incident string        `required:"" help:"Incident id it is for."`
	Actor    string        `help:"Your staff id; the account's name when left out."`
	Wait     time.Duration `default:"20s" help:"How long to wait for custody's answer."`
}

// refused is custody's no.
type refused struct{ reason string }

func (r refused) Error() string { return "custody refused: " + r.reason }

// ask publishes a control with an ephemeral key, which exists only in this process, and returns what the answer that is
// sealed to it holds: nothing where there is nothing to show. Errors: refused.
func (o *operator) ask(ctx context.Context, f askFlags, verb, tenant, message string) ([][]byte, error) {
	asker, err := seal.NewAsker()
	if err != nil {
		return nil, err
	}
	if f.Actor == "" {
		if u, err := user.Current(); err == nil {
			f.Actor = u.Username
		}
	}
	control := schemas.Control{
		ControlID: ulid.Make().String(), TenantID: tenant, Verb: verb, MessageID: message, Actor: f.Actor,
		Purpose: f.Purpose, IncidentID: f.Incident, PublicKey: asker.PublicKey(), At: time.Now().UTC(),
	}
	value, err := schemas.Controls.Encode(&control)
	if err != nil {
		return nil, fmt.Errorf("encode control: %w", err)
	}
	_, end, err := o.process.Cluster.Bounds(ctx, wire.AnswersT, 0)
	if err != nil {
		return nil, err
	}
	if _, err := o.process.Cluster.Log().Append(ctx, []pipeline.Output{{
		Topic: wire.ControlsT, Partition: 0, Key: []byte(tenant), Value: value,
	}}); err != nil {
		return nil, err
	}
	answer, err := awaitAnswer(ctx, o.process.Cluster, end, control.ControlID, f.Wait)
	switch {
	case err != nil:
		return nil, err
	case answer.Status == "refused":
		return nil, refused{answer.Reason}
	case answer.Ciphertext == nil:
		return nil, nil
	}
	sealed := [][]byte{answer.Ciphertext}
	if answer.Diagnostics != nil {
		sealed = append(sealed, answer.Diagnostics)
	}
	return asker.Open(answer.ControlID, answer.Encapsulated, sealed...)
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
