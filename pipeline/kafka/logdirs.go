package kafka

import (
	"context"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// The DescribeLogDirs API, version 1 (the last before flexible encoding), which the library does not have.
func init() { protocol.Register(&logDirsRequest{}, &logDirsResponse{}) }

type logDirsRequest struct {
	Topics []logDirsTopic `kafka:"min=v1,max=v1,nullable"`

	broker int32 // that is asked: each knows its own disks only
}

type logDirsTopic struct {
	Name       string  `kafka:"min=v1,max=v1"`
	Partitions []int32 `kafka:"min=v1,max=v1"`
}

type logDirsResponse struct {
	ThrottleTimeMs int32    `kafka:"min=v1,max=v1"`
	Dirs           []logDir `kafka:"min=v1,max=v1"`
}

// logDir is one of a broker's log directories and what was asked for in it.
type logDir struct {
	ErrorCode int16         `kafka:"min=v1,max=v1"`
	Path      string        `kafka:"min=v1,max=v1"`
	Topics    []logDirTopic `kafka:"min=v1,max=v1"`
}

type logDirTopic struct {
	Name       string          `kafka:"min=v1,max=v1"`
	Partitions []logDirReplica `kafka:"min=v1,max=v1"`
}

// logDirReplica is a partition's log in a directory; a future one is a copy on its way from another directory.
type logDirReplica struct {
	Partition int32 `kafka:"min=v1,max=v1"`
	Size      int64 `kafka:"min=v1,max=v1"` // of all segments, in bytes
	OffsetLag int64 `kafka:"min=v1,max=v1"` // behind the high watermark
	IsFuture  bool  `kafka:"min=v1,max=v1"`
}

func (*logDirsRequest) ApiKey() protocol.ApiKey  { return protocol.DescribeLogDirs }
func (*logDirsResponse) ApiKey() protocol.ApiKey { return protocol.DescribeLogDirs }

// Broker routes the request to the broker it is meant for.
func (r *logDirsRequest) Broker(cluster protocol.Cluster) (protocol.Broker, error) {
	b, ok := cluster.Brokers[r.broker]
	if !ok {
		return protocol.Broker{ID: -1}, kafka.BrokerNotAvailable
	}
	return b, nil
}

// logDirs asks one broker for its log directories and what they hold of a partition.
func (c *Cluster) logDirs(ctx context.Context, broker int32, topic string, partition int) ([]logDir, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	answer, err := c.transport.RoundTrip(ctx, c.client.Addr, &logDirsRequest{
		broker: broker, Topics: []logDirsTopic{{Name: c.wire(topic), Partitions: []int32{int32(partition)}}},
	})
	if err != nil {
		return nil, reason(err)
	}
	return answer.(*logDirsResponse).Dirs, nil
}
