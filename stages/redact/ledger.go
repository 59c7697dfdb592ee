package redact

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/whatsapplink/cloud/schemas"
)

// States of a receipt. Expired: reading is over and the copies are stripped. Erased: the bytes of every seed of theirs are
// gone from every replica.
const (
	Expired = "expired"
	Erased  = "erased"
)

// ReceiptKey is the key of a receipt: lane/partition/bucket, the bucket as the start of its due times in UTC.
func ReceiptKey(r *schemas.Receipt) string {
	return ReceiptKeyPrefix(r.Lane, r.Partition) + r.Bucket.UTC().Format(time.RFC3339)
}

// ReceiptKeyPrefix begins the keys of all receipts of one lane partition, and of no other.
func ReceiptKeyPrefix(lane string, partition int32) string {
	return lane + "/" + strconv.Itoa(int(partition)) + "/"
}

// Ledger is what the receipts of one lane partition tell: a fold over them in the order of their log. The zero value has no
// receipts. What it holds does not grow with messages, only with buckets that wait and their seeds.
//
// A receipt tells of its whole bucket so far, and buckets are ranges of the lane: a copy due in a bucket before the newest
// (it was written late) counts in the newest, and where that is erased, in the next. So only the newest bucket grows, a later
// receipt of a bucket replaces an earlier one, and none that is erased changes again.
type Ledger struct {
	newest  schemas.Receipt   // EXPIRED of the newest bucket; Count 0: none yet
	erased  bool              // the newest
	waiting []schemas.Receipt // EXPIRED without their ERASED, by bucket
}

// Read takes the next receipt of the log. One that tells nothing new is passed over: it was appended twice, or late by a
// former owner, who strips the same copies into the same buckets.
func (l *Ledger) Read(r schemas.Receipt) {
	at := slices.IndexFunc(l.waiting, func(w schemas.Receipt) bool { return w.Bucket.Equal(r.Bucket) })
	switch {
	case r.State == Erased && at >= 0 && l.waiting[at].LastOffset <= r.LastOffset:
		l.waiting = slices.Delete(l.waiting, at, at+1)
		fallthrough
	case r.State == Erased:
		if l.newest.Count == 0 || l.newest.LastOffset <= r.LastOffset {
			l.newest, l.erased = r, true
		}
	case l.newest.Count > 0 && r.LastOffset <= l.newest.LastOffset:
	default:
		l.newest, l.erased = r, false
		if at >= 0 {
			l.waiting[at] = r
		} else {
			l.waiting = append(l.waiting, r)
		}
	}
}

// Expire returns the EXPIRED receipts that a batch of stripped copies makes, in offset order. It changes nothing: they are
// to be appended, then Read. Copies that a receipt covers already (they are stripped again) add nothing.
func (l *Ledger) Expire(batch []Stripped, bucket time.Duration, now time.Time, policyVersion string) []schemas.Receipt {
	var made []*fold
	top := open(l.newest)
	for i := range batch {
		copied, due := &batch[i].Redacted.Copy, batch[i].Redacted.DueAt.UTC()
		if top.Count > 0 && copied.Offset <= top.LastOffset {
			continue
		}
		start := due.Truncate(bucket)
		if closed := l.erased && len(made) == 0; closed && !start.After(top.Bucket) {
			start = top.Bucket.Add(bucket)
		}
		if top.Count == 0 || start.After(top.Bucket) {
			top = open(schemas.Receipt{
				State: Expired, Lane: copied.Topic, Partition: copied.Partition, Bucket: start, FirstOffset: copied.Offset, PolicyVersion: policyVersion,
			})
			made = append(made, top)
		} else if len(made) == 0 {
			made = append(made, top)
		}
		top.add(copied.Offset, due, now, batch[i].Seeds)
	}
	receipts := make([]schemas.Receipt, len(made))
	for i, f := range made {
		receipts[i] = f.receipt()
	}
	return receipts
}

// Erase returns the ERASED receipts of what waits and has all its seeds gone; gone tells since when, zero while a seed is
// there. It changes nothing: they are to be appended, then Read. The newest bucket may still grow, so it is left alone until
// it has not for two buckets. A receipt that names no seeds waits for ever: its copies had some, so its evidence is not whole.
func (l *Ledger) Erase(gone func(*schemas.SeedRef) time.Time, bucket time.Duration, now time.Time) []schemas.Receipt {
	var receipts []schemas.Receipt
	for _, r := range l.waiting {
		grows := r.LastOffset == l.newest.LastOffset && now.Before(later(r.Bucket, r.ObservedAt).Add(2*bucket))
		since, all := allGone(r.Seeds, gone)
		if grows || !all {
			continue
		}
		r.State, r.ObservedAt = Erased, later(r.ObservedAt, since)
		receipts = append(receipts, r)
	}
	return receipts
}

func allGone(seeds []schemas.SeedRef, gone func(*schemas.SeedRef) time.Time) (since time.Time, all bool) {
	for i := range seeds {
		at := gone(&seeds[i])
		if at.IsZero() {
			return at, false
		}
		since = later(since, at)
	}
	return since, len(seeds) > 0
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// Waiting are the EXPIRED receipts without their ERASED, by bucket. They are not to be changed.
func (l *Ledger) Waiting() []schemas.Receipt { return l.waiting }

// fold is the receipt of a bucket while copies are added to it.
type fold struct {
	schemas.Receipt
	seeds map[seedKey]schemas.SeedRef
}

type seedKey struct{ topic, id string }

func open(r schemas.Receipt) *fold {
	f := &fold{Receipt: r, seeds: make(map[seedKey]schemas.SeedRef)}
	f.keep(r.Seeds)
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
