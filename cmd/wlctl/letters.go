package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/wire"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/stages/custody"
)

// letterFilter chooses among the dead letters.
type letterFilter struct {
	Tenant string        `help:"Of this tenant only; unknown for those that nobody owns."`
	Reason string        `help:"Rejected for this reason only."`
	Since  time.Duration `default:"24h" help:"Rejected at most so long ago."`

	sources []string // of these coordinates only; empty: all
}

func (f *letterFilter) passes(l *schemas.Rejected) bool {
	return (f.Tenant == "" || l.TenantID == f.Tenant) && (f.Reason == "" || l.Reason == f.Reason) &&
		(len(f.sources) == 0 || slices.Contains(f.sources, l.Source.String()))
}

// letters reads rejected from a time on: the newest letter of each record, oldest first. A source that was asked for and
// has none is an error.
func (o *operator) letters(ctx context.Context, f letterFilter) ([]*custody.Letter, error) {
	cluster := o.process.Cluster
	topics, err := cluster.Topics(ctx)
	if err != nil {
		return nil, err
	}
	bySource := map[string]*custody.Letter{}
	for partition := range topics[wire.RejectedT] {
		from, err := cluster.OffsetAt(ctx, wire.RejectedT, partition, time.Now().Add(-f.Since))
		if err != nil {
			return nil, err
		}
		err = wire.Scan(ctx, cluster.Tail(wire.RejectedT, partition, from), func(r pipeline.Record) error {
			l, err := schemas.Rejecteds.Decode(r.Value)
			if err == nil && f.passes(&l) {
				bySource[l.Source.String()] = &custody.Letter{Rejected: l, AppendedAt: r.AppendedAt}
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	for _, source := range f.sources {
		if bySource[source] == nil {
			return nil, fmt.Errorf("no letter of %s within %v (wlctl rejected list)", source, f.Since)
		}
	}
	letters := make([]*custody.Letter, 0, len(bySource))
	for _, l := range bySource {
		letters = append(letters, l)
	}
	slices.SortFunc(letters, func(a, b *custody.Letter) int {
		return cmp.Or(a.AppendedAt.Compare(b.AppendedAt), cmp.Compare(a.Source.String(), b.Source.String()))
	})
	return letters, nil
}
