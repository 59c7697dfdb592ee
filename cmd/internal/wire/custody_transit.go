package wire

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/schemas"
)

// transit looks for the copy of a message that is on its way and, in the log of outcomes, for whether it still is: a copy can
// outlive the outcome until it is trimmed. The topics are read in the order in which a message passes through them, each up to
// the end that it has when its turn comes, so that one which moves on meanwhile is met further down.
func (c *custodian) transit(ctx context.Context, tenant, message string) (found *schemas.Delivered, err error) {
	topics, err := c.process.Cluster.Topics(ctx)
	if err != nil {
		return nil, err
	}
	take := func(v *schemas.Routed) {
		if v.TenantID == tenant && v.MessageID == message && (found == nil || found.AcceptedAt.After(v.AcceptedAt)) {
			found = &schemas.Delivered{Identity: v.Identity, Source: v.Source, Route: v.Route, Clear: v.Clear, Attempt: v.Attempt, Content: &v.Payload}
		}
	}
	begin := time.UnixMilli(0)                  // what is there is what is not trimmed yet
	for partition := range topics[ValidatedT] { // keyed by recipient
		err := c.scan(ctx, scanned{ValidatedT, partition, begin}, func(r pipeline.Record) {
			if v, err := schemas.Validateds.Decode(r.Value); err == nil {
				take(&schemas.Routed{Validated: v})
			}
		})
		if err != nil {
			return nil, err
		}
	}
	var lanes []string
	for topic := range topics {
		if topic == RoutedT || strings.HasPrefix(topic, "retry.") {
			lanes = append(lanes, topic)
		}
	}
	slices.Sort(lanes)
	slices.Reverse(lanes) // routed first
	for _, lane := range lanes {
		err := c.scan(ctx, scanned{lane, kafka.PartitionOf([]byte(tenant), topics[lane]), begin}, func(r pipeline.Record) {
			if string(r.Key) != tenant {
				return
			}
			if v, err := schemas.Routeds.Decode(r.Value); err == nil {
				take(&v)
			}
		})
		if err != nil {
			return nil, err
		}
	}
	if found == nil || topics[Attempts] == 0 { // without the log of outcomes nothing says that it may still be read
		return nil, nil
	}
	// What is found may be a repeat, accepted after the outcome: it is one within the horizon. An id tells that it is older.
	since := found.AcceptedAt.Add(-c.horizon)
	if made := madeAt(message).Add(-producersClock); made.Before(since) {
		since = made
	}
	found.OutcomeAt, err = c.outcome(ctx, scanned{Attempts, kafka.PartitionOf([]byte(tenant), topics[Attempts]), since}, found.Identity)
	return found, err
}

// outcome is the append time of the first final outcome of a message, zero while it has none.
func (c *custodian) outcome(ctx context.Context, at scanned, id schemas.Identity) (first time.Time, err error) {
	err = c.scan(ctx, at, func(r pipeline.Record) {
		if string(r.Key) != id.TenantID || !first.IsZero() {
			return
		}
		if a, err := schemas.Attempts.Decode(r.Value); err == nil && a.TenantID == id.TenantID && a.MessageID == id.MessageID && a.Class.Final() {
			first = r.AppendedAt
		}
	})
	return first, err
}

// scan gives the records of a partition from an append time on, up to its end.
func (c *custodian) scan(ctx context.Context, at scanned, each func(pipeline.Record)) error {
	start, err := c.process.Cluster.OffsetAt(ctx, at.topic, at.partition, at.since)
	if err != nil {
		return err
	}
	return Scan(ctx, c.process.Cluster.Tail(at.topic, at.partition, start), func(r pipeline.Record) error {
		each(r)
		return nil
	})
}
