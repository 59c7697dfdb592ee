package kafka

import (
	"context"
	"fmt"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
)

// The DeleteRecords API, versions 0 and 1, which the library does not have.
func init() { protocol.Register(&deleteRecordsRequest{}, &deleteRecordsResponse{}) }

type deleteRecordsRequest struct {
	Topics    []deleteRecordsTopic `kafka:"min=v0,max=v1"`
	TimeoutMs int32                `kafka:"min=v0,max=v1"`
}

type deleteRecordsTopic struct {
	Name       string                   `kafka:"min=v0,max=v1"`
	Partitions []deleteRecordsPartition `kafka:"min=v0,max=v1"`
}

type deleteRecordsPartition struct {
	Partition int32 `kafka:"min=v0,max=v1"`
	Offset    int64 `kafka:"min=v0,max=v1"`
}

type deleteRecordsResponse struct {
	ThrottleTimeMs int32                 `kafka:"min=v0,max=v1"`
	Topics         []deletedRecordsTopic `kafka:"min=v0,max=v1"`
}

type deletedRecordsTopic struct {
	Name       string                    `kafka:"min=v0,max=v1"`
	Partitions []deletedRecordsPartition `kafka:"min=v0,max=v1"`
}

type deletedRecordsPartition struct {
	Partition    int32 `kafka:"min=v0,max=v1"`
	LowWatermark int64 `kafka:"min=v0,max=v1"`
	ErrorCode    int16 `kafka:"min=v0,max=v1"`
}

func (*deleteRecordsRequest) ApiKey() protocol.ApiKey  { return protocol.DeleteRecords }
func (*deleteRecordsResponse) ApiKey() protocol.ApiKey { return protocol.DeleteRecords }

// Broker routes the request to the partition's leader.
func (r *deleteRecordsRequest) Broker(cluster protocol.Cluster) (protocol.Broker, error) {
	return leader(cluster, r.Topics[0].Name, r.Topics[0].Partitions[0].Partition)
}

// Trim moves the start of a partition's log up to before (DeleteRecords), or to its end for End, and returns where it
// starts now. Records before it cannot be read any more; their bytes follow when their segment is rolled.
func (c *Cluster) Trim(ctx context.Context, topic string, partition int, before int64) (logStart int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	answer, err := c.transport.RoundTrip(ctx, c.client.Addr, &deleteRecordsRequest{
		TimeoutMs: int32(requestTimeout.Milliseconds() / 2),
		Topics: []deleteRecordsTopic{{Name: c.wire(topic), Partitions: []deleteRecordsPartition{
			{Partition: int32(partition), Offset: before},
		}}},
	})
	if err == nil {
		res := answer.(*deleteRecordsResponse)
		if len(res.Topics) != 1 || len(res.Topics[0].Partitions) != 1 {
			err = errCorrupt
		} else if p := res.Topics[0].Partitions[0]; p.ErrorCode != 0 {
			err = kafka.Error(p.ErrorCode)
		} else {
			return p.LowWatermark, nil
		}
	}
	return 0, fmt.Errorf("trim %s/%d: %w", topic, partition, reason(err))
}
