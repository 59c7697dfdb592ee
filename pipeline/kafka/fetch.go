package kafka

import (
	"context"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

const (
	fetchWait     = 250 * time.Millisecond // how long the broker holds an empty answer
	fetchBytes    = 256 << 10              // of one partition in one answer, decoded ahead of its batch; a single larger batch comes whole
	fetchDeadline = fetchWait + 10*time.Second
)

// The Fetch API, versions 4 (record batches v2) to 11 (the last before flexible encoding). It differs from the library's in
// one type: the record set stays raw, because the library drops the append time that stands in the batch's header.
func init() { protocol.Register(&fetchRequest{}, &fetchResponse{}) }

type fetchRequest struct {
	ReplicaID      int32        `kafka:"min=v4,max=v11"`
	MaxWaitTime    int32        `kafka:"min=v4,max=v11"`
	MinBytes       int32        `kafka:"min=v4,max=v11"`
	MaxBytes       int32        `kafka:"min=v4,max=v11"`
	IsolationLevel int8         `kafka:"min=v4,max=v11"`
	SessionID      int32        `kafka:"min=v7,max=v11"`
	SessionEpoch   int32        `kafka:"min=v7,max=v11"`
	Topics         []fetchTopic `kafka:"min=v4,max=v11"`
	Forgotten      []forgotten  `kafka:"min=v7,max=v11"`
	RackID         string       `kafka:"min=v11,max=v11"`
}

type fetchTopic struct {
	Topic      string           `kafka:"min=v4,max=v11"`
	Partitions []fetchPartition `kafka:"min=v4,max=v11"`
}

type fetchPartition struct {
	Partition          int32 `kafka:"min=v4,max=v11"`
	CurrentLeaderEpoch int32 `kafka:"min=v9,max=v11"`
	FetchOffset        int64 `kafka:"min=v4,max=v11"`
	LogStartOffset     int64 `kafka:"min=v5,max=v11"`
	MaxBytes           int32 `kafka:"min=v4,max=v11"`
}

type forgotten struct {
	Topic      string  `kafka:"min=v7,max=v11"`
	Partitions []int32 `kafka:"min=v7,max=v11"`
}

type fetchResponse struct {
	ThrottleTimeMs int32          `kafka:"min=v4,max=v11"`
	ErrorCode      int16          `kafka:"min=v7,max=v11"`
	SessionID      int32          `kafka:"min=v7,max=v11"`
	Topics         []fetchedTopic `kafka:"min=v4,max=v11"`
}

type fetchedTopic struct {
	Topic      string             `kafka:"min=v4,max=v11"`
	Partitions []fetchedPartition `kafka:"min=v4,max=v11"`
}

type fetchedPartition struct {
	Partition            int32     `kafka:"min=v4,max=v11"`
	ErrorCode            int16     `kafka:"min=v4,max=v11"`
	HighWatermark        int64     `kafka:"min=v4,max=v11"`
	LastStableOffset     int64     `kafka:"min=v4,max=v11"`
	LogStartOffset       int64     `kafka:"min=v5,max=v11"`
	AbortedTransactions  []aborted `kafka:"min=v4,max=v11"`
	PreferredReadReplica int32     `kafka:"min=v11,max=v11"`
	RecordSet            []byte    `kafka:"min=v4,max=v11"`
}

// aborted names a transaction whose records, from FirstOffset to its control marker, must not be read.
type aborted struct {
	ProducerID  int64 `kafka:"min=v4,max=v11"`
	FirstOffset int64 `kafka:"min=v4,max=v11"`
}

func (*fetchRequest) ApiKey() protocol.ApiKey  { return protocol.Fetch }
func (*fetchResponse) ApiKey() protocol.ApiKey { return protocol.Fetch }

// Broker routes the request to the partition's leader.
func (r *fetchRequest) Broker(cluster protocol.Cluster) (protocol.Broker, error) {
	return leader(cluster, r.Topics[0].Topic, r.Topics[0].Partitions[0].Partition)
}

// leader finds the broker that leads a partition.
func leader(cluster protocol.Cluster, topic string, partition int32) (protocol.Broker, error) {
	t, ok := cluster.Topics[topic]
	if !ok {
		return protocol.Broker{ID: -1}, protocol.NewErrNoTopic(topic)
	}
	p, ok := t.Partitions[partition]
	if !ok {
		return protocol.Broker{ID: -1}, protocol.NewErrNoPartition(topic, partition)
	}
	b, ok := cluster.Brokers[p.Leader]
	if !ok {
		return protocol.Broker{ID: -1}, protocol.NewErrNoLeader(topic, partition)
	}
	return b, nil
}

// fetch asks the leader for the committed records of a partition from an offset on, waiting up to fetchWait for the first.
// The error carries Kafka's code.
func (c *Cluster) fetch(ctx context.Context, topic string, partition int, from int64) (*fetchedPartition, error) {
	// Without a deadline the connection of a broker that hangs would be waited on for ever; with the caller's, each end of
	// a wait would break the connection.
	own, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchDeadline)
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	answer, err := c.transport.RoundTrip(own, c.client.Addr, &fetchRequest{
		ReplicaID:      -1,
		MaxWaitTime:    int32(fetchWait.Milliseconds()),
		MinBytes:       1,
		MaxBytes:       fetchBytes,
		IsolationLevel: int8(kafka.ReadCommitted),
		SessionEpoch:   -1, // no session
		Topics: []fetchTopic{{Topic: c.wire(topic), Partitions: []fetchPartition{{
			Partition: int32(partition), CurrentLeaderEpoch: -1, FetchOffset: from, LogStartOffset: -1, MaxBytes: fetchBytes,
		}}}},
	})
	if err != nil {
		return nil, err
	}
	res := answer.(*fetchResponse)
	if res.ErrorCode != 0 {
		return nil, kafka.Error(res.ErrorCode)
	}
	if len(res.Topics) != 1 || len(res.Topics[0].Partitions) != 1 {
		return nil, fmt.Errorf("%w: fetch answer without its partition", errCorrupt)
	}
	p := &res.Topics[0].Partitions[0]
	if p.ErrorCode != 0 {
		return nil, kafka.Error(p.ErrorCode)
	}
	return p, nil
}
