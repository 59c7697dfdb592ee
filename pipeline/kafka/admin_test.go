package kafka_test

import (
	"maps"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/pipeline/kafka/embedded"
)

func TestTopicsAreCreatedDescribedAlteredGrownAndDeleted(t *testing.T) {
	// Goal: every administrative call does what it says, twice without harm where it says so. Method: one topic's life.
	onBoth(t, func(t *testing.T, c *kafka.Cluster) {
		ctx := within(t)
		spec := kafka.TopicSpec{Name: "a", Partitions: 2, Configs: map[string]string{"retention.ms": "3600000"}}
		create(t, c, spec, kafka.TopicSpec{Name: "b", Partitions: 1})
		create(t, c, spec) // exists: no error
		if topics, err := c.Topics(ctx); err != nil || topics["a"] != 2 || topics["b"] != 1 || len(topics) != 2 {
			t.Fatalf("topics %v, %v", topics, err)
		}
		if err := c.AlterConfigs(ctx, "a", map[string]string{"segment.ms": "60000"}); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the settings reach the broker", func() bool {
			configs, err := c.Configs(ctx, "a")
			return err == nil && configs["retention.ms"] == "3600000" && configs["segment.ms"] == "60000"
		})
		if err := c.AddPartitions(ctx, "a", 3); err != nil {
			t.Fatal(err)
		}
		put(t, c, numbered("a", 2, 1))
		for range 2 {
			if err := c.DeleteTopics(ctx, "a"); err != nil {
				t.Fatal(err)
			}
		}
		if topics, err := c.Topics(ctx); err != nil || len(topics) != 1 {
			t.Fatalf("topics %v, %v", topics, err)
		}
		if _, err := c.Configs(ctx, "a"); err == nil {
			t.Fatal("a deleted topic has configs")
		}
	})
}

func TestOffsetsAreFoundByTime(t *testing.T) {
	// Goal: OffsetAt finds the first record of a time, the end after the last. Method: two records some milliseconds apart.
	onBoth(t, func(t *testing.T, c *kafka.Cluster) {
		create(t, c, kafka.TopicSpec{Name: "a", Partitions: 1, Configs: map[string]string{"message.timestamp.type": "LogAppendTime"}})
		first := put(t, c, numbered("a", 0, 1))[0]
		eventually(t, "the clock moves on", func() bool { return time.Since(first.At) > 10*time.Millisecond })
		second := put(t, c, numbered("a", 0, 1))[0]
		for at, want := range map[time.Time]int64{
			first.At: 0, first.At.Add(time.Millisecond): 1, second.At: 1, second.At.Add(time.Millisecond): 2,
		} {
			if got, err := c.OffsetAt(within(t), "a", 0, at); err != nil || got != want {
				t.Errorf("offset at %v: %d, want %d, %v", at, got, want, err)
			}
		}
	})
}

func TestOffsetByTimeNeverLiesBehindARecord(t *testing.T) {
	// Goal: a record that is appended while OffsetAt asks is not skipped: deliver reads the log of claims from there. Method:
	// in many empty partitions a record comes just then; every one is of the time asked for, so none may lie before.
	b, err := embedded.Start(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	c := connect(t, b.Brokers())
	const partitions = 400
	create(t, c, kafka.TopicSpec{Name: "a", Partitions: partitions})
	ctx, since := within(t), time.Now().Add(-time.Hour)
	for p := range partitions {
		appended := make(chan error, 1)
		go func() {
			_, err := c.Log().Append(ctx, numbered("a", p, 1))
			appended <- err
		}()
		if got, err := c.OffsetAt(ctx, "a", p, since); err != nil || got != 0 {
			t.Errorf("partition %d: offset %d, want 0, %v", p, got, err)
		}
		if err := <-appended; err != nil {
			t.Fatal(err)
		}
	}
}

func TestClustersSeeOnlyTopicsOfTheirPrefix(t *testing.T) {
	// Goal: two deployments on one cluster do not see each other. Method: two prefixes, one topic name, two contents.
	b, err := embedded.Start(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	one, other := connect(t, b.Brokers()), connect(t, b.Brokers())
	create(t, one, kafka.TopicSpec{Name: "a", Partitions: 1})
	create(t, other, kafka.TopicSpec{Name: "a", Partitions: 2}, kafka.TopicSpec{Name: "b", Partitions: 1})
	put(t, one, numbered("a", 0, 3))
	if topics, err := one.Topics(within(t)); err != nil || !maps.Equal(topics, map[string]int{"a": 1}) {
		t.Fatalf("topics %v, %v", topics, err)
	}
	if _, next, err := other.Bounds(within(t), "a", 0); err != nil || next != 0 {
		t.Fatalf("the other's topic ends at %d, %v", next, err)
	}
}
