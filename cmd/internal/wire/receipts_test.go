package wire

import (
	"testing"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/stages/redact"
)

// Goal: the receipt of a bucket tells of all its copies, also when its owner changed in mid-bucket. Method: one owner
// strips two copies of a bucket, a new one that knows only what the topic holds strips a third and repeats the second; it is
// a minute of one-second buckets late.
func TestReceiptOfABucketGrowsAcrossOwners(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	p := d.process("redact")
	r := &redactor{process: p, log: p.Cluster.Log()}
	lane := d.cluster.Tail(DeliveredLane(testWindows[0]), 1, 0)
	due := time.Now().Add(-time.Minute).Truncate(time.Second)
	write := func(offsets ...int64) {
		t.Helper()
		prior, err := r.standingReceipts(within(t), lane, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		owner := &laneReceipts{redactor: r, bucket: time.Second, prior: prior}
		var stripped []redact.Stripped
		for _, offset := range offsets {
			s, err := redact.Stage{}.Step(redact.Due{
				Delivered: schemas.Delivered{
					Identity: schemas.Identity{TenantID: "acme-shop", MessageID: messageID, AcceptedAt: due},
					Source:   schemas.Coordinates{Topic: Requests}, OutcomeAt: due, DueAt: due,
					Clear: schemas.Clear{Category: schemas.Utility}, Outcome: schemas.OutcomeSent,
				},
				Position: pipeline.Position{Topic: lane.Topic(), Partition: lane.Partition(), Offset: offset}, Now: time.Now(),
			})
			if err != nil {
				t.Fatal(err)
			}
			stripped = append(stripped, s...)
		}
		if err := owner.Write(within(t), pipeline.Span{Topic: lane.Topic(), Partition: lane.Partition()}, stripped); err != nil {
			t.Fatal(err)
		}
	}
	write(0, 1)
	write(1, 2)
	receipts := decodeAll(d, ReceiptsT, schemas.Receipts)
	if len(receipts) != 2 {
		t.Fatalf("%d receipts, want one a write", len(receipts))
	}
	last := receipts[1]
	if last.Count != 3 || last.FirstOffset != 0 || last.LastOffset != 2 || last.Partition != 1 || last.State != redact.Expired {
		t.Errorf("the last receipt tells of %d copies, %d to %d", last.Count, last.FirstOffset, last.LastOffset)
	}
}

// Goal: the memory of a lane is a few buckets, counted from where the lane is: a redact that was down for long still adds to
// the bucket it is at. Method: receipts of two buckets an hour ago, and one long before them.
func TestReceiptsOfBucketsLongPastAreForgotten(t *testing.T) {
	at := time.Now().Add(-time.Hour)
	l := laneReceipts{bucket: time.Second, prior: map[string]schemas.Receipt{
		"old": {Bucket: at.Add(-time.Minute)}, "before": {Bucket: at.Add(-time.Second)}, "present": {Bucket: at},
	}}
	l.forget()
	if _, kept := l.prior["old"]; kept || len(l.prior) != 2 {
		t.Errorf("kept %d", len(l.prior))
	}
}
