package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sourcegraph/conc/pool"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
)

// passThrough copies a topic within the broker by our fetch and append, each partition by a loop of its own that fetches
// while it appends: the ceiling of every stage.
func passThrough(ctx context.Context, c *kafka.Cluster, topic string) (figure, error) {
	total, err := end(ctx, c, topic)
	if err != nil {
		return figure{}, err
	}
	topics, err := c.Topics(ctx)
	if err != nil {
		return figure{}, err
	}
	if err := c.CreateTopics(ctx, []kafka.TopicSpec{{Name: "peer", Partitions: topics[topic], Replication: 1}}); err != nil {
		return figure{}, err
	}
	var done, bytes atomic.Int64
	copying, stop := context.WithCancel(ctx)
	defer stop()
	group := pool.New().WithContext(copying).WithCancelOnError().WithFirstError()
	for partition := range topics[topic] {
		fetched := make(chan []pipeline.Output, 1)
		group.Go(func(ctx context.Context) error { return fetch(ctx, c, topic, partition, fetched) })
		group.Go(func(ctx context.Context) error {
			for outputs := range fetched {
				if _, err := c.Log().Append(ctx, outputs); err != nil {
					return err
				}
				for i := range outputs {
					bytes.Add(int64(len(outputs[i].Value)))
				}
				done.Add(int64(len(outputs)))
			}
			return nil
		})
	}
	m := middle{total: total}
	for !m.over() {
		m.see(point{time.Now(), done.Load(), ownCPU()})
		if err := pause(ctx); err != nil {
			return figure{}, err
		}
	}
	for done.Load() < total && ctx.Err() == nil {
		_ = pause(ctx)
	}
	stop()
	err = group.Wait()
	if done.Load() == total {
		err = nil // what ends the copying is the end of what there is
	}
	f := m.figure()
	f.what = "peer: fetch and append, no work"
	f.comment += fmt.Sprintf(", %.0f MB/s", f.rate*float64(bytes.Load())/float64(total)/1e6)
	return f, err
}

func fetch(ctx context.Context, c *kafka.Cluster, topic string, partition int, to chan<- []pipeline.Output) error {
	defer close(to)
	src := c.Tail(topic, partition, kafka.Beginning)
	for {
		records, err := src.Fetch(ctx)
		if err != nil {
			return err
		}
		outputs := make([]pipeline.Output, len(records))
		for i, r := range records {
			outputs[i] = pipeline.Output{Topic: "peer", Partition: partition, Key: r.Key, Value: r.Value}
		}
		select {
		case to <- outputs:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// ownCPU is the CPU time of this process.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
