package kafka_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
)

func TestPartitionsAreChosenAsJavaDoes(t *testing.T) {
	// Goal: our keys land where Kafka's Java client puts them. Method: vectors of Utils.murmur2 from Apache Kafka's own
	// UtilsTest, as partitions of 1,000: (murmur2 & 0x7fffffff) % 1000.
	c := inProcess(t)
	create(t, c, kafka.TopicSpec{Name: "a", Partitions: 1000})
	for key, hash := range map[string]int32{
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536,
		"a-little-bit-longer-string": -1486304829, "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
		"abc": 479470107,
	} {
		appended := put(t, c, []pipeline.Output{{Topic: "a", Partition: pipeline.AnyPartition, Key: []byte(key)}})
		want := int(hash&0x7fffffff) % 1000
		if told := kafka.PartitionOf([]byte(key), 1000); appended[0].Partition != want || told != want {
			t.Errorf("key %s in partition %d, told %d, Java's is %d", key, appended[0].Partition, told, want)
		}
	}
}

func TestAppendsOverOneRequestAreCutAndKeepTheirOrder(t *testing.T) {
	// Goal: more than 1 MB in one Append passes a broker that refuses larger batches, in order per partition. Method: 5 MB
	// over two partitions.
	onBoth(t, func(t *testing.T, c *kafka.Cluster) {
		create(t, c, kafka.TopicSpec{Name: "a", Partitions: 2})
		var outputs []pipeline.Output
		for i := range 1000 {
			value := fmt.Appendf(nil, "%d %s", i, strings.Repeat("x", 5000))
			outputs = append(outputs, pipeline.Output{Topic: "a", Partition: i % 2, Value: value})
		}
		for i, a := range put(t, c, outputs) {
			if a.Partition != i%2 || a.Offset != int64(i/2) {
				t.Fatalf("output %d at %v", i, a.Position)
			}
		}
		for p := range 2 {
			for i, r := range read(t, c.Tail("a", p, kafka.Beginning), 500) {
				if !bytes.HasPrefix(r.Value, fmt.Appendf(nil, "%d ", 2*i+p)) {
					t.Fatalf("partition %d, record %d is another", p, i)
				}
			}
		}
	})
}

func TestATooLargeRecordIsRefusedAtOnceAndNotQuoted(t *testing.T) {
	// Goal: what can never pass is not retried, and its bytes are in no error. Method: 2 MB on a topic that takes 1 MB.
	onBoth(t, func(t *testing.T, c *kafka.Cluster) {
		create(t, c, kafka.TopicSpec{Name: "a", Partitions: 1})
		_, err := c.Log().Append(within(t), []pipeline.Output{{Topic: "a", Value: bytes.Repeat([]byte("canary"), 400_000)}})
		if err == nil || strings.Contains(err.Error(), "canary") || errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("append: %v", err)
		}
	})
}

func TestAppendEndsWithItsContext(t *testing.T) {
	// Goal: a caller who is told to stop does not wait for a broker that is away. Method: nobody listens; cancel.
	c := connect(t, []string{"127.0.0.1:1"})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		_, err := c.Log().Append(ctx, numbered("a", 0, 1))
		done <- err
	}()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatalf("append: %v", err)
	}
}
