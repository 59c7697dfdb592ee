package wire

import (
	"context"
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
	Dedup
}

// Check names what single variables cannot show.
func (c *CustodyConfig) Check() []boot.Problem {
	return append(c.Keys.check(&c.Common), c.Dedup.check()...)
}

// custodian is controls -> audit, answers, events.
type custodian struct {
	process *boot.Process
	log     pipeline.Log
	keeper  seal.Keeper
	regs    registers
	stage   custody.Stage
	auditor *Auditor
	horizon time.Duration // within which a repeated id is the same message

	opener    *seal.Opener
	originals *originals
}

// decided is a decision with what it takes to carry it out.
type decided struct {
	custody.Decision
	asked custody.Asked
}

// Custody wires controls -> audit, answers, events.
func Custody(p *boot.Process, cfg *CustodyConfig) (boot.Service, error) {
	keeper, err := cfg.Keys.keeper()
	if err != nil {
		return boot.Service{}, err
	}
	c := &custodian{process: p, log: p.Cluster.Log(), keeper: keeper, regs: newRegisters(p), auditor: NewAuditor(p.Cluster), horizon: cfg.Horizon}
	c.stage = custody.Stage{Tenant: c.regs.tenant, PolicyVersion: PolicyVersion}
	return guarded(p, boot.Service{Ready: allReady(c.regs.ready, keeper.Ready), Run: c.run}), nil
}

func (c *custodian) run(ctx context.Context) error {
	windows, err := awaitWindows(ctx, c.process)
	if err != nil {
		return nil // asked to stop before the deployment was there
	}
	c.opener = newOpener(c.process.Cluster, c.keeper, windows)
	c.originals = newOriginals(newSealer(c.log, c.keeper, windows, nil), windows)
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
			Encode: func(ctx context.Context, d pipeline.DeadLetter[schemas.Control]) ([]pipeline.Output, error) {
				return envelope(ctx, c.originals, "custody", d.Record, d.Reason, nil)
			}},
	}
}

// decide finds what is asked for and asks the stage.
func (c *custodian) decide(ctx context.Context, control schemas.Control) ([]decided, error) {
	asked := custody.Asked{Control: control}
	var err error
	switch control.Verb {
	case custody.Show:
		asked.Delivered, err = c.find(ctx, control.TenantID, control.MessageID)
		if asked.Delivered == nil && err == nil {
			asked.Transit = true
			asked.Delivered, err = c.transit(ctx, control.TenantID, control.MessageID)
		}
	case custody.ShowRejected, custody.Redrive:
		asked.Letter, err = c.letter(ctx, control.MessageID)
	}
	if err != nil {
		return nil, err
	}
	asked.Now = time.Now()
	decisions, err := c.stage.Step(asked)
	if err != nil {
		return nil, err
	}
	all := make([]decided, len(decisions))
	for i, d := range decisions {
		all[i] = decided{d, asked}
	}
	return all, nil
}

// carryOut audits first: no audit record, no content. Then it does what was asked for, and tells once that is acknowledged.
func (c *custodian) carryOut(ctx context.Context, _ pipeline.Span, all []decided) error {
	for _, d := range all {
		var again, told []pipeline.Output
		steps := []func(ctx context.Context) error{
			func(ctx context.Context) error { return c.auditor.Append(ctx, d.Audit) },
			func(ctx context.Context) (err error) { again, told, err = c.answer(ctx, d); return err },
			func(ctx context.Context) error { return c.append(ctx, again) },
			func(ctx context.Context) error { return c.append(ctx, told) },
		}
		for _, step := range steps {
			if err := pipeline.Retry(ctx, pipeline.Backoff{}, "answer a control", step); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *custodian) append(ctx context.Context, outputs []pipeline.Output) error {
	if len(outputs) == 0 {
		return nil
	}
	_, err := c.log.Append(ctx, outputs)
	return err
}
