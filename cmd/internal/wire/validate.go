package wire

import (
	"context"
	"net/url"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/boot"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/pipeline/seal"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/stages/validate"
)

// ValidateConfig is the configuration of validate.
type ValidateConfig struct {
	boot.Common
	Keys
	RefsKeys
	DefaultWindows
	Registry string `env:"WL_SCHEMA_REGISTRY_URL"`
}

// Check names what single variables cannot show.
func (c *ValidateConfig) Check() []boot.Problem {
	return append(append(c.Keys.check(&c.Common), c.RefsKeys.check(&c.Common)...), c.DefaultWindows.check()...)
}

// validator is requests -> validated, rejected.
type validator struct {
	process  *boot.Process
	cfg      *ValidateConfig
	log      pipeline.Log
	regs     registers
	refs     *seal.Refs
	keeper   seal.Keeper
	requests *schemas.Codec[schemas.MessageRequest]
	plain    *ages

	stage     validate.Stage
	sealer    *seal.Sealer
	originals *originals
}

// Validate wires requests -> validated, rejected.
func Validate(p *boot.Process, cfg *ValidateConfig) (boot.Service, error) {
	keeper, err := cfg.Keys.keeper()
	if err != nil {
		return boot.Service{}, err
	}
	refsKeeper, err := cfg.RefsKeys.keeper()
	if err != nil {
		return boot.Service{}, err
	}
	v := &validator{process: p, cfg: cfg, log: p.Cluster.Log(), regs: newRegisters(p), keeper: keeper, requests: schemas.MessageRequests}
	v.refs = seal.NewRefs(refsKeeper, v.regs.refsKey)
	v.plain = newAges(p.Registry, "wl_plaintext_age_seconds", "Age of the oldest request read and not trimmed, of this process's partitions.")
	if cfg.Registry != "" {
		registry, err := schemas.NewRegistry(cfg.Registry)
		if err != nil || !secureURL(cfg.Registry) {
			return boot.Service{}, boot.Problem{Variable: "WL_SCHEMA_REGISTRY_URL", What: "is not a registry's URL", Hint: "https://host, or http:// on loopback"}
		}
		v.requests = v.requests.WithRegistry(registry)
	}
	return guarded(p, boot.Service{Run: v.run, Ready: allReady(v.regs.ready, keeper.Ready, refsKeeper.Ready)}), nil
}

// secureURL says whether a URL names a host that is asked by TLS, or is this machine.
func secureURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Hostname() != "" && (u.Scheme == "https" || u.Scheme == "http" && boot.Loopback(u.Hostname()))
}

func (v *validator) run(ctx context.Context) error {
	windows, err := awaitWindows(ctx, v.process)
	if err != nil {
		return nil // asked to stop before the deployment was there
	}
	if _, ok := seal.SmallestCovering(windows, v.cfg.delivery()); !ok {
		return boot.Problem{Variable: "WL_DELIVERY_WINDOW", What: "is longer than every window of this deployment", Hint: "wlctl setup with WL_WINDOWS that cover it"}
	}
	v.sealer = newSealer(v.log, v.keeper, windows, nil)
	v.originals = newOriginals(v.sealer, windows)
	v.stage = validate.Stage{
		Tenant: v.regs.tenant, Windows: windows, DeliveryWindow: v.cfg.delivery(), DiagnosticWindow: v.cfg.diagnostic(),
		PolicyVersion: PolicyVersion, Suppressed: v.regs.objected.stand,
		Ref: func(tenant, kind, value string) ([]byte, error) {
			return v.refs.Ref(ctx, tenant, seal.RefKind(kind), value)
		},
	}
	group := kafka.Group{
		Cluster: v.process.Cluster, ID: "wl.validate", Logger: v.process.Log,
		Topics: topicsWith(v.process.Cluster, Requests+".", Requests),
		Own: func(ctx context.Context, o *kafka.Owned) error {
			src := behind(v.process.Cluster, o.Source())
			defer v.plain.of(src, "")()
			return v.batch().Run(ctx, src)
		},
	}
	return v.regs.run(ctx, group.Run)
}

func (v *validator) batch() *pipeline.Batch[validate.Request, validate.Accepted] {
	return &pipeline.Batch[validate.Request, validate.Accepted]{
		Name: "validate", Decode: validate.Decode(v.requests), Step: v.stage.Step, Limits: batchLimits, Metrics: v.process.Metrics,
		Target:      &pipeline.Topics[validate.Accepted]{Encode: v.accepted, Log: v.log},
		DeadLetters: &pipeline.Topics[pipeline.DeadLetter[validate.Request]]{Encode: v.rejected, Log: v.log},
	}
}

// accepted seals what a message says and to whom, and tells of it.
func (v *validator) accepted(ctx context.Context, a validate.Accepted) ([]pipeline.Output, error) {
	m := a.Validated
	var err error
	if m.Payload, m.Seed, err = v.sealer.Seal(ctx, a.TransitWindow, m.TenantID, m.MessageID, seal.Transit, a.Plain); err != nil {
		return nil, err
	}
	event := schemas.NewEvent(schemas.KindAccepted, "validate", m.Identity, &m.Clear, time.Now())
	event.Detail = m.Source.String()
	return encodeAll(
		record(ValidatedT, m.RecipientRef(), schemas.Validateds, &m),
		record(EventsT, []byte(m.MessageID), schemas.Events, &event),
	)
}

// rejected seals what came, since it is content until proven otherwise, and tells the reason only.
func (v *validator) rejected(ctx context.Context, d pipeline.DeadLetter[validate.Request]) ([]pipeline.Output, error) {
	r := d.Record
	tenant, message := v.stage.Identify(d.In, r.Position)
	id := schemas.Identity{TenantID: tenant, MessageID: message, AcceptedAt: r.AppendedAt}
	letter := schemas.Rejected{
		Source: coordinates(r.Position), Stage: "validate", Reason: d.Reason, TenantID: tenant, MessageID: message,
		AcceptedAt: r.AppendedAt, SizeBytes: int64(len(r.Value)),
	}
	if err := v.originals.seal(ctx, &letter, r.Value); err != nil {
		return nil, err
	}
	event := schemas.NewEvent(schemas.KindRejected, "validate", id, &schemas.Clear{PolicyVersion: PolicyVersion}, time.Now())
	event.Detail, event.Reason = letter.Source.String(), d.Reason
	outputs := []output{
		record(RejectedT, []byte(letter.Source.String()), schemas.Rejecteds, &letter),
		record(EventsT, []byte(message), schemas.Events, &event),
	}
	if t, ok := v.regs.tenant(tenant); ok && t.Outcomes {
		outcome := schemas.Outcome{TenantID: tenant, MessageID: message, State: schemas.KindRejected, Reason: d.Reason, At: event.At}
		outputs = append(outputs, record(OutcomesOf(tenant), []byte(message), schemas.Outcomes, &outcome))
	}
	return encodeAll(outputs...)
}
