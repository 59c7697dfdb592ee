package kafka

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/segmentio/kafka-go"
)

// Settings returns the effective settings of topics, by topic and Kafka's names. A topic that does not exist is left out.
func (c *Cluster) Settings(ctx context.Context, topics ...string) (map[string]map[string]string, error) {
	settings := map[string]map[string]string{}
	if len(topics) == 0 {
		return settings, nil
	}
	req := &kafka.DescribeConfigsRequest{}
	for _, t := range topics {
		req.Resources = append(req.Resources, kafka.DescribeConfigRequestResource{ResourceType: kafka.ResourceTypeTopic, ResourceName: c.wire(t)})
	}
	res, err := c.client.DescribeConfigs(ctx, req)
	if err != nil {
		return nil, fmt.Errorf("describe topics: %w", reason(err))
	}
	for _, r := range res.Resources {
		topic, ok := c.ours(r.ResourceName)
		switch {
		case !ok, errors.Is(r.Error, kafka.UnknownTopicOrPartition):
		case r.Error != nil:
			return nil, fmt.Errorf("describe topic %s: %w", topic, reason(r.Error))
		default:
			settings[topic] = named(r.ConfigEntries)
		}
	}
	return settings, nil
}

// BrokerSettings returns the effective settings of every broker, by its id. It takes the right DescribeConfigs on the
// cluster; see Denied.
func (c *Cluster) BrokerSettings(ctx context.Context) (map[int]map[string]string, error) {
	cluster, err := c.client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{}})
	if err != nil {
		return nil, fmt.Errorf("list brokers: %w", reason(err))
	}
	settings := map[int]map[string]string{}
	for _, b := range cluster.Brokers {
		res, err := c.client.DescribeConfigs(ctx, &kafka.DescribeConfigsRequest{Resources: []kafka.DescribeConfigRequestResource{{
			ResourceType: kafka.ResourceTypeBroker, ResourceName: strconv.Itoa(b.ID),
		}}})
		if err == nil && len(res.Resources) == 1 {
			err = res.Resources[0].Error
		}
		if err != nil {
			return nil, fmt.Errorf("describe broker %d: %w", b.ID, reason(err))
		}
		for _, r := range res.Resources {
			settings[b.ID] = named(r.ConfigEntries)
		}
	}
	return settings, nil
}

func named(entries []kafka.DescribeConfigResponseConfigEntry) map[string]string {
	settings := make(map[string]string, len(entries))
	for _, e := range entries {
		settings[e.ConfigName] = e.ConfigValue
	}
	return settings
}

// Denied says that an error is the broker's no to who asks.
func Denied(err error) bool {
	return errors.Is(err, kafka.ClusterAuthorizationFailed) || errors.Is(err, kafka.TopicAuthorizationFailed)
}
