package kafka

import (
	"context"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/whatsapplink/cloud/pipeline"
)

// Owned is a partition while its group member owns it.
type Owned struct {
	ctx        context.Context
	generation *generation
	committed  map[string]map[int]int64
	topic      string
	partition  int
}

// Topic is the assigned topic.
func (o *Owned) Topic() string { return o.topic }

// Partition is the assigned partition.
func (o *Owned) Partition() int { return o.partition }

// Source reads the assigned partition from the group's committed offset on.
func (o *Owned) Source() pipeline.Source { return o.Companion(o.topic) }

// Companion reads the partition of the same number of another topic that is partitioned alike. The group does not
// subscribe to it, but whoever owns the one owns the other: its commits go through the same generation, to the same group.
func (o *Owned) Companion(topic string) pipeline.Source {
	next, ok := o.committed[topic][o.partition]
	if !ok {
		next = o.beginning(topic)
	}
	p := newPartition(o.generation.group.Cluster, topic, o.partition, next)
	p.commit = func(_ context.Context, next int64) error {
		return o.generation.commits.note(topic, o.partition, next)
	}
	p.kept = func() int64 { return o.generation.commits.kept(topic, o.partition) }
	o.generation.commits.start(topic, o.partition, next)
	return p
}

// beginning is the first offset in a partition's log; 0 when the topic does not exist yet, or ownership ends first.
func (o *Owned) beginning(topic string) int64 {
	cluster := o.generation.group.Cluster
	trouble := trouble{log: cluster.log.With("topic", topic, "partition", o.partition), what: "find start of log"}
	for o.ctx.Err() == nil {
		first, _, err := cluster.Bounds(o.ctx, topic, o.partition)
		if err == nil {
			trouble.healed()
			return first
		}
		if reason(err) == kafka.UnknownTopicOrPartition {
			return 0
		}
		if o.ctx.Err() == nil {
			trouble.failed(err)
			pause(o.ctx, 200*time.Millisecond)
		}
	}
	return 0
}
