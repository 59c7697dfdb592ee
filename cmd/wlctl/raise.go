package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/wire"
)

// raisable refuses to raise the partitions of routed and its companions while anything is under way in them: a repeat
// would no longer meet the claim of the first, since its tenant may have another partition now. They must be read to
// their end, lanes included, and the last attempt must be older than the horizon.
func (o *operator) raisable(ctx context.Context, changes []change) error {
	keyed := func(topic string) bool {
		return topic == wire.RoutedT || topic == wire.Attempts || topic == wire.StatusT || strings.HasPrefix(topic, "retry.")
	}
	if !slices.ContainsFunc(changes, func(c change) bool { return keyed(c.raises) }) {
		return nil
	}
	rows, err := o.lag(ctx)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if r.Group == "wl.deliver" && r.LagRecords > 0 {
			return fmt.Errorf("%s still holds %d records: stop validate and wait until wlctl lag shows none before its partitions are raised", r.Topic, r.LagRecords)
		}
	}
	topics, err := o.process.Cluster.Topics(ctx)
	if err != nil {
		return err
	}
	for p := range topics[wire.Attempts] {
		_, end, err := o.process.Cluster.Bounds(ctx, wire.Attempts, p)
		if err != nil {
			return err
		}
		recent, err := o.process.Cluster.OffsetAt(ctx, wire.Attempts, p, time.Now().Add(-o.cfg.Horizon))
		if err != nil {
			return err
		}
		if recent < end {
			return errors.New("something was sent within the horizon: wait WL_DEDUP_HORIZON after the last send before partitions are raised")
		}
	}
	return nil
}
