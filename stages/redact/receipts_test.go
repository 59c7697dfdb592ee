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

func quarter(string) time.Duration { return 15 * time.Minute }

// fold1 folds one batch onto what stands and keeps the result, as the target does.
func fold1(standing map[string]schemas.Receipt, batch []Stripped, now time.Time) []schemas.Receipt {
	receipts := Receipts(standing, batch, quarter, now, "2026-11-01")
	for i := range receipts {
		standing[ReceiptKey(&receipts[i])] = receipts[i]
	}
	return receipts
}

// TestReceiptTellsOfItsBucket: goal: range, count, deadline and seeds are those of the bucket's copies. Method: five
// copies over two buckets of one lane and one of another, folded once.
func TestReceiptTellsOfItsBucket(t *testing.T) {
	var batch []Stripped
	for offset, due := range []time.Duration{0, 14 * time.Minute, time.Minute, 15 * time.Minute, 16 * time.Minute} {
		d := copyAt(int64(10+offset), 72*time.Hour+due)
		d.Seeds = append(d.Seeds, schemas.SeedRef{Topic: "keys.72h", SeedID: []byte(fmt.Sprintf("seed-%011d", offset/2)), AppendedAt: outcomeAt})
		batch = append(batch, strip(t, d))
	}
	other := copyAt(3, 24*time.Hour)
	other.Position.Topic = "delivered.24h"
	batch = append(batch, strip(t, other))

	now := outcomeAt.Add(80 * time.Hour)
	receipts := fold1(map[string]schemas.Receipt{}, batch, now)
	transit := schemas.SeedRef{Topic: "keys.24h", SeedID: []byte("seed-of-transit-"), AppendedAt: outcomeAt}
	own := func(n int) schemas.SeedRef {
		return schemas.SeedRef{Topic: "keys.72h", SeedID: []byte(fmt.Sprintf("seed-%011d", n)), AppendedAt: outcomeAt}
	}
	due := outcomeAt.Add(72 * time.Hour)
	want := []schemas.Receipt{
		{State: "expired", Lane: "delivered.72h", Partition: 4, Bucket: due, FirstOffset: 10, LastOffset: 12, Count: 3,
			Deadline: due.Add(14 * time.Minute), ObservedAt: now, Seeds: []schemas.SeedRef{transit, own(0), own(1)}, PolicyVersion: "2026-11-01"},
		{State: "expired", Lane: "delivered.72h", Partition: 4, Bucket: due.Add(15 * time.Minute), FirstOffset: 13, LastOffset: 14, Count: 2,
			Deadline: due.Add(16 * time.Minute), ObservedAt: now, Seeds: []schemas.SeedRef{transit, own(1), own(2)}, PolicyVersion: "2026-11-01"},
		{State: "expired", Lane: "delivered.24h", Partition: 4, Bucket: outcomeAt.Add(24 * time.Hour), FirstOffset: 3, LastOffset: 3, Count: 1,
			Deadline: outcomeAt.Add(24 * time.Hour), ObservedAt: now, Seeds: []schemas.SeedRef{transit}, PolicyVersion: "2026-11-01"},
	}
	if !reflect.DeepEqual(receipts, want) {
		t.Errorf("got  %+v\nwant %+v", receipts, want)
	}
	if key := ReceiptKey(&receipts[0]); key != "delivered.72h/4/2026-11-23T09:30:00Z" {
		t.Errorf("key %s", key)
	}
}

// TestReceiptsDoNotDependOnBatches: goal: however a lane is cut into batches, and whatever is stripped again after a
// crash, each bucket ends with the same receipt, and folding changes nothing of what stood before. Method: random lanes,
// cuts and restarts (the new owner reads its receipts back), against one fold of the whole lane.
func TestReceiptsDoNotDependOnBatches(t *testing.T) {
	now := outcomeAt.Add(200 * time.Hour)
	rapid.Check(t, func(t *rapid.T) {
		var lane []Stripped
		for i, minutes := range rapid.SliceOfN(rapid.IntRange(0, 90), 1, 40).Draw(t, "due minutes") {
			d := copyAt(int64(i*3), time.Duration(minutes)*time.Minute)
			d.Now = now
			seed := rapid.IntRange(0, 4).Draw(t, "seed")
			d.Seeds = []schemas.SeedRef{{Topic: "keys.24h", SeedID: []byte{byte(seed)}, AppendedAt: outcomeAt.Add(time.Duration(seed) * time.Second)}}
			lane = append(lane, strip(t, d))
		}
		whole := map[string]schemas.Receipt{}
		fold1(whole, lane, now)

		parts := map[string]schemas.Receipt{}
		for done := 0; done < len(lane); {
			from := done - rapid.IntRange(0, done).Draw(t, "stripped again")
			done = rapid.IntRange(done+1, len(lane)).Draw(t, "batch to")
			before := fmt.Sprintf("%+v", parts)
			_ = Receipts(parts, lane[from:done], quarter, now, "2026-11-01")
			if fmt.Sprintf("%+v", parts) != before {
				t.Fatalf("folding changed the standing receipts")
			}
			fold1(parts, lane[from:done], now)
		}
		if !reflect.DeepEqual(parts, whole) {
			t.Fatalf("got  %+v\nwant %+v", parts, whole)
		}
		var count int64
		for _, r := range whole {
			count += r.Count
		}
		if count != int64(len(lane)) {
			t.Fatalf("%d copies have receipts for %d", len(lane), count)
		}
	})
}

// TestRepeatLeavesTheReceiptAsItStands: goal: a batch folded again later, all of it covered, gives the same receipt to
// the byte. Method: fold twice at different times.
func TestRepeatLeavesTheReceiptAsItStands(t *testing.T) {
	standing := map[string]schemas.Receipt{}
	batch := []Stripped{strip(t, copyAt(10, time.Hour)), strip(t, copyAt(11, time.Hour))}
	first := slices.Clone(fold1(standing, batch, outcomeAt.Add(time.Hour)))
	again := fold1(standing, batch, outcomeAt.Add(2*time.Hour))
	if !reflect.DeepEqual(first, again) {
		t.Errorf("first %+v\nagain %+v", first, again)
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
		receipts := fold1(map[string]schemas.Receipt{}, []Stripped{strip(t, pair[0]), strip(t, pair[1])}, outcomeAt.Add(time.Hour))
		if len(receipts) != 1 || !reflect.DeepEqual(receipts[0].Seeds, []schemas.SeedRef{late.Seeds[0]}) {
			t.Errorf("seeds %+v", receipts[0].Seeds)
		}
	}
}
