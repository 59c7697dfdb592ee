package wire

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/boot"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/pipeline/seal"
)

// destroys are the settings by which the broker makes a key topic's seeds vanish on time: as planned, to the millisecond.
var destroys = []string{"cleanup.policy", "file.delete.delay.ms", "message.timestamp.type", "retention.ms", "segment.ms"}

// refuse names a setting under which content, plain or sealed, would outlive its window, in the topics of these names or,
// where a name ends with a dot, of this beginning. It asks the broker once a topic; topics that do not exist are no fault.
func refuse(ctx context.Context, c *kafka.Cluster, windows []time.Duration, names ...string) error {
	planned := map[string]map[string]string{}
	for _, spec := range (Plan{Windows: windows}).Topics() {
		planned[spec.Name] = spec.Configs
	}
	return pipeline.Retry(ctx, pipeline.Backoff{}, "check the settings of topics", func(ctx context.Context) error {
		existing, err := c.Topics(ctx)
		if err != nil {
			return err
		}
		for _, topic := range slices.Sorted(maps.Keys(existing)) {
			if !slices.ContainsFunc(names, func(n string) bool { return topic == n || strings.HasSuffix(n, ".") && strings.HasPrefix(topic, n) }) {
				continue // no business of this binary
			}
			actual, err := c.Configs(ctx, topic)
			if err != nil {
				return err
			}
			if problem := outlives(topic, actual, planned[topic]); problem != nil {
				return pipeline.Permanent(*problem)
			}
		}
		return nil
	})
}

// outlives names the first setting of a topic that would keep content, or nil.
func outlives(topic string, actual, planned map[string]string) *boot.Problem {
	problem := func(setting, want string) *boot.Problem {
		return &boot.Problem{Variable: topic, What: fmt.Sprintf("%s is %q, not %q: content would not be gone when its window is over", setting, actual[setting], want),
			Hint: "wlctl setup --apply"}
	}
	if strings.HasPrefix(topic, seal.KeyTopic("")) {
		for _, setting := range destroys {
			if planned != nil && actual[setting] != planned[setting] {
				return problem(setting, planned[setting])
			}
		}
	}
	if strings.Contains(actual["cleanup.policy"], "compact") {
		return problem("cleanup.policy", "delete")
	}
	if actual["remote.storage.enable"] == "true" {
		return problem("remote.storage.enable", "false")
	}
	return nil
}
