package redact

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/whatsapplink/cloud/schemas"
)

// Expired is the state of a receipt when reading is over and the copies are stripped.
const Expired = "expired"

// ReceiptKey is the key of a receipt: lane/partition/bucket, the bucket as the start of its due times in UTC.
func ReceiptKey(r *schemas.Receipt) string {
	return r.Lane + "/" + strconv.Itoa(int(r.Partition)) + "/" + r.Bucket.UTC().Format(time.RFC3339)
}

// Receipts folds a batch of stripped copies, in offset order, into the EXPIRED receipts of the buckets it touches, in the
// order in which it first touches them. A receipt always tells of its whole bucket so far: prior holds the last one of
// each bucket by ReceiptKey, is not changed, and takes the result afterwards; a new owner fills it from the log of
// receipts. So a later receipt of a key replaces an earlier one, and a copy that is stripped again (its offset is covered)
// leaves the receipt as it stands. A bucket whose due time is long past may be dropped from prior.
//
// bucket gives the length of a bucket of a lane.
func Receipts(
	prior map[string]schemas.Receipt, batch []Stripped, bucket func(lane string) time.Duration, now time.Time, policyVersion string,
) []schemas.Receipt {
	var touched []*fold
	byKey := make(map[string]*fold)
	for i := range batch {
		copied, due := &batch[i].Redacted.Copy, batch[i].Redacted.DueAt.UTC()
		start := schemas.Receipt{
			State: Expired, Lane: copied.Topic, Partition: copied.Partition, Bucket: due.Truncate(bucket(copied.Topic)),
			FirstOffset: copied.Offset, LastOffset: copied.Offset - 1, PolicyVersion: policyVersion,
		}
		key := ReceiptKey(&start)
		f := byKey[key]
		if f == nil {
			f = open(start, prior[key])
			byKey[key] = f
			touched = append(touched, f)
		}
		if copied.Offset > f.LastOffset {
			f.add(copied.Offset, due, now, batch[i].Seeds)
		}
	}
	receipts := make([]schemas.Receipt, 0, len(touched))
	for _, f := range touched {
		receipts = append(receipts, f.receipt())
	}
	return receipts
}

// fold is the receipt of a bucket while copies are added to it.
type fold struct {
	schemas.Receipt
	seeds map[seedKey]schemas.SeedRef
}

type seedKey struct{ topic, id string }

func open(start, prior schemas.Receipt) *fold {
	f := &fold{Receipt: start, seeds: make(map[seedKey]schemas.SeedRef)}
	if prior.Count > 0 {
		f.Receipt = prior
		f.keep(prior.Seeds)
	}
	return f
}

func (f *fold) add(offset int64, due, now time.Time, seeds []schemas.SeedRef) {
	f.LastOffset = offset
	f.Count++
	if due.After(f.Deadline) {
		f.Deadline = due
	}
	f.ObservedAt = now
	f.keep(seeds)
}

// keep adds seeds, each once. Should one be told with two append times, the later counts: the receipt may wait too long
// for its bytes to go, never too short.
func (f *fold) keep(seeds []schemas.SeedRef) {
	for _, s := range seeds {
		k := seedKey{s.Topic, string(s.SeedID)}
		if old, ok := f.seeds[k]; !ok || s.AppendedAt.After(old.AppendedAt) {
			f.seeds[k] = s
		}
	}
}

func (f *fold) receipt() schemas.Receipt {
	r := f.Receipt
	r.Seeds = make([]schemas.SeedRef, 0, len(f.seeds))
	for _, s := range f.seeds {
		r.Seeds = append(r.Seeds, s)
	}
	slices.SortFunc(r.Seeds, func(a, b schemas.SeedRef) int {
		if c := strings.Compare(a.Topic, b.Topic); c != 0 {
			return c
		}
		return bytes.Compare(a.SeedID, b.SeedID)
	})
	return r
}
