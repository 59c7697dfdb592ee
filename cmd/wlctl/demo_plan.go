package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/whatsapplink/cloud/cmd/internal/wire"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/seal"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/stages/listen"
	"github.com/whatsapplink/cloud/stages/validate/validatetest"
)

// objector is the recipient of the planted bad requests, who objected to marketing. No sample is for this number.
const objector = "+4915112345678"

// repeatEvery is how often a request is published a second time.
const repeatEvery = 100

// plan is what the demo publishes: samples, some of them twice, and one bad record per reason.
type plan struct {
	outputs   []pipeline.Output
	published int
	repeats   int
	bad       map[string]int // planted, by reason
	canaries  canaries
}

// newPlan makes n requests. Left out are reasons that no record can have: those the codec cannot write, a schema that
// only a registry knows, and a defect of ours.
func newPlan(n int, seed uint64, w *world) (*plan, error) {
	planted := rand.Text() // no ULID: those of one millisecond are alike
	p := &plan{bad: map[string]int{}, canaries: newCanaries(planted)}
	now := time.Now().UTC()
	if err := p.plantBad(now, planted); err != nil {
		return nil, err
	}
	registered := map[string]schemas.Tenant{}
	for _, t := range w.tenants {
		registered[t.TenantID] = t
	}
	samples, err := newSampler(seed, registered)
	if err != nil {
		return nil, err
	}
	samples.canary = planted
	for len(p.outputs) < n {
		r := samples.next(now)
		if r.Recipient.Phone == objector {
			continue
		}
		p.canaries.Phone(r.Recipient.Phone)
		output, err := requestOutput(wire.Requests, &r)
		if err != nil {
			return nil, err
		}
		p.outputs = append(p.outputs, output)
		if len(p.outputs)%repeatEvery == 0 && len(p.outputs) < n {
			p.outputs = append(p.outputs, output)
			p.repeats++
		}
	}
	p.published = len(p.outputs)
	return p, nil
}

// plantBad adds the smallest bad record of each reason, a canary in those with a text.
func (p *plan) plantBad(now time.Time, canary string) error {
	good := validatetest.Good(ulid.Make().String(), objector)
	good.CreatedAt = now
	good.Content = schemas.Text{Body: "Your parcel is on its way. " + canary}
	value, err := schemas.MessageRequests.Encode(&good)
	if err != nil {
		return fmt.Errorf("encode a request: %w", err)
	}
	for reason, bytes := range validatetest.Values(value) {
		p.plant(reason, pipeline.Output{Topic: wire.Requests, Partition: pipeline.AnyPartition, Value: bytes})
	}
	for reason, r := range validatetest.Requests(good) {
		if slices.Contains(validatetest.Unencodable, reason) {
			continue
		}
		if r.MessageID == good.MessageID {
			r.MessageID = ulid.Make().String()
		}
		output, err := requestOutput(wire.Requests, &r)
		if err != nil {
			return fmt.Errorf("encode the bad request of %s: %w", reason, err)
		}
		p.plant(reason, output)
	}
	foreign := good // published to another tenant's own topic
	foreign.MessageID = ulid.Make().String()
	output, err := requestOutput(wire.RequestsOf(ownTopicTenant), &foreign)
	if err != nil {
		return err
	}
	p.plant("tenant_mismatch", output)
	return nil
}

func (p *plan) plant(reason string, o pipeline.Output) {
	p.bad[reason]++
	p.outputs = append(p.outputs, o)
}

// publish appends from one output up to another, a few hundred at a time.
func (p *plan) publish(ctx context.Context, w *world, progress *progress, from, to int) error {
	progress.step("published", p.published)
	log := w.operator.process.Cluster.Log()
	for done := from; done < to; {
		n := min(sendBatch, to-done)
		if _, err := log.Append(ctx, p.outputs[done:done+n]); err != nil {
			return err
		}
		done += n
		progress.at(done, p.published)
	}
	return nil
}

// ownTopicTenant has an ingress topic of its own in the demo.
const ownTopicTenant = "blue-clinic"

// plantTenants registers the tenants that bad requests name, gives one tenant its own topic, and records an objection.
func (w *world) plantTenants(ctx context.Context) error {
	if err := w.operator.tenantTopics(ctx, ownTopicTenant, false, true); err != nil {
		return err
	}
	keeper, err := seal.OpenKeeper(w.operator.cfg.RefsURL, "")
	if err != nil {
		return err
	}
	registered, err := w.operator.tenants(ctx)
	if err != nil {
		return err
	}
	shop := registered["acme-shop"]
	for _, t := range validatetest.Tenants(shop) {
		t.Outcomes = false
		if t.RefsKey, err = seal.NewRefsKey(ctx, keeper); err != nil {
			return err
		}
		if err := w.operator.putTenant(ctx, t); err != nil {
			return err
		}
	}
	refs := seal.NewRefs(keeper, func(string) ([]byte, bool) { return shop.RefsKey, true })
	ref, err := refs.Ref(ctx, shop.TenantID, seal.RefPhone, objector)
	if err != nil {
		return err
	}
	objection := schemas.Suppression{
		Scope: "recipient", TenantID: shop.TenantID, Ref: ref, Category: "marketing", State: "stop", EffectiveAt: time.Now().UTC(), Source: "tenant",
	}
	value, err := schemas.Suppressions.Encode(&objection)
	if err != nil {
		return err
	}
	_, err = w.operator.process.Cluster.Log().Append(ctx, []pipeline.Output{{
		Topic: wire.Suppressions, Partition: pipeline.AnyPartition, Key: []byte(listen.SuppressionKey(objection)), Value: value,
	}})
	return err
}
