// Package kafka is what takes the place of pipeline/kafka in the model of content's life: the same API over
// pipelinetest.Broker, in memory and in fake time. Every effect of a process goes through its Crasher.
package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"math"
	"sync/atomic"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/pipelinetest"
)

// Places in a log.
const (
	Beginning int64 = -2
	End       int64 = -1
)

type Config struct {
	Brokers          []string
	Prefix, ClientID string
	TLS              *tls.Config
	SASL             any
	Logger           *slog.Logger
}

type TopicSpec struct {
	Name                    string
	Partitions, Replication int
	Configs                 map[string]string
}

func SASL(string, string, string) (any, error) { return nil, nil }

// Cluster is a process's connection to the broker.
type Cluster struct{ *pipelinetest.Process }

func New(c Config) *Cluster { return &Cluster{pipelinetest.Plugged(c.Brokers[0])} }

func (c *Cluster) Close()            {}
func (c *Cluster) Log() pipeline.Log { return c }

// effect takes place, or the process dies at it.
func (c *Cluster) effect(ctx context.Context, f func(share func(int) int) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return c.Crash.Do(f)
}

func (c *Cluster) Append(ctx context.Context, outputs []pipeline.Output) (appended []pipeline.Appended, err error) {
	placed := append([]pipeline.Output(nil), outputs...)
	topics := c.Broker.Topics()
	for i, o := range placed {
		if o.Partition == pipeline.AnyPartition && len(o.Key) > 0 {
			placed[i].Partition = PartitionOf(o.Key, max(1, topics[o.Topic]))
		}
	}
	err = c.effect(ctx, func(share func(int) int) error {
		appended, err = c.Broker.Append(ctx, placed[:share(len(placed))])
		return err
	})
	return appended, err
}

func (c *Cluster) Topics(ctx context.Context) (map[string]int, error) {
	return c.Broker.Topics(), ctx.Err()
}

func (c *Cluster) Configs(ctx context.Context, topic string) (map[string]string, error) {
	return c.Broker.Settings(topic), ctx.Err()
}

func (c *Cluster) Settings(ctx context.Context, topics ...string) (map[string]map[string]string, error) {
	settings := map[string]map[string]string{}
	for _, t := range topics {
		if s := c.Broker.Settings(t); s != nil {
			settings[t] = s
		}
	}
	return settings, ctx.Err()
}

// BrokerConfigs are those that content's life asks for.
func (c *Cluster) BrokerConfigs(ctx context.Context) (map[int]map[string]string, error) {
	return map[int]map[string]string{1: {
		"log.retention.check.interval.ms": "1000", "auto.create.topics.enable": "false", "unclean.leader.election.enable": "false",
	}}, ctx.Err()
}

var (
	ErrUnseen = errors.New("a replica cannot be seen")
	ErrOlder  = errors.New("a replica holds older records than were ever read")
)

func Denied(error) bool { return false }

// Disk is the disk of the one replica.
type Disk struct {
	cluster   *Cluster
	topic     string
	partition int
}

func (c *Cluster) Disk(topic string, partition int) *Disk { return &Disk{c, topic, partition} }

func (d *Disk) Look(ctx context.Context) (records []pipeline.Record, err error) {
	for _, r := range d.cluster.Broker.Disk(d.topic) {
		if r.Partition == d.partition {
			records = append(records, r)
		}
	}
	return records, ctx.Err()
}

func (c *Cluster) Bounds(ctx context.Context, topic string, partition int) (first, next int64, err error) {
	return c.Broker.Tail(topic, partition, Beginning).Bounds(ctx)
}

func (c *Cluster) OffsetAt(ctx context.Context, topic string, partition int, t time.Time) (int64, error) {
	for _, r := range c.Broker.Records(topic) {
		if r.Partition == partition && !r.AppendedAt.Before(t) {
			return r.Offset, ctx.Err()
		}
	}
	_, next, err := c.Bounds(ctx, topic, partition)
	return next, err
}

func (c *Cluster) Trim(ctx context.Context, topic string, partition int, before int64) (int64, error) {
	err := c.effect(ctx, func(func(int) int) error { c.Broker.Trim(topic, partition, before); return nil })
	first, _, _ := c.Bounds(context.Background(), topic, partition)
	return first, err
}

func (c *Cluster) Marker(ctx context.Context, topic string, partition int) (pipeline.Appended, error) {
	_, next, _ := c.Bounds(ctx, topic, partition)
	o := pipeline.Output{Topic: topic, Partition: partition, Headers: []pipeline.Header{{Key: pipeline.MarkerHeader, Value: time.Unix(next, 0).AppendFormat(nil, "5")}}}
	at, err := c.Append(ctx, []pipeline.Output{o})
	if err != nil || len(at) == 0 {
		return pipeline.Appended{}, err
	}
	return at[0], nil
}

// Partition is a Source that says more about its reading than a stage needs.
type Partition interface {
	pipeline.Source
	Trimmed() int64
	Markers() int64
	Kept() int64
}

// source is a partition, its commits effects of the process.
type source struct {
	*pipelinetest.Source
	c    *Cluster
	kept *atomic.Int64 // nil: without commits
}

func (s source) Commit(ctx context.Context, next int64) error {
	err := s.c.effect(ctx, func(func(int) int) error { return s.Source.Commit(ctx, next) })
	if err == nil && s.kept != nil && s.kept.Load() < next {
		s.kept.Store(next)
	}
	return err
}

func (s source) Trimmed() int64 { return 0 }
func (s source) Markers() int64 { return 0 }
func (s source) Kept() int64 {
	if s.kept == nil {
		return math.MaxInt64
	}
	return s.kept.Load()
}

func (s source) Fetch(ctx context.Context) ([]pipeline.Record, error) {
	if s.c.Crash.Crashed() {
		return nil, pipeline.Permanent(pipelinetest.ErrCrashed)
	}
	return s.Source.Fetch(ctx)
}

func (c *Cluster) Tail(topic string, partition int, from int64) pipeline.Source {
	return source{c.Broker.Tail(topic, partition, from), c, nil}
}

// Keep makes what a constructor returns known as a holder of keys of this process.
func Keep[C, T any](c *Cluster, made func(C) T) func(C) T {
	return func(config C) T {
		t := made(config)
		c.Keeps(t)
		return t
	}
}
