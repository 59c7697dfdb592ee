package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/sourcegraph/conc/pool"

	"github.com/whatsapplink/cloud/pipeline"
)

const (
	appendBytes    = 900 << 10        // of one request; brokers refuse batches over 1,048,588 bytes by default
	appendBeside   = 8                // target partitions written at once by one Append
	appendPatience = 30 * time.Second // how long an append is tried again before the caller hears of it
	unknownFor     = 5 * time.Second  // how long a topic or partition may be unknown: it may just have been created
	countsFor      = 5 * time.Second  // how long a topic's number of partitions is believed
)

// producer appends to the cluster: acks of all in-sync replicas, one request at a time for each target partition.
type producer struct {
	cluster *Cluster
	mu      sync.Mutex
	counts  map[string]count
}

// count is a topic's number of partitions.
type count struct {
	partitions []int // 0..n-1, as the balancer wants them
	at         time.Time
}

func newProducer(c *Cluster) *producer { return &producer{cluster: c, counts: map[string]count{}} }

// target is a partition to be appended to.
type target struct {
	topic     string
	partition int
}

// Append implements pipeline.Log. Retried requests can append a record twice.
func (p *producer) Append(ctx context.Context, outputs []pipeline.Output) ([]pipeline.Appended, error) {
	byTarget, order, err := p.place(ctx, outputs)
	if err != nil {
		return nil, err
	}
	job := job{producer: p, outputs: outputs, appended: make([]pipeline.Appended, len(outputs))}
	if len(order) == 1 {
		return job.appended, job.write(ctx, order[0], byTarget[order[0]])
	}
	group := pool.New().WithContext(ctx).WithMaxGoroutines(appendBeside).WithFirstError()
	for _, t := range order {
		group.Go(func(ctx context.Context) error { return job.write(ctx, t, byTarget[t]) })
	}
	return job.appended, group.Wait()
}

// place sorts the outputs by target partition: indices in the order given.
func (p *producer) place(ctx context.Context, outputs []pipeline.Output) (map[target][]int, []target, error) {
	byTarget := map[target][]int{}
	var order []target
	for i, o := range outputs {
		t := target{o.Topic, o.Partition}
		if o.Partition == pipeline.AnyPartition {
			partitions, err := p.partitions(ctx, o.Topic)
			if err != nil {
				return nil, nil, err
			}
			t.partition = kafka.Murmur2Balancer{}.Balance(kafka.Message{Key: o.Key}, partitions...)
		}
		if byTarget[t] == nil {
			order = append(order, t)
		}
		byTarget[t] = append(byTarget[t], i)
	}
	return byTarget, order, nil
}

// partitions returns a topic's partitions, waiting for a topic that is just being created.
func (p *producer) partitions(ctx context.Context, topic string) ([]int, error) {
	p.mu.Lock()
	known, ok := p.counts[topic]
	p.mu.Unlock()
	if ok && time.Since(known.at) < countsFor {
		return known.partitions, nil
	}
	var n int
	err := p.retry(ctx, "find partitions of "+topic, func(ctx context.Context) (err error) {
		n, err = p.cluster.partitions(ctx, topic)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(known.partitions) != n {
		known.partitions = make([]int, n)
		for i := range known.partitions {
			known.partitions[i] = i
		}
	}
	known.at = time.Now()
	p.mu.Lock()
	p.counts[topic] = known
	p.mu.Unlock()
	return known.partitions, nil
}

// job is one Append: its outputs and, by the same index, where they went.
type job struct {
	*producer
	outputs  []pipeline.Output
	appended []pipeline.Appended
}

// write appends the outputs of one target partition, in order, in as few requests as their bytes allow.
func (j *job) write(ctx context.Context, t target, indices []int) error {
	for len(indices) > 0 {
		n, size := 0, 0
		for n < len(indices) {
			size += weight(j.outputs[indices[n]])
			if size > appendBytes && n > 0 {
				break
			}
			n++
		}
		if err := j.produce(ctx, t, indices[:n]); err != nil {
			return err
		}
		indices = indices[n:]
	}
	return nil
}

// weight is an upper bound of an output's bytes on the wire.
func weight(o pipeline.Output) int {
	size := len(o.Key) + len(o.Value) + 64
	for _, h := range o.Headers {
		size += len(h.Key) + len(h.Value) + 10
	}
	return size
}

// produce appends one batch, again and again while that may help, and notes where it went.
func (j *job) produce(ctx context.Context, t target, indices []int) error {
	now := time.Now().UTC().Truncate(time.Millisecond)
	records := make([]kafka.Record, len(indices))
	return j.retry(ctx, fmt.Sprintf("append to %s/%d", t.topic, t.partition), func(ctx context.Context) error {
		for i, index := range indices { // anew for every attempt, which reads keys and values to their end
			records[i] = record(j.outputs[index], now)
		}
		res, err := j.cluster.client.Produce(ctx, &kafka.ProduceRequest{
			Topic: j.cluster.wire(t.topic), Partition: t.partition, RequiredAcks: kafka.RequireAll,
			Records: kafka.NewRecordReader(records...),
		})
		if err == nil {
			err = res.Error
		}
		if err != nil {
			return err
		}
		at := now // a topic that keeps the producer's time
		if !res.LogAppendTime.IsZero() {
			at = res.LogAppendTime.UTC()
		}
		for i, index := range indices {
			j.appended[index] = pipeline.Appended{At: at, Position: pipeline.Position{
				Topic: t.topic, Partition: t.partition, Offset: res.BaseOffset + int64(i),
			}}
		}
		return nil
	})
}

// record is an output as the library wants it.
func record(o pipeline.Output, at time.Time) kafka.Record {
	r := kafka.Record{Time: at, Key: body(o.Key), Value: body(o.Value)}
	for _, h := range o.Headers {
		r.Headers = append(r.Headers, kafka.Header{Key: h.Key, Value: h.Value})
	}
	return r
}

// body is bytes as the library wants them: nil is null, empty is empty.
func body(b []byte) kafka.Bytes {
	if b == nil {
		return nil
	}
	return kafka.NewBytes(b)
}

// retry repeats what may pass, reading the cluster's metadata anew in between, until patience or ctx ends.
func (p *producer) retry(ctx context.Context, what string, f func(context.Context) error) error {
	began := time.Now()
	trouble := trouble{log: p.cluster.log, what: what}
	for wait := 20 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		err := f(ctx)
		switch {
		case err == nil:
			trouble.healed()
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("%s: %w", what, ctx.Err())
		case lasting(err), time.Since(began) > patience(err):
			return fmt.Errorf("%s: %w", what, reason(err))
		}
		trouble.failed(err)
		pause(ctx, wait)
		_ = p.cluster.refresh(ctx) // if it fails too, the next attempt says so
	}
}

func patience(err error) time.Duration {
	if errors.Is(reason(err), kafka.UnknownTopicOrPartition) {
		return unknownFor
	}
	return appendPatience
}
