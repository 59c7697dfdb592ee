package wire

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/boot"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/pipeline/seal"
)

// maxSkew is how far this machine's clock may be off the broker's, by which windows are judged and keys destroyed.
const maxSkew = 5 * time.Second

// refused makes a finding final: only a person changes it.
func refused(p *boot.Problem) error {
	if p == nil {
		return nil
	}
	return pipeline.Permanent(*p)
}

// topics refuses settings under which content, plain or sealed, or a key would outlive its window.
func (g *guard) topics(ctx context.Context) error {
	drifts, err := g.drifts(ctx)
	if err != nil {
		return denied(err, "the settings of topics", "grant DescribeConfigs on this deployment's topics")
	}
	for _, d := range drifts {
		if p := outlives(d); p != nil {
			return refused(p)
		}
	}
	return nil
}

// outlives tells the drifts that no stage works under: of a key topic every setting by which its seeds vanish on time, to
// the millisecond, longer or shorter; elsewhere what no retention makes good. A longer retention makes a stage unready.
func outlives(d Drift) *boot.Problem {
	keys := strings.HasPrefix(d.Topic, seal.KeyTopic(""))
	switch d.Setting {
	case "cleanup.policy", "remote.storage.enable", "unclean.leader.election.enable":
	case "retention.ms", "segment.ms", "file.delete.delay.ms", "message.timestamp.type":
		if !keys {
			return nil
		}
	default:
		return nil
	}
	return &boot.Problem{Variable: d.Topic, What: fmt.Sprintf("%s is %q, not %q: what is promised of content would not hold", d.Setting, d.Have, d.Want),
		Hint: "wlctl setup --apply"}
}

// brokers refuses brokers that bring deleted topics back, with whatever settings are the default.
func (g *guard) brokers(ctx context.Context) error {
	brokers, err := g.process.Cluster.BrokerConfigs(ctx)
	if err != nil {
		return denied(err, "the settings of brokers", "grant DescribeConfigs on the cluster")
	}
	for id, settings := range brokers {
		if all := BrokerDrifts(id, settings); len(all) > 0 {
			d := all[0]
			return refused(&boot.Problem{Variable: d.Setting, What: "is " + d.Have + " on " + d.Topic + ": a topic that is deleted or misspelt would come back without an end to its records",
				Hint: d.Setting + "=" + d.Want + " in server.properties of every broker"})
		}
	}
	return nil
}

// BrokerDrifts are a broker's settings that no topic can make good. Unclean election is a topic's own setting.
func BrokerDrifts(id int, settings map[string]string) []Drift {
	const setting = "auto.create.topics.enable"
	if settings[setting] != "true" {
		return nil
	}
	return []Drift{{Topic: fmt.Sprintf("broker %d", id), Setting: setting, Want: "false", Have: "true", Weakens: true}}
}

// denied turns the broker's no into what to do about it; other errors are the world's.
func denied(err error, what, hint string) error {
	if kafka.Denied(err) {
		return refused(&boot.Problem{Variable: "WL_KAFKA_USER", What: "may not read " + what + ", without which nothing shows that content will be gone", Hint: hint})
	}
	return err
}

// clock appends a marker, which no reader sees, to a topic that any binary may append to: its append time is the only way
// in which Kafka tells its time.
func (g *guard) clock(ctx context.Context) error {
	before := g.now()
	marker, err := g.process.Cluster.Marker(ctx, Notices, 0)
	if err != nil {
		return err
	}
	after := g.now()
	if marker.At.Before(before.Add(-maxSkew)) || marker.At.After(after.Add(maxSkew)) {
		return refused(&boot.Problem{Variable: "clock", What: fmt.Sprintf("of this machine is more than %v off the broker's", maxSkew), Hint: "synchronise both by NTP"})
	}
	return nil
}
