package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/whatsapplink/cloud/pipeline"
)

// TopicSpec describes a topic to be created.
type TopicSpec struct {
	Name        string
	Partitions  int               // 0: the broker's default
	Replication int               // 0: the broker's default
	Configs     map[string]string // by Kafka's names
}

// CreateTopics creates what does not exist yet and leaves the rest as it is.
func (c *Cluster) CreateTopics(ctx context.Context, specs []TopicSpec) error {
	if len(specs) == 0 {
		return nil
	}
	req := &kafka.CreateTopicsRequest{}
	for _, s := range specs {
		t := kafka.TopicConfig{
			Topic: c.wire(s.Name), NumPartitions: orDefault(s.Partitions), ReplicationFactor: orDefault(s.Replication),
		}
		for name, value := range s.Configs {
			t.ConfigEntries = append(t.ConfigEntries, kafka.ConfigEntry{ConfigName: name, ConfigValue: value})
		}
		req.Topics = append(req.Topics, t)
	}
	res, err := c.client.CreateTopics(ctx, req)
	if err != nil {
		return fmt.Errorf("create topics: %w", reason(err))
	}
	return c.each("create topic", res.Errors, kafka.TopicAlreadyExists)
}

func orDefault(n int) int {
	if n == 0 {
		return -1
	}
	return n
}

// each joins the errors of an answer by topic, without those of the given code.
func (c *Cluster) each(what string, byTopic map[string]error, but kafka.Error) error {
	var all []error
	for wire, err := range byTopic {
		if err == nil || errors.Is(err, but) {
			continue
		}
		topic, _ := c.ours(wire)
		all = append(all, fmt.Errorf("%s %s: %w", what, topic, reason(err)))
	}
	return errors.Join(all...)
}

// Topics returns the number of partitions by topic, of the topics that carry our prefix.
func (c *Cluster) Topics(ctx context.Context) (map[string]int, error) {
	if err := c.refresh(ctx); err != nil {
		return nil, fmt.Errorf("list topics: %w", reason(err))
	}
	return c.known(ctx)
}

// known is Topics from the transport's cache: at most some seconds old, and without a request.
func (c *Cluster) known(ctx context.Context) (map[string]int, error) {
	res, err := c.client.Metadata(ctx, &kafka.MetadataRequest{})
	if err != nil {
		return nil, fmt.Errorf("list topics: %w", reason(err))
	}
	topics := map[string]int{}
	for _, t := range res.Topics {
		topic, ok := c.ours(t.Name)
		if ok && !t.Internal && t.Error == nil {
			topics[topic] = len(t.Partitions)
		}
	}
	return topics, nil
}

// partitions returns a topic's number of partitions from the transport's cache; UnknownTopicOrPartition when it has none.
func (c *Cluster) partitions(ctx context.Context, topic string) (int, error) {
	res, err := c.client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{c.wire(topic)}})
	if err != nil {
		return 0, err
	}
	if len(res.Topics) != 1 || res.Topics[0].Error != nil || len(res.Topics[0].Partitions) == 0 {
		return 0, kafka.UnknownTopicOrPartition
	}
	return len(res.Topics[0].Partitions), nil
}

// Configs returns a topic's effective settings by Kafka's names.
func (c *Cluster) Configs(ctx context.Context, topic string) (map[string]string, error) {
	configs, err := c.configs(ctx, kafka.ResourceTypeTopic, c.wire(topic))
	if err != nil {
		return nil, fmt.Errorf("describe topic %s: %w", topic, err)
	}
	return configs, nil
}

func (c *Cluster) configs(ctx context.Context, kind kafka.ResourceType, name string) (map[string]string, error) {
	res, err := c.client.DescribeConfigs(ctx, &kafka.DescribeConfigsRequest{Resources: []kafka.DescribeConfigRequestResource{{
		ResourceType: kind, ResourceName: name,
	}}})
	if err == nil && len(res.Resources) == 1 {
		err = res.Resources[0].Error
	}
	if err != nil {
		return nil, reason(err)
	}
	configs := map[string]string{}
	for _, r := range res.Resources {
		for _, e := range r.ConfigEntries {
			configs[e.ConfigName] = e.ConfigValue
		}
	}
	return configs, nil
}

// AlterConfigs sets some of a topic's settings and leaves the others.
func (c *Cluster) AlterConfigs(ctx context.Context, topic string, configs map[string]string) error {
	resource := kafka.IncrementalAlterConfigsRequestResource{ResourceType: kafka.ResourceTypeTopic, ResourceName: c.wire(topic)}
	for name, value := range configs {
		resource.Configs = append(resource.Configs, kafka.IncrementalAlterConfigsRequestConfig{
			Name: name, Value: value, ConfigOperation: kafka.ConfigOperationSet,
		})
	}
	res, err := c.client.IncrementalAlterConfigs(ctx, &kafka.IncrementalAlterConfigsRequest{
		Resources: []kafka.IncrementalAlterConfigsRequestResource{resource},
	})
	if err == nil && len(res.Resources) == 1 {
		err = res.Resources[0].Error
	}
	if err != nil {
		return fmt.Errorf("alter topic %s: %w", topic, reason(err))
	}
	return nil
}

// DeleteTopics deletes topics and returns once they are gone from the cluster's metadata; one that does not exist is no
// error. It erases nothing by itself: files outlive it, so topics with content are emptied by retention first.
func (c *Cluster) DeleteTopics(ctx context.Context, topics ...string) error {
	if len(topics) == 0 {
		return nil
	}
	req := &kafka.DeleteTopicsRequest{}
	for _, t := range topics {
		req.Topics = append(req.Topics, c.wire(t))
	}
	res, err := c.client.DeleteTopics(ctx, req)
	if err != nil {
		return fmt.Errorf("delete topics: %w", reason(err))
	}
	if err := c.each("delete topic", res.Errors, kafka.UnknownTopicOrPartition); err != nil {
		return err
	}
	return c.until(ctx, func(known map[string]int) bool {
		return !slices.ContainsFunc(topics, func(t string) bool { _, there := known[t]; return there })
	})
}

// AddPartitions raises a topic to n partitions in all.
func (c *Cluster) AddPartitions(ctx context.Context, topic string, n int) error {
	res, err := c.client.CreatePartitions(ctx, &kafka.CreatePartitionsRequest{
		Topics: []kafka.TopicPartitionsConfig{{Name: c.wire(topic), Count: int32(n)}},
	})
	if err != nil {
		return fmt.Errorf("add partitions to %s: %w", topic, reason(err))
	}
	if err := c.each("add partitions to", res.Errors, 0); err != nil {
		return err
	}
	return c.until(ctx, func(known map[string]int) bool { return known[topic] >= n })
}

// until waits until the cluster's metadata shows what was asked of it: changes travel to brokers after they are granted.
func (c *Cluster) until(ctx context.Context, done func(known map[string]int) bool) error {
	for {
		known, err := c.Topics(ctx)
		if err == nil && done(known) {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		pause(ctx, 50*time.Millisecond)
	}
}

// Bounds returns the first offset in a partition's log and the one after the last that may be read.
func (c *Cluster) Bounds(ctx context.Context, topic string, partition int) (first, next int64, err error) {
	p, err := c.offsets(ctx, topic, kafka.FirstOffsetOf(partition), kafka.LastOffsetOf(partition))
	if err != nil {
		return 0, 0, fmt.Errorf("bounds of %s/%d: %w", topic, partition, reason(err))
	}
	return p.FirstOffset, p.LastOffset, nil
}

// OffsetAt returns the offset of the first record appended at or after t; the end of the log when there is none.
func (c *Cluster) OffsetAt(ctx context.Context, topic string, partition int, t time.Time) (int64, error) {
	// The end first and by itself. Asked together, the library sends both side by side, and a record appended between the
	// answers would lie before the end that is returned.
	end, err := c.offsets(ctx, topic, kafka.LastOffsetOf(partition))
	var at kafka.PartitionOffsets
	if err == nil {
		at, err = c.offsets(ctx, topic, kafka.TimeOffsetOf(partition, t))
	}
	if err != nil {
		return 0, fmt.Errorf("offset of %s/%d by time: %w", topic, partition, reason(err))
	}
	for offset := range at.Offsets {
		if offset >= 0 {
			return offset, nil
		}
	}
	return end.LastOffset, nil
}

func (c *Cluster) offsets(ctx context.Context, topic string, requests ...kafka.OffsetRequest) (kafka.PartitionOffsets, error) {
	// Right after a creation or a change of leader the transport's metadata is behind, and brokers are not ready at once.
	for began := time.Now(); ; {
		res, err := c.client.ListOffsets(ctx, &kafka.ListOffsetsRequest{
			Topics: map[string][]kafka.OffsetRequest{c.wire(topic): requests}, IsolationLevel: kafka.ReadCommitted,
		})
		if err == nil {
			if p := res.Topics[c.wire(topic)]; len(p) != 1 {
				err = kafka.UnknownTopicOrPartition
			} else if err = p[0].Error; err == nil {
				return p[0], nil
			}
		}
		if lasting(err) || ctx.Err() != nil || time.Since(began) > unknownFor {
			return kafka.PartitionOffsets{}, err
		}
		_ = c.refresh(ctx)
		pause(ctx, 50*time.Millisecond)
	}
}

// GroupOffsets returns what a group has committed, by topic and partition: the next offset to be read. Without topics it
// returns all of the group's that carry our prefix.
func (c *Cluster) GroupOffsets(ctx context.Context, group string, topics ...string) (map[string]map[int]int64, error) {
	req := &kafka.OffsetFetchRequest{GroupID: group}
	for _, t := range topics {
		n, err := c.partitions(ctx, t)
		if err != nil {
			return nil, fmt.Errorf("offsets of group %s on %s: %w", group, t, reason(err))
		}
		if req.Topics == nil {
			req.Topics = map[string][]int{}
		}
		for p := range n {
			req.Topics[c.wire(t)] = append(req.Topics[c.wire(t)], p)
		}
	}
	var res *kafka.OffsetFetchResponse
	// A broker that has just made the group's coordinator answers for a moment that it is none.
	err := c.producer.retry(ctx, "offsets of group "+group, func(ctx context.Context) (err error) {
		if res, err = c.client.OffsetFetch(ctx, req); err == nil && !errors.Is(res.Error, kafka.GroupIdNotFound) {
			err = res.Error // a group that nobody has joined yet has committed nothing
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	committed := map[string]map[int]int64{}
	for wire, partitions := range res.Topics {
		topic, ok := c.ours(wire)
		if !ok {
			continue
		}
		committed[topic] = map[int]int64{}
		for _, p := range partitions {
			if p.Error != nil {
				return nil, fmt.Errorf("offsets of group %s on %s/%d: %w", group, topic, p.Partition, reason(p.Error))
			}
			if p.CommittedOffset >= 0 {
				committed[topic][p.Partition] = p.CommittedOffset
			}
		}
	}
	return committed, nil
}

// Marker appends an empty record that readers skip, so that the segment before it can roll and go.
func (c *Cluster) Marker(ctx context.Context, topic string, partition int) (pipeline.Appended, error) {
	_, next, err := c.Bounds(ctx, topic, partition)
	if err != nil {
		return pipeline.Appended{}, err
	}
	appended, err := c.Log().Append(ctx, []pipeline.Output{{
		Topic: topic, Partition: partition, Value: []byte{},
		Headers: []pipeline.Header{{Key: pipeline.MarkerHeader, Value: strconv.AppendInt(nil, next-1, 10)}},
	}})
	if err != nil {
		return pipeline.Appended{}, err
	}
	return appended[0], nil
}
