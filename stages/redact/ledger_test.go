package redact

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/whatsapplink/cloud/schemas"
)

const quarter = 15 * time.Minute

// expire folds one batch and takes the receipts in, as the target does.
func expire(l *Ledger, batch []Stripped, now time.Time) []schemas.Receipt {
	receipts := l.Expire(batch, quarter, now, "2026-11-01")
	for _, r := range receipts {
		l.Read(r)
	}
	return receipts
}

// seedsOf gives a copy these seeds.
func seedsOf(d Due, seeds ...int) Due {
	d.Seeds = nil
	for _, n := range seeds {
		d.Seeds = append(d.Seeds, schemas.SeedRef{Topic: "keys.72h", SeedID: fmt.Appendf(nil, "seed-%011d", n), AppendedAt: outcomeAt})
	}
	return d
}

// goneAt says that these seeds are gone, and since when.
func goneAt(at time.Time, seeds ...int) func(*schemas.SeedRef) time.Time {
	return func(s *schemas.SeedRef) time.Time {
		for _, n := range seeds {
			if string(s.SeedID) == fmt.Sprintf("seed-%011d", n) {
				return at
			}
		}
		return time.Time{}
	}
}

// TestReceiptTellsOfItsBucket: goal: range, count, deadline and seeds are those of the bucket's copies. Method: five
// copies over two buckets of a lane partition, folded once.
func TestReceiptTellsOfItsBucket(t *testing.T) {
	var batch []Stripped
	for offset, due := range []time.Duration{0, 14 * time.Minute, time.Minute, 15 * time.Minute, 16 * time.Minute} {
		d := copyAt(int64(10+offset), 72*time.Hour+due)
		d.Seeds = append(d.Seeds, seedsOf(d, offset/2).Seeds...)
		batch = append(batch, strip(t, d))
	}
	now := outcomeAt.Add(80 * time.Hour)
	receipts := expire(&Ledger{}, batch, now)
	transit := schemas.SeedRef{Topic: "keys.24h", SeedID: []byte("seed-of-transit-"), AppendedAt: outcomeAt}
	own := func(n int) schemas.SeedRef { return seedsOf(Due{}, n).Seeds[0] }
	due := outcomeAt.Add(72 * time.Hour)
	want := []schemas.Receipt{
		{State: "expired", Lane: "delivered.72h", Partition: 4, Bucket: due, FirstOffset: 10, LastOffset: 12, Count: 3,
			Deadline: due.Add(14 * time.Minute), ObservedAt: now, Seeds: []schemas.SeedRef{transit, own(0), own(1)}, PolicyVersion: "2026-11-01"},
		{State: "expired", Lane: "delivered.72h", Partition: 4, Bucket: due.Add(15 * time.Minute), FirstOffset: 13, LastOffset: 14, Count: 2,
			Deadline: due.Add(16 * time.Minute), ObservedAt: now, Seeds: []schemas.SeedRef{transit, own(1), own(2)}, PolicyVersion: "2026-11-01"},
	}
	if !reflect.DeepEqual(receipts, want) {
		t.Errorf("got  %+v\nwant %+v", receipts, want)
	}
	if key := ReceiptKey(&receipts[0]); key != "delivered.72h/4/2026-11-23T09:30:00Z" {
		t.Errorf("key %s", key)
	}
}

// TestLedgerUnderEverything: goal: whatever the order of due times, the cuts into batches, the crashes (a new owner reads a
// beginning of what was appended, and copies are stripped again), appends that came twice and the moments at which seeds go,
// the log of receipts never goes back: buckets are disjoint ranges that tell of each copy once, one erased is not touched
// again, and it is erased only with all its seeds gone. Method: random lanes and operations on the log of receipts.
func TestLedgerUnderEverything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := outcomeAt.Add(200 * time.Hour)
		var lane []Stripped
		for i, minutes := range rapid.SliceOfN(rapid.IntRange(0, 90), 1, 40).Draw(t, "due minutes") {
			d := copyAt(int64(i*3), time.Duration(minutes)*time.Minute)
			d.Now = now
			lane = append(lane, strip(t, seedsOf(d, rapid.IntRange(0, 4).Draw(t, "seed"))))
		}
		var log []schemas.Receipt
		owner := func() *Ledger {
			l := &Ledger{}
			for _, r := range log {
				l.Read(r)
			}
			return l
		}
		ledger, done, gone := owner(), 0, []int(nil)
		for done < len(lane) || len(gone) < 5 || len(ledger.Waiting()) > 0 {
			now = now.Add(time.Duration(rapid.IntRange(0, 20).Draw(t, "minutes")) * time.Minute)
			var receipts []schemas.Receipt
			switch op := rapid.IntRange(0, 3).Draw(t, "op"); {
			case op == 0 && len(gone) < 5:
				gone = append(gone, len(gone))
			case op == 1:
				receipts = ledger.Erase(goneAt(now, gone...), quarter, now)
			case done < len(lane):
				from := done - rapid.IntRange(0, done).Draw(t, "stripped again")
				to := rapid.IntRange(done+1, len(lane)).Draw(t, "batch to")
				receipts, done = ledger.Expire(lane[from:to], quarter, now, "2026-11-01"), to
			}
			if len(receipts) > 0 && rapid.IntRange(0, 4).Draw(t, "crash") == 0 {
				log = append(log, receipts[:rapid.IntRange(0, len(receipts)).Draw(t, "appended")]...)
				ledger, done = owner(), 0 // nothing of it was committed
				continue
			}
			log = append(log, receipts...)
			if rapid.Bool().Draw(t, "appended twice") {
				log = append(log, receipts...)
			}
			if rapid.Bool().Draw(t, "owner changes") {
				ledger = owner()
			} else {
				for _, r := range receipts {
					ledger.Read(r)
				}
			}
			checkLog(t, log, gone)
		}
		for _, l := range []*Ledger{ledger, owner()} {
			if len(l.Waiting()) > 0 {
				t.Fatalf("%d buckets wait in the end", len(l.Waiting()))
			}
		}
		erased := map[time.Time]int64{}
		for _, r := range log {
			if r.State == Erased {
				erased[r.Bucket] = r.Count
			}
		}
		var told int64
		for _, n := range erased {
			told += n
		}
		if told != int64(len(lane)) {
			t.Fatalf("%d copies, receipts for %d", len(lane), told)
		}
	})
}

func checkLog(t *rapid.T, log []schemas.Receipt, gone []int) {
	last := map[time.Time]schemas.Receipt{}
	for _, r := range log {
		before, known := last[r.Bucket]
		switch {
		case known && (r.FirstOffset != before.FirstOffset || r.Count < before.Count && r.State == Erased):
			t.Fatalf("bucket %v contradicts itself: %+v after %+v", r.Bucket, r, before)
		case before.State == Erased && r.LastOffset > before.LastOffset:
			t.Fatalf("bucket %v grew after it was erased", r.Bucket)
		case r.State == Erased && !known:
			t.Fatalf("bucket %v was erased before it expired", r.Bucket)
		}
		if _, all := allGone(r.Seeds, goneAt(outcomeAt, gone...)); r.State == Erased && !all {
			t.Fatalf("bucket %v was erased with a seed there", r.Bucket)
		}
		if !known || r.LastOffset > before.LastOffset || r.State == Erased {
			last[r.Bucket] = r
		}
	}
	ranges := make([]schemas.Receipt, 0, len(last))
	for _, r := range last {
		ranges = append(ranges, r)
	}
	slices.SortFunc(ranges, func(a, b schemas.Receipt) int { return a.Bucket.Compare(b.Bucket) })
	for i := 1; i < len(ranges); i++ {
		if ranges[i].FirstOffset <= ranges[i-1].LastOffset {
			t.Fatalf("buckets overlap: %+v and %+v", ranges[i-1], ranges[i])
		}
	}
}

// TestRepeatMakesNoReceipt: goal: copies that a receipt covers make none again. Method: fold twice.
func TestRepeatMakesNoReceipt(t *testing.T) {
	var l Ledger
	batch := []Stripped{strip(t, copyAt(10, time.Hour)), strip(t, copyAt(11, time.Hour))}
	if first := expire(&l, batch, outcomeAt.Add(time.Hour)); len(first) != 1 || first[0].Count != 2 {
		t.Errorf("first %+v", first)
	}
	if again := expire(&l, batch, outcomeAt.Add(2*time.Hour)); len(again) != 0 {
		t.Errorf("again %+v", again)
	}
}

// TestSeedToldTwiceWaitsForTheLater: goal: a receipt never waits too short for a seed's bytes. Method: one seed with two
// append times, in both orders.
func TestSeedToldTwiceWaitsForTheLater(t *testing.T) {
	early, late := copyAt(10, time.Hour), copyAt(11, time.Hour)
	late.Seeds = []schemas.SeedRef{{Topic: "keys.24h", SeedID: []byte("seed-of-transit-"), AppendedAt: outcomeAt.Add(time.Second)}}
	swapped := []Due{early, late}
	swapped[0].Seeds, swapped[1].Seeds = late.Seeds, early.Seeds
	for _, pair := range [][]Due{{early, late}, swapped} {
		receipts := expire(&Ledger{}, []Stripped{strip(t, pair[0]), strip(t, pair[1])}, outcomeAt.Add(time.Hour))
		if len(receipts) != 1 || !reflect.DeepEqual(receipts[0].Seeds, []schemas.SeedRef{late.Seeds[0]}) {
			t.Errorf("seeds %+v", receipts[0].Seeds)
		}
	}
}

// TestErasedOnlyWhenAllIsGoneAndClosed: goal: ERASED comes when the last seed is gone and the bucket cannot grow, tells since
// when, and a copy that comes later for the same time opens the next bucket. Method: one bucket step by step.
func TestErasedOnlyWhenAllIsGoneAndClosed(t *testing.T) {
	var l Ledger
	expired := expire(&l, []Stripped{strip(t, seedsOf(copyAt(10, time.Hour), 0, 1))}, outcomeAt.Add(time.Hour))[0]
	closed := expired.ObservedAt.Add(2 * quarter)
	at := closed.Add(-time.Minute)
	for name, early := range map[string][]schemas.Receipt{
		"a seed is there":   l.Erase(goneAt(at, 1), quarter, closed),
		"it may still grow": l.Erase(goneAt(at, 0, 1), quarter, closed.Add(-1)),
	} {
		if len(early) > 0 {
			t.Errorf("%s, but it is erased", name)
		}
	}
	erased := l.Erase(goneAt(at, 0, 1), quarter, closed)
	want := expired
	want.State, want.ObservedAt = Erased, at
	if len(erased) != 1 || !reflect.DeepEqual(erased[0], want) {
		t.Fatalf("erased %+v", erased)
	}
	l.Read(erased[0])
	next := expire(&l, []Stripped{strip(t, seedsOf(copyAt(11, time.Hour), 2))}, closed)
	if len(next) != 1 || !next[0].Bucket.Equal(expired.Bucket.Add(quarter)) || next[0].FirstOffset != 11 || next[0].Count != 1 {
		t.Errorf("the next copy is told of by %+v", next)
	}
}

// TestReceiptWithoutSeedsIsNeverErased: goal: no evidence is made of nothing. Method: a copy that names no seed.
func TestReceiptWithoutSeedsIsNeverErased(t *testing.T) {
	var l Ledger
	expire(&l, []Stripped{strip(t, seedsOf(copyAt(10, time.Hour)))}, outcomeAt.Add(time.Hour))
	if erased := l.Erase(goneAt(outcomeAt), quarter, outcomeAt.Add(100*time.Hour)); len(erased) > 0 {
		t.Errorf("erased %+v", erased)
	}
}
