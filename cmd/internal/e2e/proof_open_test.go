package e2e

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/wire"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/seal"
	"github.com/whatsapplink/cloud/schemas"
)

// readable sees that what is in the topics can be opened, before the deadline.
func (p *proof) readable() {
	sealed, opened, err := p.open()
	p.must(err)
	p.log("%d requests with %d canaries: %d of %d sealed values can be opened", p.requests, p.canaries.n, opened, sealed)
	if opened < p.requests {
		p.t.Fatalf("only %d of %d copies can be opened within the window", opened, p.requests)
	}
}

// open reads every record of every topic, looks for canaries in it, and opens what is sealed with every key that the key
// topics still hold, whatever the clock says.
func (p *proof) open() (sealed, opened int, err error) {
	keeper, err := seal.OpenKeeper(p.Environment["WL_KEYS_URL"], "")
	p.must(err)
	opener := seal.NewOpener(seal.OpenerConfig{
		Keeper: keeper, ShortestBucket: bucket, Now: func() time.Time { return p.began },
		Tail: func(topic string, from int64) pipeline.Source { return p.cluster.Tail(topic, 0, from) },
	})
	topics, err := p.cluster.Topics(p.ctx)
	p.must(err)
	for topic := range topics {
		records, err := p.read(p.cluster, topic)
		if err != nil {
			return 0, 0, err
		}
		for _, r := range records {
			if hits := p.canaries.in(slices.Concat(r.Key, r.Value)); len(hits) > 0 && !strings.HasPrefix(topic, wire.Requests) {
				p.t.Errorf("%s holds %v", r.Position, hits)
			}
			for _, e := range envelopesOf(topic, r.Value) {
				sealed++
				switch _, err := opener.Open(p.ctx, e.sealed, e.tenant, e.message, e.purpose); {
				case err == nil:
					opened++
				case !errors.Is(err, seal.ErrGone):
					return 0, 0, fmt.Errorf("open %s: %w", r.Position, err)
				}
			}
		}
	}
	return sealed, opened, nil
}

// envelope is a sealed value with what it takes to open it.
type envelope struct {
	sealed          schemas.Sealed
	tenant, message string
	purpose         seal.Purpose
}

// envelopesOf are the sealed values of a record.
func envelopesOf(topic string, value []byte) (all []envelope) {
	switch {
	case topic == wire.ValidatedT:
		if v, err := schemas.Validateds.Decode(value); err == nil {
			all = append(all, envelope{v.Payload, v.TenantID, v.MessageID, seal.Transit})
		}
	case topic == wire.RoutedT || strings.HasPrefix(topic, "retry."):
		if v, err := schemas.Routeds.Decode(value); err == nil {
			all = append(all, envelope{v.Payload, v.TenantID, v.MessageID, seal.Transit})
		}
	case strings.HasPrefix(topic, "delivered."):
		if v, err := schemas.Delivereds.Decode(value); err == nil {
			for _, s := range []*schemas.Sealed{v.Content, v.Diagnostics} {
				if s != nil {
					all = append(all, envelope{*s, v.TenantID, v.MessageID, seal.Diagnostic})
				}
			}
		}
	case topic == wire.RejectedT:
		if v, err := schemas.Rejecteds.Decode(value); err == nil {
			all = append(all, envelope{v.Original, v.TenantID, v.MessageID, seal.RejectedInput})
		}
	}
	return all
}
