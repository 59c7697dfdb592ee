package kafka_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
)

func TestDiskTellsWhatIsLeftAfterTrims(t *testing.T) {
	// Goal: a trimmed record counts as there until its bytes have left the disk, also for one who comes later and cannot
	// know whose bytes they are; then it is gone, while others stay. Method: two records, the first trimmed; a third, a
	// segment later, rolls the segment that holds both; the second is trimmed too, and the segment goes.
	t.Parallel()
	c := real(t)
	create(t, c, kafka.TopicSpec{Name: "a", Partitions: 1, Configs: map[string]string{"segment.ms": "500", "file.delete.delay.ms": "0"}})
	for i := range 2 { // a batch each
		put(t, c, numbered("a", 0, i+1)[i:])
	}
	d := c.Disk("a", 0)
	expect := func(d *kafka.Disk, want ...string) {
		t.Helper()
		eventually(t, "the disk holds what it should", func() bool {
			records, err := d.Look(within(t))
			return err == nil && slices.Equal(values(records), want)
		})
	}
	expect(d, "0", "1")
	if _, err := c.Trim(within(t), "a", 0, 1); err != nil {
		t.Fatal(err)
	}
	for range 3 { // some looks of the broker's
		expect(d, "0", "1")
	}
	later := c.Disk("a", 0)
	if _, err := later.Look(within(t)); !errors.Is(err, kafka.ErrOlder) {
		t.Fatalf("who comes later is told %v", err)
	}
	rolled := time.Now().Add(600 * time.Millisecond)
	eventually(t, "a segment later", func() bool { return time.Now().After(rolled) })
	put(t, c, numbered("a", 0, 3)[2:])
	expect(d, "0", "1", "2")
	if _, err := c.Trim(within(t), "a", 0, 2); err != nil {
		t.Fatal(err)
	}
	expect(d, "2")
	expect(later, "2")
	expect(c.Disk("a", 0), "2")
}

func TestDiskOfAnIdlePartitionEmptiesByRetention(t *testing.T) {
	// Goal: an idle partition that was trimmed to its end loses its bytes by retention, without a record that rolls it.
	// Method: one record, trimmed at once.
	t.Parallel()
	c := real(t)
	create(t, c, kafka.TopicSpec{Name: "a", Partitions: 1, Configs: map[string]string{
		"segment.ms": "500", "retention.ms": "2000", "file.delete.delay.ms": "0", "message.timestamp.type": "LogAppendTime",
	}})
	put(t, c, numbered("a", 0, 1))
	d := c.Disk("a", 0)
	if records, err := d.Look(within(t)); err != nil || len(records) != 1 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	if _, err := c.Trim(within(t), "a", 0, kafka.End); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the disk is empty", func() bool {
		records, err := d.Look(within(t))
		return err == nil && len(records) == 0
	})
}

func TestBrokerConfigsAreTheBrokers(t *testing.T) {
	// Goal: settings come from the broker, not from a plan. Method: the shared broker was started with one that is not Kafka's.
	configs, err := real(t).BrokerConfigs(within(t))
	if err != nil || len(configs) != 1 || configs[1]["log.retention.check.interval.ms"] != "1000" {
		t.Fatalf("%d brokers, %v", len(configs), err)
	}
}

func values(records []pipeline.Record) (all []string) {
	for _, r := range records {
		all = append(all, string(r.Value))
	}
	return all
}
