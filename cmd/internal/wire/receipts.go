package wire

import (
	"context"
	"errors"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/stages/redact"
)

// recentReceipts is how many buckets back a receipt may still grow: the bucket that was being redacted when ownership
// changed, and copies that fall due a little out of order, are well among them. It counts from where the lane is, not from
// now, since redact may have been down.
const recentReceipts = 20

// laneReceipts lands what redact stripped of one lane partition, then the receipts for it: a receipt never runs ahead of
// what it tells.
type laneReceipts struct {
	*redactor
	bucket time.Duration
	prior  map[string]schemas.Receipt // by key, of the buckets that may still grow
}

// Write implements pipeline.Target.
func (l *laneReceipts) Write(ctx context.Context, span pipeline.Span, stripped []redact.Stripped) error {
	records := &pipeline.Topics[redact.Stripped]{Encode: l.stripped, Log: l.log}
	if err := records.Write(ctx, span, stripped); err != nil {
		return err
	}
	bucket := func(string) time.Duration { return l.bucket }
	receipts := redact.Receipts(l.prior, stripped, bucket, time.Now(), PolicyVersion)
	topic := &pipeline.Topics[schemas.Receipt]{Encode: encodeReceipt, Log: l.log}
	if err := topic.Write(ctx, span, receipts); err != nil {
		return err
	}
	for i := range receipts {
		l.prior[redact.ReceiptKey(&receipts[i])] = receipts[i]
	}
	l.forget()
	return nil
}

// forget drops buckets long before the newest, so that the memory of a lane is a few buckets.
func (l *laneReceipts) forget() {
	var newest time.Time
	for _, r := range l.prior {
		if r.Bucket.After(newest) {
			newest = r.Bucket
		}
	}
	for key, r := range l.prior {
		if r.Bucket.Before(newest.Add(-recentReceipts * l.bucket)) {
			delete(l.prior, key)
		}
	}
}

func encodeReceipt(_ context.Context, r schemas.Receipt) ([]pipeline.Output, error) {
	return encodeAll(record(ReceiptsT, []byte(redact.ReceiptKey(&r)), schemas.Receipts, &r))
}

// standingReceipts reads back the receipts of the buckets that a lane partition's next copies may belong to, however long ago the
// owner before ended.
func (r *redactor) standingReceipts(ctx context.Context, lane pipeline.Source, bucket time.Duration) (prior map[string]schemas.Receipt, err error) {
	head := r.process.Cluster.Tail(lane.Topic(), lane.Partition(), lane.Committed())
	since := time.Now()
	err = Scan(ctx, head, func(rec pipeline.Record) error {
		d, err := schemas.Delivereds.Decode(rec.Value)
		if err != nil {
			return nil //nolint:nilerr // it will be rejected; the next one tells
		}
		if d.DueAt.Before(since) {
			since = d.DueAt
		}
		return errEnough
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	return r.receiptsSince(ctx, lane, since.Add(-recentReceipts*bucket))
}

// receiptsSince reads back the receipts of one lane partition that were appended since a time.
func (r *redactor) receiptsSince(ctx context.Context, lane pipeline.Source, since time.Time) (map[string]schemas.Receipt, error) {
	prior := map[string]schemas.Receipt{}
	topics, err := r.process.Cluster.Topics(ctx)
	if err != nil {
		return nil, err
	}
	for partition := range topics[ReceiptsT] {
		from, err := r.process.Cluster.OffsetAt(ctx, ReceiptsT, partition, since)
		if err != nil {
			return nil, err
		}
		err = Scan(ctx, r.process.Cluster.Tail(ReceiptsT, partition, from), func(rec pipeline.Record) error {
			receipt, err := schemas.Receipts.Decode(rec.Value)
			if err == nil && receipt.Lane == lane.Topic() && int(receipt.Partition) == lane.Partition() && receipt.State == redact.Expired {
				prior[redact.ReceiptKey(&receipt)] = receipt
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return prior, nil
}
