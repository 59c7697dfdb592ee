package kafka

import (
	"context"
	"errors"
	"fmt"

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
			settings[topic] = map[string]string{}
			for _, e := range r.ConfigEntries {
				settings[topic][e.ConfigName] = e.ConfigValue
			}
		}
	}
	return settings, nil
}

// Denied says that an error is the broker's no to who asks: BrokerConfigs takes the right DescribeConfigs on the cluster.
func Denied(err error) bool {
	return errors.Is(err, kafka.ClusterAuthorizationFailed) || errors.Is(err, kafka.TopicAuthorizationFailed)
}
