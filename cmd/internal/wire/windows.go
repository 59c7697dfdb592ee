package wire

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/boot"
	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/pipeline/seal"
)

// windowsOf lists the diagnostic windows that exist, ascending: one per delivered.* topic.
func windowsOf(topics map[string]int) []time.Duration {
	var windows []time.Duration
	for name := range topics {
		if w, ok := strings.CutPrefix(name, "delivered."); ok {
			if d, err := seal.ParseWindow(w); err == nil && d > 0 {
				windows = append(windows, d)
			}
		}
	}
	slices.Sort(windows)
	return windows
}

// awaitWindows waits until the deployment has lanes, and returns its windows.
func awaitWindows(ctx context.Context, p *boot.Process) (windows []time.Duration, err error) {
	err = awaitTopics(ctx, p, func(topics map[string]int) bool {
		windows = windowsOf(topics)
		return len(windows) > 0
	})
	return windows, err
}

// awaitTopics waits until the deployment has the topics that are needed, saying so once. setup makes all in one request.
func awaitTopics(ctx context.Context, p *boot.Process, enough func(topics map[string]int) bool) error {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for said := false; ; {
		topics, err := p.Cluster.Topics(ctx)
		if err == nil && enough(topics) {
			return nil
		}
		if !said && ctx.Err() == nil {
			said = true
			p.Log.Warn("waiting for the topics of this deployment", "hint", "is Kafka up? has `wlctl setup --apply` run?")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// topicsWith lists the topics that exist among base and, where prefix is not empty, all that start with prefix.
func topicsWith(c *kafka.Cluster, prefix string, base ...string) func(context.Context) ([]string, error) {
	return func(ctx context.Context) ([]string, error) {
		existing, err := c.Topics(ctx)
		if err != nil {
			return nil, err
		}
		var listed []string
		for name := range existing {
			if slices.Contains(base, name) || (prefix != "" && strings.HasPrefix(name, prefix)) {
				listed = append(listed, name)
			}
		}
		slices.Sort(listed)
		return listed, nil
	}
}
