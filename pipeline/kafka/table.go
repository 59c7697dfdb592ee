package kafka

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sourcegraph/conc/pool"

	"github.com/whatsapplink/cloud/pipeline"
)

// Table holds the latest value of every key of a compacted topic. Safe for concurrent use.
type Table[T any] struct {
	cluster *Cluster
	topic   string
	decode  func([]byte) (T, error)
	log     *slog.Logger

	mu      sync.RWMutex
	values  map[string]T
	changed chan struct{}

	ready   chan struct{}
	current atomic.Int64 // when it was last known to hold all, in Unix nanoseconds
	skipped atomic.Int64
}

// NewTable returns an empty table. It opens nothing: Run does. log may be nil.
func NewTable[T any](c *Cluster, topic string, decode func([]byte) (T, error), log *slog.Logger) *Table[T] {
	if log == nil {
		log = c.log
	}
	return &Table[T]{
		cluster: c, topic: topic, decode: decode, log: log.With("topic", topic),
		values: map[string]T{}, changed: make(chan struct{}), ready: make(chan struct{}),
	}
}

// Run reads all partitions that the topic has now from their beginning and follows them until ctx ends (nil). It waits for
// a topic that does not exist yet. Run it once.
func (t *Table[T]) Run(ctx context.Context) error {
	n, err := t.partitions(ctx)
	if err != nil || ctx.Err() != nil {
		return err
	}
	readers := make([]*partition, n)
	for i := range readers {
		readers[i] = newPartition(t.cluster, t.topic, i, Beginning)
	}
	var behind sync.WaitGroup
	behind.Add(n)
	readings := pool.New().WithContext(ctx).WithCancelOnError().WithFirstError()
	readings.Go(func(ctx context.Context) error { return t.announce(ctx, &behind) })
	for _, r := range readers {
		readings.Go(func(ctx context.Context) error { return t.follow(ctx, r, readers, &behind) })
	}
	if err := readings.Wait(); err != nil && ctx.Err() == nil {
		return fmt.Errorf("table %s: %w", t.topic, err)
	}
	return nil
}

// partitions waits until the topic exists.
func (t *Table[T]) partitions(ctx context.Context) (int, error) {
	trouble := trouble{log: t.log, what: "find table"}
	for ctx.Err() == nil {
		n, err := t.cluster.partitions(ctx, t.topic)
		if err == nil {
			trouble.healed()
			return n, nil
		}
		if lasting(err) {
			return 0, fmt.Errorf("table %s: %w", t.topic, reason(err))
		}
		if ctx.Err() == nil {
			trouble.failed(err)
			_ = t.cluster.refresh(ctx)
			pause(ctx, 200*time.Millisecond)
		}
	}
	return 0, nil
}

// announce closes ready once all partitions have been read to their end.
func (t *Table[T]) announce(ctx context.Context, behind *sync.WaitGroup) error {
	caughtUp := make(chan struct{})
	go func() { behind.Wait(); close(caughtUp) }()
	select {
	case <-caughtUp:
		if ctx.Err() == nil {
			close(t.ready)
		}
	case <-ctx.Done():
	}
	return nil
}

// follow applies one partition's records as they come.
func (t *Table[T]) follow(ctx context.Context, r *partition, all []*partition, behind *sync.WaitGroup) error {
	var once sync.Once
	defer once.Do(behind.Done) // announce must not wait for ever when ctx ends first
	wait := 50 * time.Millisecond
	for ctx.Err() == nil {
		records, err := r.poll(ctx)
		if err != nil {
			if lasting(err) {
				return reason(err)
			}
			if ctx.Err() == nil {
				r.trouble.failed(err)
				_ = t.cluster.refresh(ctx)
				pause(ctx, wait)
				wait = min(2*wait, time.Second)
			}
			continue
		}
		r.trouble.healed()
		wait = 50 * time.Millisecond
		t.apply(records)
		if r.current.Load() > 0 {
			once.Do(behind.Done)
			t.note(all)
		}
	}
	return nil
}

// note moves the time at which the table was last known to hold all: when every partition's reader was at its end.
func (t *Table[T]) note(all []*partition) {
	oldest := all[0].current.Load()
	for _, r := range all {
		oldest = min(oldest, r.current.Load())
	}
	t.current.Store(max(oldest, t.current.Load()))
}

// apply takes records in: a value replaces its key's, a tombstone deletes it, and what cannot be decoded is skipped.
func (t *Table[T]) apply(records []pipeline.Record) {
	if len(records) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range records {
		if len(r.Value) == 0 {
			delete(t.values, string(r.Key))
			continue
		}
		v, err := t.decode(r.Value)
		if err != nil {
			t.skipped.Add(1)
			t.log.Error("record of a table cannot be decoded: keeping the value before it", "position", r.Position.String())
			continue
		}
		t.values[string(r.Key)] = v
	}
	close(t.changed)
	t.changed = make(chan struct{})
}

// Ready is closed once the table holds all that stood in the topic when Run began.
func (t *Table[T]) Ready() <-chan struct{} { return t.ready }

// Get returns the latest value of a key.
func (t *Table[T]) Get(key string) (T, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	v, ok := t.values[key]
	return v, ok
}

// All returns a copy of the table.
func (t *Table[T]) All() map[string]T {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return maps.Clone(t.values)
}

// Changed is closed at the next change. Take it before reading what is to be compared.
func (t *Table[T]) Changed() <-chan struct{} {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.changed
}

// Age is how long ago the table was last known to hold all of its topic; very long before it is ready.
func (t *Table[T]) Age(now time.Time) time.Duration { return now.Sub(time.Unix(0, t.current.Load())) }

// Skipped counts the records that could not be decoded.
func (t *Table[T]) Skipped() int64 { return t.skipped.Load() }
