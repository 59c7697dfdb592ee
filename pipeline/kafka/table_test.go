package kafka_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
)

// text decodes a value as text; "bad" cannot be decoded.
func text(b []byte) (string, error) {
	if string(b) == "bad" {
		return "", errors.New("bad")
	}
	return string(b), nil
}

func runTable(t *testing.T, c *kafka.Cluster, topic string) *kafka.Table[string] {
	t.Helper()
	table := kafka.NewTable(c, topic, text, nil)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- table.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return table
}

func waitFor(t *testing.T, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(patience):
		t.Fatal("waited in vain")
	}
}

func TestTableHoldsTheLatestValueOfEveryKey(t *testing.T) {
	// Goal: ready means complete; later values, tombstones and undecodable records do what is said; Changed tells. Method:
	// fill 3 partitions, run, compare, append, compare.
	onBoth(t, func(t *testing.T, c *kafka.Cluster) {
		create(t, c, kafka.TopicSpec{Name: "reg", Partitions: 3, Configs: map[string]string{"cleanup.policy": "compact"}})
		set := func(key, value string) pipeline.Output {
			o := pipeline.Output{Topic: "reg", Partition: pipeline.AnyPartition, Key: []byte(key)}
			if value != "" {
				o.Value = []byte(value)
			}
			return o
		}
		put(t, c, []pipeline.Output{set("a", "1"), set("b", "1"), set("c", "1"), set("a", "2"), set("b", ""), set("c", "bad")})
		table := runTable(t, c, "reg")
		waitFor(t, table.Ready())
		if all := table.All(); len(all) != 2 || all["a"] != "2" || all["c"] != "1" {
			t.Fatalf("table %v", all)
		}
		if table.Skipped() != 1 {
			t.Fatalf("%d skipped", table.Skipped())
		}
		if age := table.Age(time.Now()); age < 0 || age > patience {
			t.Fatalf("age %v", age)
		}
		changed := table.Changed()
		put(t, c, []pipeline.Output{set("b", "3")})
		waitFor(t, changed)
		if v, ok := table.Get("b"); !ok || v != "3" {
			t.Fatalf("b is %q", v)
		}
		before := time.Now()
		eventually(t, "the table is known to be current again", func() bool { return table.Age(before) < 0 })
	})
}

func TestAnEmptyTableIsReadyAndAMissingOneWaits(t *testing.T) {
	// Goal: an empty topic is complete at once; one that does not exist is not ready until it does. Method: run before
	// creating.
	onBoth(t, func(t *testing.T, c *kafka.Cluster) {
		table := runTable(t, c, "reg")
		select {
		case <-table.Ready():
			t.Fatal("ready without its topic")
		default:
		}
		if table.Age(time.Now()) < time.Hour {
			t.Fatal("a table that never read has a small age")
		}
		create(t, c, kafka.TopicSpec{Name: "reg", Partitions: 2})
		waitFor(t, table.Ready())
	})
}
