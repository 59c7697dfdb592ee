package kafka

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"testing"

	"github.com/whatsapplink/cloud/pipeline"
)

// frame makes a record batch (v2) of an encoded body.
func frame(base int64, attributes int16, lastDelta, count int32, body []byte) []byte {
	b := make([]byte, batchHeader, batchHeader+len(body))
	binary.BigEndian.PutUint64(b, uint64(base))
	b[16] = 2
	binary.BigEndian.PutUint16(b[21:], uint16(attributes))
	binary.BigEndian.PutUint32(b[23:], uint32(lastDelta))
	binary.BigEndian.PutUint64(b[27:], 1000)
	binary.BigEndian.PutUint64(b[35:], 2000)
	binary.BigEndian.PutUint64(b[43:], ^uint64(0))
	binary.BigEndian.PutUint32(b[57:], uint32(count))
	b = append(b, body...)
	binary.BigEndian.PutUint32(b[8:], uint32(len(b)-12))
	binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], castagnoli))
	return b
}

// encoded is a record with a null key.
func encoded(delta int64, value []byte) []byte {
	body := []byte{0}
	body = binary.AppendVarint(body, 5) // 5 ms after the batch's first
	body = binary.AppendVarint(body, delta)
	body = binary.AppendVarint(body, -1)
	body = binary.AppendVarint(body, int64(len(value)))
	body = append(body, value...)
	body = binary.AppendVarint(body, 0)
	return append(binary.AppendVarint(nil, int64(len(body))), body...)
}

// all reads a fetch answer to its end.
func all(raw []byte, from int64) (records []pipeline.Record, next int64, err error) {
	b := &batches{raw: raw}
	for {
		r, following, ok, err := b.next(from)
		if err != nil || !ok {
			return records, following, err
		}
		records, from = append(records, r), following
	}
}

func TestTimeIsTheBatchsWhereTheBrokerStamped(t *testing.T) {
	// Goal: attribute bit 3 says that the batch's max timestamp is the broker's clock. Method: the same batch with and
	// without.
	for attributes, want := range map[int16]int64{0: 1005, attrAppendTime: 2000} {
		records, _, err := all(frame(7, attributes, 0, 1, encoded(0, []byte("v"))), 0)
		if err != nil || len(records) != 1 || records[0].AppendedAt.UnixMilli() != want {
			t.Errorf("attributes %d: %v, %v, want %d ms", attributes, records, err, want)
		}
	}
}

func TestOffsetsThatAreGoneInABatchArePassed(t *testing.T) {
	// Goal: compaction leaves gaps, at a batch's end too, and whole batches empty; the next offset is behind them. Method: a
	// batch of offsets 10..19 of which only 12 is left, an emptied one of 20..29, and a cut one that is asked for again.
	raw := append(frame(10, 0, 9, 1, encoded(2, []byte("v"))), frame(20, 0, 9, 0, nil)...)
	raw = append(raw, frame(30, 0, 0, 1, encoded(0, []byte("cut")))[:70]...)
	records, next, err := all(raw, 11)
	if err != nil || len(records) != 1 || records[0].Offset != 12 || next != 30 {
		t.Fatalf("%d records, next %d, %v", len(records), next, err)
	}
}

func TestARecordThatUnfoldsTooLargeArrivesCut(t *testing.T) {
	// Goal: a few kilobytes that unfold into 100 MB cost no more than the bound, and do not stop reading. Method: gzip of
	// zeros, then an ordinary record.
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	for _, r := range [][]byte{encoded(0, make([]byte, 100<<20)), encoded(1, []byte("next"))} {
		if _, err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	records, next, err := all(frame(0, 1, 1, 2, zipped.Bytes()), 0)
	if err != nil || len(records) != 2 || next != 2 {
		t.Fatalf("%d records, next %d, %v", len(records), next, err)
	}
	if n := len(records[0].Value); n > maxRecord || n < maxRecord-64 || string(records[1].Value) != "next" {
		t.Fatalf("the first record has %d bytes, the second %q", n, records[1].Value)
	}
}

func TestCorruptAndForeignBatchesAreErrors(t *testing.T) {
	// Goal: damaged bytes are never taken for records. Method: a flipped bit, another format, an unknown codec.
	flipped := frame(0, 0, 0, 1, encoded(0, []byte("value")))
	flipped[len(flipped)-3] ^= 1
	old := frame(0, 0, 0, 1, encoded(0, []byte("value")))
	old[16] = 1
	for name, c := range map[string]struct {
		raw  []byte
		want error
	}{
		"checksum": {flipped, errCorrupt},
		"format":   {old, errUnsupported},
		"codec":    {frame(0, 7, 0, 1, []byte{1, 2, 3}), errUnsupported},
		"offset":   {frame(0, 0, 0, 1, encoded(1, nil)), errCorrupt},
		"record":   {frame(0, 0, 1, 2, encoded(0, nil)), errCorrupt},
	} {
		if _, _, err := all(c.raw, 0); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func FuzzBatches(f *testing.F) {
	// Goal: no bytes make the reader panic or go back. Method: fuzz the body of a batch whose checksum holds.
	f.Add(encoded(0, []byte("value")), int16(0), int32(1))
	f.Add([]byte{0x80}, int16(1), int32(-1))
	f.Fuzz(func(t *testing.T, body []byte, attributes int16, count int32) {
		records, next, _ := all(frame(5, attributes, 3, count, body), 4)
		for _, r := range records {
			if r.Offset < 4 {
				t.Fatalf("offset %d went back", r.Offset)
			}
		}
		if next < 4 {
			t.Fatalf("next %d went back", next)
		}
	})
}
