package kafka

import (
	"context"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sourcegraph/conc/pool"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/pipelinetest"
)

// Group is a member of a consumer group.
type Group struct {
	Cluster *Cluster
	ID      string
	Topics  func(ctx context.Context) ([]string, error)
	Own     func(ctx context.Context, o *Owned) error
	Logger  *slog.Logger
}

type Owned struct {
	group *Group
	at    pipelinetest.Assigned
}

func (o *Owned) Topic() string           { return o.at.Topic }
func (o *Owned) Partition() int          { return o.at.Partition }
func (o *Owned) Source() pipeline.Source { return o.Companion(o.at.Topic) }
func (o *Owned) Companion(topic string) pipeline.Source {
	c := o.group.Cluster
	src := source{c.Broker.Source(topic, o.at.Partition, o.group.ID), c, new(atomic.Int64)}
	src.kept.Store(src.Committed())
	return src
}

var members atomic.Int64

func (g *Group) Run(ctx context.Context) error {
	b, member := g.Cluster.Broker, ""
	defer func() { b.Leave(g.ID, member, !g.Cluster.Crash.Crashed()) }()
	for ctx.Err() == nil {
		listed, err := g.Topics(ctx)
		if err != nil {
			return err
		}
		topics, all := map[string]int{}, b.Topics()
		for _, t := range listed {
			topics[t] = all[t]
		}
		if member == "" {
			member = time.Unix(members.Add(1), 0).Format(time.RFC3339)
		}
		assigned, changed, err := b.Join(ctx, g.ID, member, topics)
		if err != nil {
			return nil
		}
		lost, err := g.generation(ctx, member, assigned, changed)
		if err != nil {
			return err
		}
		if lost {
			member = ""
		}
	}
	return nil
}

// generation works on what was assigned until the next one begins. A deaf process goes on longer: its session ends, others
// own what it works on, and its membership is lost.
func (g *Group) generation(ctx context.Context, member string, assigned []pipelinetest.Assigned, changed <-chan struct{}) (lost bool, err error) {
	work, stop := context.WithCancel(ctx)
	defer stop()
	var deaf atomic.Bool
	go func() {
		select {
		case <-changed:
		case <-work.Done():
		}
		if work.Err() == nil && g.Cluster.Deaf() {
			deaf.Store(true)
			g.Cluster.Broker.Leave(g.ID, member, false)
		}
		for work.Err() == nil && g.Cluster.Deaf() {
			time.Sleep(time.Second)
		}
		stop()
	}()
	owners := pool.New().WithContext(work).WithCancelOnError().WithFirstError()
	for _, at := range assigned {
		owners.Go(func(ctx context.Context) error {
			err := g.Own(ctx, &Owned{g, at})
			select {
			case <-changed:
				return nil // another may own it, and refused are its commits
			case <-work.Done():
				return nil
			default:
				return err
			}
		})
	}
	err = owners.Wait()
	if err == nil {
		<-work.Done()
	}
	return deaf.Load(), err
}

// Table is a compacted topic as a map.
type Table[T any] struct {
	cluster *Cluster
	topic   string
	decode  func([]byte) (T, error)

	mu      sync.RWMutex
	values  map[string]T
	changed chan struct{}
	ready   chan struct{}
}

func NewTable[T any](c *Cluster, topic string, decode func([]byte) (T, error), _ *slog.Logger) *Table[T] {
	return &Table[T]{cluster: c, topic: topic, decode: decode, values: map[string]T{}, changed: make(chan struct{}), ready: make(chan struct{})}
}

func (t *Table[T]) Run(ctx context.Context) error {
	src := t.cluster.Tail(t.topic, 0, Beginning)
	_, end, _ := src.Bounds(ctx)
	var once sync.Once
	for {
		if src.Position() >= end {
			once.Do(func() { close(t.ready) })
		}
		records, err := src.Fetch(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		t.mu.Lock()
		for _, r := range records {
			if v, err := t.decode(r.Value); err == nil {
				t.values[string(r.Key)] = v
			}
		}
		close(t.changed)
		t.changed = make(chan struct{})
		t.mu.Unlock()
	}
}

func (t *Table[T]) Ready() <-chan struct{} { return t.ready }

func (t *Table[T]) Get(key string) (T, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	v, ok := t.values[key]
	return v, ok
}

func (t *Table[T]) All() map[string]T {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return maps.Clone(t.values)
}

func (t *Table[T]) Changed() <-chan struct{} {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.changed
}

// Age is none: the reader is at its end whenever the process runs.
func (t *Table[T]) Age(time.Time) time.Duration { return 0 }
