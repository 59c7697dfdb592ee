package wire

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/pipeline/pipelinetest"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/stages/redact"
)

// copyDue is a copy without content in the lane of 3 s.
func copyDue(due time.Time, seeds ...schemas.SeedRef) schemas.Delivered {
	return schemas.Delivered{
		Identity: schemas.Identity{TenantID: "acme-shop", MessageID: messageID, AcceptedAt: due},
		Source:   schemas.Coordinates{Topic: Requests}, OutcomeAt: due, DueAt: due,
		Clear: schemas.Clear{Category: schemas.Utility, Window: "3s"}, Outcome: schemas.OutcomeSent, Seeds: seeds,
	}
}

// takeOver makes the test the owner of partition 1 of the lane of 3 s.
func takeOver(t *testing.T, r *redactor) *lane {
	t.Helper()
	src := behind(r.process.Cluster, r.process.Cluster.Tail(DeliveredLane(testWindows[0]), 1, 0))
	l, err := r.lane(within(t), src)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// strip hands copies on as stripped, due at a time.
func (l *lane) strip(t *testing.T, due time.Time, offsets ...int64) {
	t.Helper()
	var stripped []redact.Stripped
	for _, offset := range offsets {
		s, err := redact.Stage{}.Step(redact.Due{
			Delivered: copyDue(due, schemas.SeedRef{Topic: "keys.3s", SeedID: []byte("seed-of-the-copy"), AppendedAt: due}),
			Position:  pipeline.Position{Topic: l.topic, Partition: l.partition, Offset: offset}, Now: time.Now(),
		})
		if err != nil {
			t.Fatal(err)
		}
		stripped = append(stripped, s...)
	}
	if err := l.Write(within(t), pipeline.Span{Topic: l.topic, Partition: l.partition}, stripped); err != nil {
		t.Fatal(err)
	}
}

// Goal: the receipt of a bucket tells of all its copies, also when its owner changed in mid-bucket. Method: one owner
// strips two copies of a bucket, a new one that knows only what the topic holds strips a third and repeats the second; it is
// a minute of one-second buckets late.
func TestReceiptOfABucketGrowsAcrossOwners(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	r := newRedactor(d.process("redact"))
	due := time.Now().Add(-time.Minute).Truncate(time.Second)
	takeOver(t, r).strip(t, due, 0, 1)
	takeOver(t, r).strip(t, due, 1, 2)
	receipts := decodeAll(d, ReceiptsT, schemas.Receipts)
	if len(receipts) != 2 {
		t.Fatalf("%d receipts, want one a write", len(receipts))
	}
	last := receipts[1]
	if last.Count != 3 || last.FirstOffset != 0 || last.LastOffset != 2 || last.Partition != 1 || last.State != redact.Expired {
		t.Errorf("the last receipt tells of %d copies, %d to %d", last.Count, last.FirstOffset, last.LastOffset)
	}
}

// Goal: an owner that does not know that its lane was given away tells of no bucket less than the one after it did. Method:
// both own the lane, the new one strips two copies, then the former one the first of them, and then both and a third.
func TestReceiptOfAFormerOwnerTellsNotLess(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	r := newRedactor(d.process("redact"))
	due := time.Now().Add(-time.Minute).Truncate(time.Second)
	former, present := takeOver(t, r), takeOver(t, r)
	present.strip(t, due, 0, 1)
	former.strip(t, due, 0)
	former.strip(t, due, 0, 1, 2)
	present.strip(t, due, 1, 2)
	var counts []int64
	for _, receipt := range decodeAll(d, ReceiptsT, schemas.Receipts) {
		counts = append(counts, receipt.Count)
	}
	if !slices.Equal(counts, []int64{2, 3}) {
		t.Errorf("receipts of %d copies, want 2, then 3", counts)
	}
}

// Goal: a new owner finds every bucket that waits, however long ago it expired. Method: three buckets, of which the middle
// one waits; a new owner that looks back a millisecond at first, then further, and finds in the last receipt how far.
func TestReadingBackFindsTheOldestThatWaits(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	r := newRedactor(d.process("redact"))
	now := time.Now().Truncate(time.Second)
	day := func(n int) time.Time { return now.Add(time.Duration(n) * 24 * time.Hour) }
	l := takeOver(t, r)
	if oldest, _, err := l.readSince(within(t), time.Now()); err != nil || !oldest.IsZero() {
		t.Fatalf("found %v where there is nothing, %v", oldest, err)
	}
	l.strip(t, day(-9), 0)
	l.strip(t, day(-8), 1)
	l.strip(t, day(-7), 2)
	erase := func(l *lane, bucket time.Time) {
		t.Helper()
		_, err := l.tell(within(t), func(*redact.Ledger) []schemas.Receipt {
			i := slices.IndexFunc(l.ledger.Waiting(), func(r schemas.Receipt) bool { return r.Bucket.Equal(bucket) })
			erased := l.ledger.Waiting()[i]
			erased.State = redact.Erased
			return []schemas.Receipt{erased}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	erase(l, day(-9))
	told := time.Now()
	eventually(t, "the next receipt is a second later", func() bool { return time.Since(told) > time.Second })
	erase(l, day(-7))
	next := takeOver(t, r)
	if err := next.readBack(within(t), time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if w := next.ledger.Waiting(); len(w) != 1 || !w[0].Bucket.Equal(day(-8)) {
		t.Fatalf("%d wait", len(w))
	}
	erase(next, day(-8))
	if w := takeOver(t, r).ledger.Waiting(); len(w) != 0 {
		t.Errorf("%d wait after all are erased", len(w))
	}
	// What stands in the header is where to read from.
	headers := 0
	for _, rec := range d.read(ReceiptsT) {
		for _, h := range rec.Headers {
			if at, err := time.Parse(time.RFC3339, string(h.Value)); h.Key == oldestHeader && err == nil && !at.After(day(-8)) {
				headers++
			}
		}
	}
	if headers != 6 {
		t.Errorf("%d of 6 receipts tell of the oldest that waited", headers)
	}
}

// crashWorld is a lane of seven copies over three buckets, one of which nobody can decode, in a log that crashes.
type crashWorld struct {
	t      *testing.T
	log    *pipelinetest.Log
	gone   map[string]time.Time // seeds, by id
	copies int64
}

// life takes the lane over, strips what is due, and erases as seeds go, until it is done or dies.
func (w *crashWorld) life() error {
	d := &deployment{t: w.t, logs: &safeBuffer{}, env: map[string]string{"WL_KAFKA_BROKERS": "127.0.0.1:1"}}
	r := newRedactor(d.process("redact"))
	r.log = w.log
	r.tail = func(topic string, partition int, from int64) pipeline.Source {
		return w.log.Tail(topic, partition, from)
	}
	topic := DeliveredLane(testWindows[0])
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	l := &lane{redactor: r, ctx: ctx, topic: topic, window: testWindows[0], bucket: time.Second}
	if _, err := l.read(ctx, r.tail(ReceiptsT, 0, kafka.Beginning)); err != nil {
		return err
	}
	ended := make(chan error, 1)
	batch := r.batch(l, l.bucket)
	batch.Limits.Records = 3
	go func() { ended <- batch.Run(ctx, w.log.Source(topic, 0, "wl.redact")) }()
	synctest.Wait()
	for n := range 3 {
		time.Sleep(10 * time.Second) // of the bubble
		if id := fmt.Sprintf("seed-%011d", n); w.gone[id].IsZero() {
			w.gone[id] = time.Now()
		}
		_, err := l.tell(ctx, func(g *redact.Ledger) []schemas.Receipt {
			return g.Erase(func(s *schemas.SeedRef) time.Time { return w.gone[string(s.SeedID)] }, l.bucket, time.Now())
		})
		if err != nil {
			stop()
			<-ended
			return err
		}
	}
	stop()
	return <-ended
}

// check reads the log of receipts in its order.
func (w *crashWorld) check() error {
	state := map[time.Time]schemas.Receipt{}
	told := int64(0)
	for _, rec := range w.log.Records(ReceiptsT) {
		r, err := schemas.Receipts.Decode(rec.Value)
		if err != nil {
			return err
		}
		before := state[r.Bucket]
		if before.State == redact.Erased && (r.State != redact.Erased || r.Count != before.Count) {
			return fmt.Errorf("bucket %v went back", r.Bucket)
		}
		if r.State == redact.Erased {
			if before.State == "" || r.Count != before.Count {
				return fmt.Errorf("bucket %v is erased otherwise than it expired", r.Bucket)
			}
			for _, s := range r.Seeds {
				if at := w.gone[string(s.SeedID)]; at.IsZero() || rec.AppendedAt.Before(at.Truncate(time.Millisecond)) {
					return fmt.Errorf("bucket %v was erased before its seed was gone", r.Bucket)
				}
			}
			if before.State == redact.Expired {
				told += r.Count
			}
		}
		state[r.Bucket] = r
	}
	for bucket, r := range state {
		if r.State != redact.Erased {
			return fmt.Errorf("bucket %v ends %s", bucket, r.State)
		}
	}
	stripped := map[string]bool{}
	for _, rec := range w.log.Records(RedactedT) {
		r, err := schemas.Redacteds.Decode(rec.Value)
		if err != nil {
			return err
		}
		stripped[fmt.Sprint(r.Copy.Offset)] = true
	}
	if told != w.copies || int64(len(stripped)) != w.copies || w.log.Committed("wl.redact", DeliveredLane(testWindows[0]), 0) != w.copies+1 {
		return fmt.Errorf("of %d copies %d are told of and %d stripped", w.copies, told, len(stripped))
	}
	return nil
}

// die lives one life per crasher and one without a crash.
func die(t *testing.T, crashes ...*pipelinetest.Crasher) (wrong error) {
	synctest.Test(t, func(t *testing.T) {
		w := &crashWorld{t: t, log: pipelinetest.NewLog(nil), gone: map[string]time.Time{}, copies: 7}
		w.log.FetchRecords = 2
		for _, topic := range []string{DeliveredLane(testWindows[0]), RedactedT, EventsT, ReceiptsT, RejectedT} {
			w.log.Create(topic, 1)
		}
		due := time.Now().Add(-time.Minute)
		var outputs []pipeline.Output
		for i, after := range []time.Duration{0, 0, 1, 0, 2, 1, 2} { // a late copy among them
			seed := schemas.SeedRef{Topic: "keys.3s", SeedID: fmt.Appendf(nil, "seed-%011d", i%3), AppendedAt: due}
			outputs = append(outputs, pipeline.Output{Topic: DeliveredLane(testWindows[0]), Value: encode(t, schemas.Delivereds, copyDue(due.Add(after*time.Second), seed))})
		}
		outputs = slices.Insert(outputs, 3, pipeline.Output{Topic: DeliveredLane(testWindows[0]), Value: []byte("nothing that can be decoded")})
		if _, err := w.log.Append(context.Background(), outputs); err != nil {
			t.Fatal(err)
		}
		for _, w.log.Crash = range append(slices.Clone(crashes), nil) {
			err := w.life()
			if crashed := w.log.Crash != nil && w.log.Crash.Crashed(); crashed != (err != nil) {
				t.Errorf("crashed: %t, but the life ended with %v", crashed, err)
			}
		}
		wrong = w.check()
	})
	return wrong
}

// Goal: a crash at any effect leaves receipts that never go back, tell of each copy once, and say erased of nothing that is
// there. Method: die before, in the middle of and after every effect of a life, once and twice, live again, and read.
func TestReceiptsUnderACrashAtEveryEffect(t *testing.T) {
	counter := pipelinetest.CrashAt(0, pipelinetest.Before)
	if err := die(t, counter); err != nil {
		t.Fatal(err)
	}
	if counter.Effects() < 10 {
		t.Fatalf("%d effects", counter.Effects())
	}
	for n := 1; n <= counter.Effects(); n++ {
		for _, point := range pipelinetest.CrashPoints {
			for _, second := range []int{0, 1, 2, n} {
				if err := die(t, pipelinetest.CrashAt(n, point), pipelinetest.CrashAt(second, point)); err != nil {
					t.Errorf("crash at %d (%v), then at %d: %v", n, point, second, err)
				}
			}
		}
	}
}

// Goal: nobody's receipts but a lane partition's own are in its ledger. Method: partitions whose names begin alike.
func TestReceiptKeysOfPartitionsDoNotBeginAlike(t *testing.T) {
	key := redact.ReceiptKey(&schemas.Receipt{Lane: "delivered.3s", Partition: 12})
	if strings.HasPrefix(key, redact.ReceiptKeyPrefix("delivered.3s", 1)) || !strings.HasPrefix(key, redact.ReceiptKeyPrefix("delivered.3s", 12)) {
		t.Error(key)
	}
}
