package wire

import (
	"context"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/boot"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/stages/route"
)

// RouteConfig is the configuration of route.
type RouteConfig struct {
	boot.Common
	Keyless
}

// Check names what single variables cannot show.
func (c *RouteConfig) Check() []boot.Problem { return c.Keyless.check() }

// router is validated -> routed.
type router struct {
	process *boot.Process
	log     pipeline.Log
	regs    registers
	stage   route.Stage
}

// Route wires validated -> routed. It holds no key: the payload goes through sealed.
func Route(p *boot.Process, _ *RouteConfig) (boot.Service, error) {
	r := &router{process: p, log: p.Cluster.Log(), regs: newRegisters(p)}
	r.stage = route.Stage{Tenant: r.regs.tenant, Stopped: r.regs.stopped, Suppressed: r.regs.objected.stand, Transfers: route.Default(), PolicyVersion: PolicyVersion}
	group := kafka.Group{
		Cluster: p.Cluster, ID: "wl.route", Logger: p.Log, Topics: topicsWith(p.Cluster, "", ValidatedT),
		Own: func(ctx context.Context, o *kafka.Owned) error {
			return r.batch().Run(ctx, behind(p.Cluster, o.Source()))
		},
	}
	return guarded(p, boot.Service{Ready: r.regs.ready, Run: func(ctx context.Context) error { return r.regs.run(ctx, group.Run) }}), nil
}

func (r *router) batch() *pipeline.Batch[route.Validated, schemas.Routed] {
	return &pipeline.Batch[route.Validated, schemas.Routed]{
		Name: "route", Decode: r.decode, Step: r.stage.Step, Limits: batchLimits, Metrics: r.process.Metrics,
		Target:      &pipeline.Topics[schemas.Routed]{Encode: r.routed, Log: r.log},
		DeadLetters: &pipeline.Topics[pipeline.DeadLetter[route.Validated]]{Encode: r.rejected, Log: r.log},
	}
}

func (r *router) decode(rec pipeline.Record) (route.Validated, error) {
	v, err := schemas.Validateds.Decode(rec.Value)
	if err != nil {
		return route.Validated{}, undecodable(err)
	}
	return route.Validated{Validated: v, Now: time.Now()}, nil
}

// routed goes on keyed by tenant, so that one owner sees all of a tenant's messages.
func (r *router) routed(_ context.Context, m schemas.Routed) ([]pipeline.Output, error) {
	event := r.stage.Event(&m, time.Now())
	return encodeAll(
		record(RoutedT, []byte(m.TenantID), schemas.Routeds, &m),
		record(EventsT, []byte(m.MessageID), schemas.Events, &event),
	)
}

func (r *router) rejected(ctx context.Context, d pipeline.DeadLetter[route.Validated]) ([]pipeline.Output, error) {
	if d.In == nil {
		return envelope(ctx, nil, "route", d.Record, d.Reason, nil)
	}
	return envelope(ctx, nil, "route", d.Record, d.Reason, &d.In.Validated)
}
