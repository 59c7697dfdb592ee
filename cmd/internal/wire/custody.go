package wire

import (
	"context"
	"strings"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/boot"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/pipeline/seal"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/stages/custody"
)

// CustodyConfig is the configuration of custody.
type CustodyConfig struct {
	boot.Common
	Keys
}

// Check names what single variables cannot show.
func (c *CustodyConfig) Check() []boot.Problem { return c.Keys.check() }

// custodian is controls -> audit, answers, events.
type custodian struct {
	process *boot.Process
	log     pipeline.Log
	keeper  seal.Keeper
	regs    registers
	stage   custody.Stage
	opener  *seal.Opener
	auditor *Auditor
}

// decided is a decision with what it takes to carry it out.
type decided struct {
	custody.Decision
	control   schemas.Control
	delivered *schemas.Delivered
}

// Custody wires controls -> audit, answers, events.
func Custody(p *boot.Process, cfg *CustodyConfig) (boot.Service, error) {
	keeper, err := cfg.Keys.keeper()
	if err != nil {
		return boot.Service{}, err
	}
	c := &custodian{process: p, log: p.Cluster.Log(), keeper: keeper, regs: newRegisters(p), auditor: NewAuditor(p.Cluster)}
	c.stage = custody.Stage{Tenant: c.regs.tenant, PolicyVersion: PolicyVersion}
	return boot.Service{Ready: allReady(c.regs.ready, keeper.Ready), Run: c.run}, nil
}

func (c *custodian) run(ctx context.Context) error {
	windows, err := awaitWindows(ctx, c.process)
	if err != nil {
		return nil // asked to stop before the deployment was there
	}
	if err := refuse(ctx, c.process.Cluster, windows, seal.KeyTopic(""), "delivered."); err != nil {
		return err
	}
	c.opener = newOpener(c.process.Cluster, c.keeper, windows)
	group := kafka.Group{
		Cluster: c.process.Cluster, ID: "wl.custody", Logger: c.process.Log, Topics: topicsWith(c.process.Cluster, "", ControlsT),
		Own: func(ctx context.Context, o *kafka.Owned) error { return c.batch(ctx).Run(ctx, o.Source()) },
	}
	return c.regs.run(ctx, group.Run)
}

func (c *custodian) batch(ctx context.Context) *pipeline.Batch[schemas.Control, decided] {
	return &pipeline.Batch[schemas.Control, decided]{
		Name: "custody", Metrics: c.process.Metrics, Limits: pipeline.Limits{Records: 1},
		Decode: func(r pipeline.Record) (schemas.Control, error) {
			v, err := schemas.Controls.Decode(r.Value)
			if err != nil {
				return v, undecodable(err)
			}
			return v, nil
		},
		Step:   func(v schemas.Control) ([]decided, error) { return c.decide(ctx, v) },
		Target: pipeline.TargetFunc[decided](c.carryOut),
		DeadLetters: &pipeline.Topics[pipeline.DeadLetter[schemas.Control]]{Log: c.log,
			Encode: func(_ context.Context, d pipeline.DeadLetter[schemas.Control]) ([]pipeline.Output, error) {
				return envelope("custody", d.Record, d.Reason, nil)
			}},
	}
}

// decide finds the copy and asks the stage.
func (c *custodian) decide(ctx context.Context, control schemas.Control) ([]decided, error) {
	var delivered *schemas.Delivered
	if control.Verb == "show" {
		var err error
		if delivered, err = c.find(ctx, control.TenantID, control.MessageID); err != nil {
			return nil, err
		}
	}
	decisions, err := c.stage.Step(custody.Show{Control: control, Delivered: delivered, Now: time.Now()})
	if err != nil {
		return nil, err
	}
	all := make([]decided, len(decisions))
	for i, d := range decisions {
		all[i] = decided{d, control, delivered}
	}
	return all, nil
}

// find looks for the newest diagnostic copy of a message in every lane. A lane keys by message id, so that one partition
// of each is read.
func (c *custodian) find(ctx context.Context, tenant, message string) (found *schemas.Delivered, err error) {
	topics, err := c.process.Cluster.Topics(ctx)
	if err != nil {
		return nil, err
	}
	for lane, partitions := range topics {
		if !strings.HasPrefix(lane, "delivered.") {
			continue
		}
		src := c.process.Cluster.Tail(lane, kafka.PartitionOf([]byte(message), partitions), kafka.Beginning)
		err := Scan(ctx, src, func(r pipeline.Record) error {
			if string(r.Key) != message {
				return nil
			}
			d, err := schemas.Delivereds.Decode(r.Value)
			if err == nil && d.TenantID == tenant && (found == nil || found.OutcomeAt.Before(d.OutcomeAt)) {
				found = &d
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// carryOut audits first: no audit record, no content. Then it opens, seals the answer to the asker's key, and tells.
func (c *custodian) carryOut(ctx context.Context, _ pipeline.Span, all []decided) error {
	for _, d := range all {
		err := pipeline.Retry(ctx, pipeline.Backoff{}, "audit", func(ctx context.Context) error { return c.auditor.Append(ctx, d.Audit) })
		if err != nil {
			return err
		}
		answers := &pipeline.Topics[decided]{Encode: c.answer, Log: c.log}
		if err := answers.Write(ctx, pipeline.Span{}, []decided{d}); err != nil {
			return err
		}
	}
	return nil
}

// answer opens what was allowed and seals it to the asker.
func (c *custodian) answer(ctx context.Context, d decided) ([]pipeline.Output, error) {
	answer := schemas.Answer{ControlID: d.control.ControlID, Status: "refused", Reason: d.Reason, At: time.Now()}
	var event *schemas.Event
	if d.Allow {
		switch err := c.open(ctx, d, &answer); {
		case unopenable(err):
			answer.Reason = custody.ReasonKeyGone
		case err != nil:
			return nil, err
		default:
			answer.Status, event = "shown", d.Event
		}
	}
	outputs := []output{record(AnswersT, []byte(answer.ControlID), schemas.Answers, &answer)}
	if event != nil {
		outputs = append(outputs, record(EventsT, []byte(event.MessageID), schemas.Events, event))
	}
	return encodeAll(outputs...)
}

// open fills the answer with content and, where there are any, diagnostics.
func (c *custodian) open(ctx context.Context, d decided, answer *schemas.Answer) error {
	m := d.delivered
	content, err := c.opener.Open(ctx, *m.Content, m.TenantID, m.MessageID, seal.Diagnostic)
	if err != nil {
		return err
	}
	plain := [][]byte{content}
	if m.Diagnostics != nil {
		diagnostics, err := c.opener.Open(ctx, *m.Diagnostics, m.TenantID, m.MessageID, seal.Diagnostic)
		if err != nil {
			return err
		}
		plain = append(plain, diagnostics)
	}
	encapsulated, sealed, err := seal.SealTo(d.control.PublicKey, d.control.ControlID, plain...)
	if err != nil {
		return err
	}
	answer.Encapsulated, answer.Ciphertext = encapsulated, sealed[0]
	if len(sealed) > 1 {
		answer.Diagnostics = sealed[1]
	}
	return nil
}
