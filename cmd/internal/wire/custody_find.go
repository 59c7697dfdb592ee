package wire

import (
	"context"
	"errors"
	"math"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/pipeline/seal"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/stages/custody"
)

// producersClock is how much a producer's clock, which a ULID bears, may be ahead for a copy to be found at once.
const producersClock = 10 * time.Minute

// find looks for the best diagnostic copy of a message in every lane (see before). A lane keys by message id, so that one partition
// of each is read.
func (c *custodian) find(ctx context.Context, tenant, message string) (found *schemas.Delivered, err error) {
	topics, err := c.process.Cluster.Topics(ctx)
	if err != nil {
		return nil, err
	}
	for lane, partitions := range topics {
		window, ok := strings.CutPrefix(lane, "delivered.")
		if !ok {
			continue
		}
		length, err := seal.ParseWindow(window)
		if err != nil {
			continue // no lane of ours
		}
		at := scanned{lane, kafka.PartitionOf([]byte(message), partitions), time.Now().Add(-length - seal.Bucket(length, MinBucket(length)))}
		err = c.newest(ctx, at, message, func(r pipeline.Record) bool {
			d, err := schemas.Delivereds.Decode(r.Value)
			mine := err == nil && d.TenantID == tenant && d.Reason != schemas.ReasonResealed
			if mine && (found == nil || before(found, &d)) {
				found = &d
			}
			return mine
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// before says that b is to be had rather than a: the copy of a later send, else the one that can be read longer. Whoever
// does the end of a send again writes a further copy of it, late, and so in a shorter lane or without content.
func before(a, b *schemas.Delivered) bool {
	switch {
	case !a.OutcomeAt.Equal(b.OutcomeAt):
		return a.OutcomeAt.Before(b.OutcomeAt)
	case (a.Content == nil) != (b.Content == nil):
		return a.Content == nil
	}
	return a.DueAt.Before(b.DueAt)
}

// letter looks for the newest letter of a record, by its source coordinates.
func (c *custodian) letter(ctx context.Context, source string) (found *custody.Letter, err error) {
	topics, err := c.process.Cluster.Topics(ctx)
	if err != nil {
		return nil, err
	}
	at := scanned{RejectedT, kafka.PartitionOf([]byte(source), topics[RejectedT]), time.Now().Add(-custody.LetterWindow)}
	err = c.newest(ctx, at, source, func(r pipeline.Record) bool {
		v, err := schemas.Rejecteds.Decode(r.Value)
		if err == nil {
			found = &custody.Letter{Rejected: v, AppendedAt: r.AppendedAt}
		}
		return err == nil
	})
	return found, err
}

// scanned is a partition and the earliest append time of what may still be read in it.
type scanned struct {
	topic     string
	partition int
	since     time.Time
}

// newest gives the records of a key to is, which says whether one is what is looked for. Nothing is indexed by message, so
// the partition is scanned, by key and without decoding, from the offset of the earliest append time that may still be
// read; where the key is a ULID, first from the time it bears on, and before that only if nothing was found.
func (c *custodian) newest(ctx context.Context, at scanned, key string, is func(pipeline.Record) bool) error {
	cluster := c.process.Cluster
	start, err := cluster.OffsetAt(ctx, at.topic, at.partition, at.since)
	if err != nil {
		return err
	}
	near := start
	if made := madeAt(key).Add(-producersClock); made.After(at.since) {
		if near, err = cluster.OffsetAt(ctx, at.topic, at.partition, made); err != nil {
			return err
		}
	}
	found := false
	scan := func(from, to int64) error {
		src := cluster.Tail(at.topic, at.partition, from)
		return Scan(ctx, src, func(r pipeline.Record) error {
			if r.Offset >= to {
				return errEnough
			}
			if string(r.Key) == key && is(r) {
				found = true
			}
			return nil
		})
	}
	if err := scan(near, unbounded); err != nil || found || near <= start {
		return err
	}
	if err := scan(start, near); !errors.Is(err, errEnough) {
		return err
	}
	return nil
}

const unbounded = math.MaxInt64

// madeAt is the time that an id bears, where it is a ULID; the epoch where it bears none.
func madeAt(id string) time.Time {
	parsed, err := ulid.ParseStrict(id)
	if err != nil {
		return time.UnixMilli(0)
	}
	return ulid.Time(parsed.Time())
}
