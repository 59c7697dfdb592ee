package kafka_test

import (
	"context"
	"testing"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/pipeline/pipelinetest"
)

// harness holds a cluster to the suites that the in-memory log passes too.
func harness(c *kafka.Cluster) pipelinetest.SourceHarness {
	return pipelinetest.SourceHarness{
		LogHarness: pipelinetest.LogHarness{
			Log: c.Log(),
			Create: func(t testing.TB, topic string, partitions int) {
				create(t, c, kafka.TopicSpec{Name: topic, Partitions: partitions, Configs: map[string]string{
					"message.timestamp.type": "LogAppendTime", "max.message.bytes": "5242880",
				}})
			},
			Tail: func(_ testing.TB, topic string, p int, from int64) pipeline.Source { return c.Tail(topic, p, from) },
			// The in-process broker keeps the stamp that the append gave, so this holds there too.
			AppendTime:   true,
			LargestValue: 4 << 20,
			Timeout:      patience,
		},
		Own: func(t testing.TB, topic string, p int, group string) (pipeline.Source, func()) {
			return own(t, c, topic, p, group)
		},
		Trim: func(t testing.TB, topic string, p int, before int64) {
			if _, err := c.Trim(within(t), topic, p, before); err != nil {
				t.Fatal(err)
			}
		},
	}
}

// own joins a group as its only member and hands out the source of one partition.
func own(t testing.TB, c *kafka.Cluster, topic string, partition int, group string) (pipeline.Source, func()) {
	t.Helper()
	owned := make(chan pipeline.Source, 1)
	leave := join(t, &kafka.Group{Cluster: c, ID: group, Topics: topics(topic), Own: func(ctx context.Context, o *kafka.Owned) error {
		if o.Partition() == partition {
			owned <- o.Source()
		}
		<-ctx.Done()
		return nil
	}})
	return <-owned, func() {
		if err := leave(); err != nil {
			t.Error(err)
		}
	}
}

func TestLogConforms(t *testing.T) {
	onBoth(t, func(t *testing.T, c *kafka.Cluster) {
		pipelinetest.TestLog(t, func(*testing.T) pipelinetest.LogHarness { return harness(c).LogHarness })
	})
}

func TestSourceConforms(t *testing.T) {
	onBoth(t, func(t *testing.T, c *kafka.Cluster) {
		pipelinetest.TestSource(t, func(*testing.T) pipelinetest.SourceHarness { return harness(c) })
	})
}
