package e2e

import (
	"errors"
	"strings"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/wire"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/seal"
	"github.com/whatsapplink/cloud/schemas"
)

// readable sees that what is in the topics can be opened, before the deadline.
func (p *proof) readable() {
	sealed, opened := p.open()
	p.log("%d requests with %d canaries: %d of %d sealed values can be opened", p.requests, p.canaries.n, opened, sealed)
	if p.opened[providerWords] == 0 && !p.stuck {
		p.t.Fatal("no diagnostics hold the provider's words")
	}
	if opened < p.requests-p.none {
		p.t.Fatalf("only %d of %d copies can be opened within the window", opened, p.requests-p.none)
	}
}

// open reads every record of some topics, none meaning all, looks for canaries in it, and opens what is sealed with every
// key that the key topics still hold, whatever the clock says. What opens must hold a canary: else the scan that finds none
// elsewhere would show nothing.
func (p *proof) open(only ...string) (sealed, opened int) {
	opener := seal.NewOpener(seal.OpenerConfig{
		Keeper: p.keeper, ShortestBucket: bucket, Now: func() time.Time { return p.began },
		Tail: func(topic string, from int64) pipeline.Source { return p.cluster.Tail(topic, 0, from) },
	})
	topics, err := p.cluster.Topics(p.ctx)
	p.must(err)
	for topic := range topics {
		if len(only) > 0 && !among(topic, only) {
			continue
		}
		records, err := p.read(p.cluster, topic)
		p.must(err)
		for _, r := range records {
			if !may(topic) {
				p.record(r)
			}
			for _, e := range p.envelopesOf(topic, r.Value) {
				sealed++
				switch plain, err := opener.Open(p.ctx, e.sealed, e.tenant, e.message, e.purpose); {
				case err == nil:
					opened++
					hits := p.canaries.In(plain)
					p.must(unless(len(hits) > 0 || e.foreign, "what %s seals holds no canary", r.Position))
					for _, name := range hits {
						p.opened[name]++
					}
				case !errors.Is(err, seal.ErrGone):
					p.t.Fatalf("open %s: %v", r.Position, err)
				}
			}
		}
	}
	return sealed, opened
}

// finals are the append times of the final outcomes, by message.
func (p *proof) finals() (map[string]time.Time, error) {
	all := map[string]time.Time{}
	attempts, err := p.read(p.cluster, wire.Attempts)
	for _, r := range attempts {
		if a, err := schemas.Attempts.Decode(r.Value); err == nil && a.Class.Final() && all[a.MessageID].IsZero() {
			all[a.MessageID] = r.AppendedAt
		}
	}
	return all, err
}

// copies is how many copies were ever written to the lanes.
func (p *proof) copies() (n int, err error) {
	for _, w := range p.windows() {
		more, err := p.count(wire.DeliveredLane(w))
		if err != nil {
			return 0, err
		}
		n += more
	}
	return n, nil
}

// count tells how many records were ever appended to a topic.
func (p *proof) count(topic string) (n int, err error) {
	topics, err := p.cluster.Topics(p.ctx)
	for partition := range topics[topic] {
		if err == nil {
			var next int64
			_, next, err = p.cluster.Bounds(p.ctx, topic, partition)
			n += int(next)
		}
	}
	return n, err
}

// envelope is a sealed value with what it takes to open it.
type envelope struct {
	sealed          schemas.Sealed
	tenant, message string
	purpose         seal.Purpose
	foreign         bool // diagnostics, a control or an envelope of ours: it need not hold a word of content
}

// envelopesOf are the sealed values of a record.
func (p *proof) envelopesOf(topic string, value []byte) (all []envelope) {
	switch {
	case topic == wire.ValidatedT:
		if v, err := schemas.Validateds.Decode(value); err == nil {
			all = append(all, envelope{v.Payload, v.TenantID, v.MessageID, seal.Transit, false})
		}
	case topic == wire.RoutedT || strings.HasPrefix(topic, "retry."):
		if v, err := schemas.Routeds.Decode(value); err == nil {
			all = append(all, envelope{v.Payload, v.TenantID, v.MessageID, seal.Transit, false})
		}
	case strings.HasPrefix(topic, "delivered."):
		if v, err := schemas.Delivereds.Decode(value); err == nil {
			for _, s := range []*schemas.Sealed{v.Content, v.Diagnostics} {
				if s != nil {
					all = append(all, envelope{*s, v.TenantID, v.MessageID, seal.Diagnostic, s == v.Diagnostics})
				}
			}
		}
	case topic == wire.RejectedT:
		if v, err := schemas.Rejecteds.Decode(value); err == nil {
			switch {
			case v.Original.Version == 0: // by a stage without a key: nothing of the record
				p.must(unless(len(v.Original.Ciphertext) == 0, "a letter of %s holds clear bytes", v.Stage))
			case v.Stage == "validate" || v.MessageID == v.Source.String(): // the record, sealed as it came in
				all = append(all, envelope{v.Original, v.TenantID, v.MessageID, seal.RejectedInput, v.Stage != "validate"})
			default: // the envelope as it came
				all = append(all, envelope{v.Original, v.TenantID, v.MessageID, seal.Transit, false})
			}
		}
	}
	return all
}
