// Package embedded runs an Apache Kafka stand-in inside the process (franz-go's kfake): real protocol, no service.
//
// Its one invariant: it creates no topic by itself. What it lacks: it keeps the record's own stamp also where the topic asks
// for LogAppendTime; it removes nothing by time, and nothing from memory but what DeleteRecords or a deleted topic let go;
// everything is gone when the process ends. It is for tests and the demo only. It imports nothing of ours.
package embedded

import (
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kfake"
)

// Options of a Broker.
type Options struct {
	Partitions int // of a topic created without a number; 0: 4
	Port       int // 0: a free one
}

// Broker is a running broker on the loopback interface.
type Broker struct {
	cluster *kfake.Cluster
}

// Start starts a broker.
func Start(o Options) (*Broker, error) {
	if o.Partitions == 0 {
		o.Partitions = 4
	}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(o.Port), kfake.DefaultNumPartitions(o.Partitions))
	if err != nil {
		return nil, fmt.Errorf("start embedded broker: %w", err)
	}
	return &Broker{cluster: cluster}, nil
}

// Brokers returns the addresses to connect to.
func (b *Broker) Brokers() []string { return b.cluster.ListenAddrs() }

// Addr returns them as WL_KAFKA_BROKERS takes them.
func (b *Broker) Addr() string { return strings.Join(b.Brokers(), ",") }

// Close stops the broker; its records are gone.
func (b *Broker) Close() { b.cluster.Close() }
