package kafka_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
)

func TestWhatIsAppendedIsReadBackInOrder(t *testing.T) {
	// Goal: keys, values, headers, offsets and order survive the broker. Method: append, read, compare.
	onBoth(t, func(t *testing.T, c *kafka.Cluster) {
		create(t, c, kafka.TopicSpec{Name: "a", Partitions: 2})
		outputs := numbered("a", 1, 500)
		outputs[7].Headers = []pipeline.Header{{Key: "h", Value: []byte("v")}, {Key: "empty", Value: []byte{}}}
		outputs[8].Key, outputs[9].Value = nil, nil
		appended := put(t, c, outputs)
		records := read(t, c.Tail("a", 1, kafka.Beginning), 500)
		for i, r := range records {
			if !bytes.Equal(r.Key, outputs[i].Key) || !bytes.Equal(r.Value, outputs[i].Value) {
				t.Fatalf("record %d differs", i)
			}
			if r.Position != appended[i].Position || r.Topic != "a" || r.Offset != int64(i) {
				t.Fatalf("record %d stands at %v, appended at %v", i, r.Position, appended[i].Position)
			}
			if !r.AppendedAt.Equal(appended[i].At) {
				t.Fatalf("record %d read with time %v, appended at %v", i, r.AppendedAt, appended[i].At)
			}
		}
		if h := records[7].Headers; len(h) != 2 || h[0].Key != "h" || string(h[0].Value) != "v" || len(h[1].Value) != 0 {
			t.Fatalf("headers: %v", h)
		}
		if records[8].Key != nil || records[9].Value != nil {
			t.Fatal("null did not stay null")
		}
	})
}

func TestAppendTimeIsTheBrokers(t *testing.T) {
	// Goal: on a LogAppendTime topic the time is the broker's, alike for writer and readers. Method: on the real broker,
	// compare what Append answered with two reads, and with the clock around the append.
	c := real(t)
	create(t, c, kafka.TopicSpec{Name: "a", Partitions: 1, Configs: map[string]string{"message.timestamp.type": "LogAppendTime"}})
	before := time.Now().Truncate(time.Millisecond)
	first := put(t, c, numbered("a", 0, 1))[0]
	eventually(t, "the clock moves on", func() bool { return time.Since(first.At) > 5*time.Millisecond })
	second := put(t, c, numbered("a", 0, 1))[0]
	after := time.Now()
	if first.At.Before(before) || second.At.After(after) || !second.At.After(first.At) {
		t.Fatalf("appended at %v and %v, between %v and %v", first.At, second.At, before, after)
	}
	for range 2 {
		records := read(t, c.Tail("a", 0, kafka.Beginning), 2)
		if !records[0].AppendedAt.Equal(first.At) || !records[1].AppendedAt.Equal(second.At) {
			t.Fatalf("read %v and %v, appended at %v and %v", records[0].AppendedAt, records[1].AppendedAt, first.At, second.At)
		}
	}
}

func TestTrimmedOffsetsAreJumpedToTheLogStartAndCounted(t *testing.T) {
	// Goal: a reader whose offset is gone goes on at the log's start, never at its end, and counts the gap. Method: read 2
	// of 10, trim below 6, read on.
	onBoth(t, func(t *testing.T, c *kafka.Cluster) {
		create(t, c, kafka.TopicSpec{Name: "a", Partitions: 1})
		put(t, c, numbered("a", 0, 10))
		s := c.Tail("a", 0, 2).(kafka.Partition)
		if start, err := c.Trim(within(t), "a", 0, 6); err != nil || start != 6 {
			t.Fatalf("trim: start %d, %v", start, err)
		}
		records := read(t, s, 4)
		if records[0].Offset != 6 || len(records) != 4 {
			t.Fatalf("read on at %d with %d records", records[0].Offset, len(records))
		}
		if s.Trimmed() != 4 {
			t.Fatalf("counted %d trimmed offsets, not 4", s.Trimmed())
		}
		if first, next, err := s.Bounds(within(t)); err != nil || first != 6 || next != 10 {
			t.Fatalf("bounds %d, %d, %v", first, next, err)
		}
	})
}

func TestReadingBeyondTheLogGoesOnAtItsStart(t *testing.T) {
	// Goal: an offset after the end (a topic made anew) never skips what is there. Method: ask for offset 50 of 10.
	onBoth(t, func(t *testing.T, c *kafka.Cluster) {
		create(t, c, kafka.TopicSpec{Name: "a", Partitions: 1})
		put(t, c, numbered("a", 0, 10))
		if records := read(t, c.Tail("a", 0, 50), 10); records[0].Offset != 0 {
			t.Fatalf("went on at %d", records[0].Offset)
		}
	})
}

func TestMarkersAreSkippedCountedAndPassed(t *testing.T) {
	// Goal: a marker is no record, but Position moves past it even where it is the last. Method: a record, a marker, a
	// fetch that ends with its context.
	onBoth(t, func(t *testing.T, c *kafka.Cluster) {
		create(t, c, kafka.TopicSpec{Name: "a", Partitions: 1})
		put(t, c, numbered("a", 0, 1))
		if m, err := c.Marker(within(t), "a", 0); err != nil || m.Offset != 1 {
			t.Fatalf("marker at %d: %v", m.Offset, err)
		}
		s := c.Tail("a", 0, kafka.Beginning).(kafka.Partition)
		if records := read(t, s, 1); len(records) != 1 {
			t.Fatalf("%d records", len(records))
		}
		ctx, cancel := context.WithTimeout(within(t), time.Second)
		defer cancel()
		if _, err := s.Fetch(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("fetch at the end: %v", err)
		}
		if s.Position() != 2 || s.Markers() != 1 {
			t.Fatalf("position %d, %d markers", s.Position(), s.Markers())
		}
	})
}

func TestFetchWaitsForATopicThatIsNotThereYet(t *testing.T) {
	// Goal: a reader started before its topic gets its records. Method: fetch first, then create and append.
	onBoth(t, func(t *testing.T, c *kafka.Cluster) {
		got := make(chan int, 1)
		ctx := within(t)
		go func() {
			records, _ := c.Tail("late", 0, kafka.Beginning).Fetch(ctx)
			got <- len(records)
		}()
		create(t, c, kafka.TopicSpec{Name: "late", Partitions: 1})
		put(t, c, numbered("late", 0, 1))
		if n := <-got; n != 1 {
			t.Fatalf("%d records", n)
		}
	})
}

func TestRecordsOfFourMebibytesPass(t *testing.T) {
	// Goal: requests topics take 4 MiB; such a record is appended and read beside small ones. Method: three records.
	onBoth(t, func(t *testing.T, c *kafka.Cluster) {
		create(t, c, kafka.TopicSpec{Name: "a", Partitions: 1, Configs: map[string]string{"max.message.bytes": "5242880"}})
		big := bytes.Repeat([]byte("x"), 4<<20)
		outputs := numbered("a", 0, 3)
		outputs[1].Value = big
		put(t, c, outputs)
		records := read(t, c.Tail("a", 0, kafka.Beginning), 3)
		if !bytes.Equal(records[1].Value, big) || string(records[2].Value) != "2" {
			t.Fatal("records differ")
		}
	})
}

func TestSeekReadsAgain(t *testing.T) {
	// Goal: SeekTo gives any offset again, also in mid-batch. Method: read all, seek into the batch.
	onBoth(t, func(t *testing.T, c *kafka.Cluster) {
		create(t, c, kafka.TopicSpec{Name: "a", Partitions: 1})
		put(t, c, numbered("a", 0, 10))
		s := c.Tail("a", 0, kafka.Beginning)
		read(t, s, 10)
		s.SeekTo(4)
		if records := read(t, s, 6); records[0].Offset != 4 || len(records) != 6 {
			t.Fatalf("%d records from %d", len(records), records[0].Offset)
		}
	})
}
