package wire

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/stages/redact"
)

// lane is one partition of a lane of copies while this process owns it. Its receipts stand in one partition of receipts, so
// that what a crash leaves of an append is its beginning, and a new owner reads no other's.
type lane struct {
	*redactor
	ctx        context.Context // of the ownership
	topic      string
	partition  int
	window     time.Duration
	bucket     time.Duration
	receipts   int                  // partition of the topic receipts
	unredacted func() time.Duration // age of the oldest copy that stands

	mu     sync.Mutex // one tells at a time: what the ledger says is what the log says
	ledger redact.Ledger
	next   int64 // offset in receipts up to which the ledger has read
}

// oldestHeader stands on every receipt: the start of the oldest bucket of its lane partition that is not erased. No receipt
// of a bucket is older than the bucket, so a new owner that finds one receipt knows how far back to read.
const oldestHeader = "wl-oldest-expired"

// Write implements pipeline.Target: what was stripped, then the receipts for it, so that a receipt never runs ahead of what
// it tells.
func (l *lane) Write(ctx context.Context, span pipeline.Span, stripped []redact.Stripped) error {
	records := &pipeline.Topics[redact.Stripped]{Encode: l.stripped, Log: l.log}
	if err := records.Write(ctx, span, stripped); err != nil {
		return err
	}
	_, err := l.tell(ctx, func(g *redact.Ledger) []schemas.Receipt {
		return g.Expire(stripped, l.bucket, time.Now(), PolicyVersion)
	})
	return err
}

// tell appends the receipts that the ledger makes, and takes them into it. Before it does, it reads what others appended
// since: an owner that does not know yet that its lane was given away would tell less of a bucket than the one after it did.
func (l *lane) tell(ctx context.Context, made func(*redact.Ledger) []schemas.Receipt) ([]schemas.Receipt, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(made(&l.ledger)) == 0 {
		return nil, nil
	}
	err := pipeline.Retry(ctx, pipeline.Backoff{}, "read receipts", func(ctx context.Context) error {
		_, err := l.read(ctx, l.tail(ReceiptsT, l.receipts, l.next))
		return err
	})
	if err != nil {
		return nil, err
	}
	receipts := made(&l.ledger)
	if len(receipts) == 0 {
		return nil, nil
	}
	oldest := receipts[0].Bucket
	if w := l.ledger.Waiting(); len(w) > 0 && w[0].Bucket.Before(oldest) {
		oldest = w[0].Bucket
	}
	header := pipeline.Header{Key: oldestHeader, Value: []byte(oldest.UTC().Format(time.RFC3339))}
	outputs := make([]pipeline.Output, len(receipts))
	for i := range receipts {
		value, err := schemas.Receipts.Encode(&receipts[i])
		if err != nil {
			return nil, err
		}
		outputs[i] = pipeline.Output{
			Topic: ReceiptsT, Partition: l.receipts, Key: []byte(redact.ReceiptKey(&receipts[i])), Value: value, Headers: []pipeline.Header{header},
		}
	}
	err = pipeline.Retry(ctx, pipeline.Backoff{}, "append receipts", func(ctx context.Context) error {
		_, err := l.log.Append(ctx, outputs)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, r := range receipts {
		l.ledger.Read(r)
	}
	return receipts, nil
}

const (
	lookBack  = time.Hour   // how far a new owner looks for a receipt of the one before at first
	clockSlip = time.Minute // between our clock, which buckets are by, and the broker's, which receipts are found by
)

// readBack fills the ledger from the end of receipts back to the oldest EXPIRED without its ERASED. It looks for any receipt
// as far back as it is told, then four times as far, again and again: the owner before may have ended long ago.
func (l *lane) readBack(ctx context.Context, back time.Duration) error {
	cluster := l.process.Cluster
	topics, err := cluster.Topics(ctx)
	if err != nil {
		return err
	}
	l.receipts = l.partition % max(1, topics[ReceiptsT])
	first, _, err := cluster.Bounds(ctx, ReceiptsT, l.receipts)
	if err != nil {
		return err
	}
	now := time.Now()
	for ; ; back *= 4 {
		since := now.Add(-back)
		oldest, from, err := l.readSince(ctx, since)
		if err == nil && !oldest.IsZero() && oldest.Before(since) {
			_, from, err = l.readSince(ctx, oldest) // their own headers tell of what was erased since
		}
		if err != nil || !oldest.IsZero() || from <= first {
			return err
		}
	}
}

func (l *lane) readSince(ctx context.Context, since time.Time) (oldest time.Time, from int64, err error) {
	from, err = l.process.Cluster.OffsetAt(ctx, ReceiptsT, l.receipts, since)
	if err != nil {
		return oldest, from, err
	}
	l.ledger = redact.Ledger{}
	oldest, err = l.read(ctx, l.tail(ReceiptsT, l.receipts, from))
	return oldest, from, err
}

// read takes the receipts of this lane partition that a source holds into the ledger, and returns the time from which on all
// that wait were appended; zero when it finds none.
func (l *lane) read(ctx context.Context, src pipeline.Source) (oldest time.Time, err error) {
	prefix := redact.ReceiptKeyPrefix(l.topic, int32(l.partition))
	err = Scan(ctx, src, func(rec pipeline.Record) error {
		if !strings.HasPrefix(string(rec.Key), prefix) {
			return nil
		}
		receipt, err := schemas.Receipts.Decode(rec.Value)
		if err != nil {
			return nil //nolint:nilerr // none of redact's
		}
		l.ledger.Read(receipt)
		for _, h := range rec.Headers {
			if at, err := time.Parse(time.RFC3339, string(h.Value)); err == nil && h.Key == oldestHeader && (oldest.IsZero() || at.Before(oldest)) {
				oldest = at
			}
		}
		return nil
	})
	l.next = src.Position()
	if !oldest.IsZero() {
		oldest = oldest.Add(-clockSlip)
	}
	return oldest, err
}
