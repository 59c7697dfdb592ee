package wire

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/stages/deliver"
)

const (
	// pacingMemory is how far back attempts tell of what pairs still owe.
	pacingMemory = 10 * time.Minute
	// readBackAtMost bounds how many older attempts are in memory at once.
	readBackAtMost = 10_000
)

// deliverPart is one partition's share of a deliverer.
type deliverPart struct {
	*deliverer
	number          int
	parked, inDoubt atomic.Int64 // records in its lanes
}

// start finds how far attempts must be read back: to the earliest accepted_at among the uncommitted records of routed and
// the lanes, less the horizon. A record of routed that is older still reads back by itself when it comes.
func (d *deliverPart) start(ctx context.Context, lanes []pipeline.Source) (since time.Time, offset int64, err error) {
	now := time.Now()
	oldest := now.Add(d.cfg.Horizon - max(d.cfg.Horizon, pacingMemory))
	for i, lane := range lanes {
		cluster := d.process.Cluster
		src := cluster.Tail(lane.Topic(), d.number, lane.Committed())
		err := pipeline.Retry(ctx, pipeline.Backoff{}, "scan "+lane.Topic(), func(ctx context.Context) error {
			return Scan(ctx, src, func(r pipeline.Record) error {
				if i > 0 {
					d.lies(r, 1)
				}
				if m, err := schemas.Routeds.Decode(r.Value); err == nil && m.AcceptedAt.Before(oldest) {
					oldest = m.AcceptedAt
				}
				return nil
			})
		})
		if err != nil {
			return since, 0, err
		}
	}
	since = oldest.Add(-d.cfg.Horizon)
	err = pipeline.Retry(ctx, pipeline.Backoff{}, "find start of attempts", func(ctx context.Context) (err error) {
		offset, err = d.process.Cluster.OffsetAt(ctx, Attempts, d.number, since)
		return err
	})
	return since, offset, err
}

// errEnough ends a scan before the end of the log.
var errEnough = errors.New("read far enough")

// readBack reads a part of older attempts.
func (d *deliverPart) readBack(ctx context.Context, e deliver.ReadBack) (older deliver.Older, err error) {
	offset := e.Next
	if offset == 0 {
		if offset, err = d.process.Cluster.OffsetAt(ctx, Attempts, d.number, e.From); err != nil {
			return older, err
		}
	}
	err = Scan(ctx, d.process.Cluster.Tail(Attempts, d.number, offset), func(r pipeline.Record) error {
		switch {
		case !r.AppendedAt.Before(e.To):
			return errEnough
		case len(older.Records) == readBackAtMost:
			older.Next = r.Offset
			return errEnough
		}
		older.Records = append(older.Records, r)
		return nil
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return older, err
}

// errUnread says that a record was not brought in time: whether it is gone is not known.
var errUnread = errors.New("record not read in time")

// recall reads one record; without a value when it is gone.
func (d *deliverPart) recall(ctx context.Context, at pipeline.Position) (pipeline.Record, error) {
	src := d.process.Cluster.Tail(at.Topic, at.Partition, at.Offset)
	records, err := fetchFor(ctx, src, 5*time.Second)
	if err == nil && len(records) == 0 && src.Position() <= at.Offset {
		err = errUnread
	}
	if err != nil || len(records) == 0 || records[0].Position != at {
		return pipeline.Record{Position: at}, err
	}
	return records[0], nil
}
