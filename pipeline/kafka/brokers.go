package kafka

import (
	"context"
	"fmt"
	"strconv"

	"github.com/segmentio/kafka-go"
)

// BrokerConfigs returns every broker's effective settings by its id and Kafka's names.
func (c *Cluster) BrokerConfigs(ctx context.Context) (map[int]map[string]string, error) {
	known, err := c.client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{}})
	if err != nil {
		return nil, fmt.Errorf("list brokers: %w", reason(err))
	}
	configs := map[int]map[string]string{}
	for _, b := range known.Brokers {
		if configs[b.ID], err = c.configs(ctx, kafka.ResourceTypeBroker, strconv.Itoa(b.ID)); err != nil {
			return nil, fmt.Errorf("describe broker %d: %w", b.ID, err)
		}
	}
	return configs, nil
}
