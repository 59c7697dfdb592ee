package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/metadata"

	"github.com/whatsapplink/cloud/pipeline"
)

// Why the records that are left on disk cannot be told.
var (
	// ErrUnseen says that a replica or a log directory cannot be seen: offline, out of sync, being moved, or misplaced.
	ErrUnseen = errors.New("a replica cannot be seen")
	// ErrOlder says that a replica holds bytes of records from before the first that this Disk ever read.
	ErrOlder = errors.New("a replica holds older records than were ever read")
)

// Disk follows what lies on the disks of all replicas of a partition. Removing records moves the start of the log; their
// bytes leave with their segment, on each replica in its own time. A log loses its oldest bytes first, so the size of a
// replica tells how far back it reaches, once the size of each batch is known. Not safe for concurrent use.
type Disk struct {
	cluster   *Cluster
	topic     string
	partition int
	batches   []stored // that were read and may still be there, in the order of the log
}

// stored is a batch as the broker stores and serves it.
type stored struct {
	last    int64 // offset
	size    int64 // bytes
	records []pipeline.Record
}

// Disk returns the disks of a partition, of which nothing is known yet.
func (c *Cluster) Disk(topic string, partition int) *Disk {
	return &Disk{cluster: c, topic: topic, partition: partition}
}

// Look returns every record that may still lie on the disk of a replica, those before the start of the log included; all
// others that the partition had when Look was called are gone. The error is ErrUnseen or ErrOlder where that cannot be said.
//
// The order of the questions makes it safe. What is committed before the sizes are asked for is on every replica that is in
// sync afterwards, so no replica is small because it lags; what is appended later makes sizes larger, never smaller.
func (d *Disk) Look(ctx context.Context) ([]pipeline.Record, error) {
	_, end, err := d.cluster.Bounds(ctx, d.topic, d.partition)
	if err != nil {
		return nil, err
	}
	size, err := d.cluster.largestReplica(ctx, d.topic, d.partition)
	if err != nil {
		return nil, fmt.Errorf("sizes of %s/%d: %w", d.topic, d.partition, err)
	}
	if err := d.read(ctx, end); err != nil {
		return nil, fmt.Errorf("read %s/%d: %w", d.topic, d.partition, reason(err))
	}
	return d.left(size)
}

// read takes the batches that are new, up to end.
func (d *Disk) read(ctx context.Context, end int64) error {
	first, _, err := d.cluster.Bounds(ctx, d.topic, d.partition)
	if err != nil {
		return err
	}
	next := first
	if n := len(d.batches); n > 0 {
		if known := d.batches[n-1].last + 1; known >= first && known <= end {
			next = known
		} else {
			d.batches = nil // records went unread in between, or the topic was made anew
		}
	}
	for next < end {
		answer, err := d.cluster.fetch(ctx, d.topic, d.partition, next)
		if err != nil {
			return err
		}
		before := next
		if next, err = d.take(answer.RecordSet, end); err != nil {
			return err
		}
		if next <= before {
			return kafka.OffsetNotAvailable
		}
	}
	return nil
}

// take adds the whole batches of an answer that begin before end, and returns the offset that follows them.
func (d *Disk) take(raw []byte, end int64) (next int64, err error) {
	b := batches{raw: raw}
	for {
		before := len(b.raw)
		more, err := b.begin()
		if err != nil || !more || b.open.base >= end {
			return next, err
		}
		s := stored{last: b.open.last, size: int64(before - len(b.raw))}
		for ; b.open.left > 0 && b.open.attributes&attrControl == 0; b.open.left-- {
			r, err := b.read()
			if err != nil {
				return next, err
			}
			r.Topic, r.Partition = d.topic, d.partition
			s.records = append(s.records, r)
		}
		b.end()
		d.batches = append(d.batches, s)
		next = s.last + 1
	}
}

// left forgets the batches that a replica of this size, the largest, has no room for, and returns the records of the others.
func (d *Disk) left(size int64) ([]pipeline.Record, error) {
	keep := len(d.batches)
	for size > 0 && keep > 0 {
		keep--
		size -= d.batches[keep].size
	}
	d.batches = slices.Delete(d.batches, 0, keep)
	if size > 0 {
		return nil, ErrOlder
	}
	var records []pipeline.Record
	for _, b := range d.batches {
		records = append(records, b.records...)
	}
	return records, nil
}

// largestReplica returns the size in bytes of a partition's largest replica, or ErrUnseen unless all can be seen.
func (c *Cluster) largestReplica(ctx context.Context, topic string, partition int) (int64, error) {
	if err := c.refresh(ctx); err != nil {
		return 0, reason(err)
	}
	answer, err := c.transport.RoundTrip(ctx, c.client.Addr, &metadata.Request{TopicNames: []string{c.wire(topic)}})
	if err != nil {
		return 0, reason(err)
	}
	known := answer.(*metadata.Response)
	if len(known.Topics) != 1 || known.Topics[0].ErrorCode != 0 {
		return 0, kafka.UnknownTopicOrPartition
	}
	all := known.Topics[0].Partitions
	i := slices.IndexFunc(all, func(p metadata.ResponsePartition) bool { return int(p.PartitionIndex) == partition })
	if i < 0 {
		return 0, kafka.UnknownTopicOrPartition
	}
	dirs := map[int32][]logDir{}
	for _, b := range known.Brokers { // all of them: one may hold what it should not
		if dirs[b.NodeID], err = c.logDirs(ctx, b.NodeID, topic, partition); err != nil {
			return 0, err
		}
	}
	return largest(&all[i], dirs)
}

// largest is largestReplica once everybody has been asked. A directory that failed may hold anything.
func largest(p *metadata.ResponsePartition, byBroker map[int32][]logDir) (int64, error) {
	if len(p.IsrNodes) < len(p.ReplicaNodes) || len(p.OfflineReplicas) > 0 {
		return 0, ErrUnseen
	}
	size, replicas := int64(0), 0
	for broker, dirs := range byBroker {
		for _, dir := range dirs {
			if dir.ErrorCode != 0 {
				return 0, ErrUnseen
			}
			for _, t := range dir.Topics {
				for _, r := range t.Partitions {
					if r.IsFuture || r.OffsetLag != 0 || !slices.Contains(p.ReplicaNodes, broker) {
						return 0, ErrUnseen
					}
					size = max(size, r.Size)
					replicas++
				}
			}
		}
	}
	if replicas != len(p.ReplicaNodes) || replicas == 0 {
		return 0, ErrUnseen
	}
	return size, nil
}
