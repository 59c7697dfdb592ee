package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/whatsapplink/cloud/pipeline"
)

// Offsets that stand for a place in the log, as in Kafka's ListOffsets.
const (
	Beginning int64 = -2
	End       int64 = -1
)

// partition reads one partition, offset by offset. It is the Source without ownership: see Tail and Owned.
type partition struct {
	cluster   *Cluster
	topic     string
	number    int
	committed int64
	commit    func(ctx context.Context, next int64) error // nil: no-op
	kept      func() int64                                // nil: without commits

	next    atomic.Int64 // Beginning or End until the first fetch resolves it
	end     int64        // of the log, when the broker was last asked
	pending *batches     // of the last answer, not taken yet
	trouble trouble
	markers atomic.Int64
	trimmed atomic.Int64
	current atomic.Int64 // when the reading last stood at the end of the log, in Unix nanoseconds
}

// Partition is a Source that says more about its reading than a stage needs.
type Partition interface {
	pipeline.Source
	// Trimmed counts the offsets that were gone when they were asked for.
	Trimmed() int64
	// Markers counts the markers skipped.
	Markers() int64
	// Kept is the offset up to which commits are durable: a later owner starts there or later. Without a group there is no
	// later owner, and it is the end of all offsets.
	Kept() int64
}

var _ Partition = (*partition)(nil)

func newPartition(c *Cluster, topic string, number int, from int64) *partition {
	p := &partition{cluster: c, topic: topic, number: number, committed: from}
	p.trouble = trouble{log: c.log.With("topic", topic, "partition", number), what: "fetch"}
	p.next.Store(from)
	return p
}

// Tail reads a partition without a group, from an offset on, or from Beginning or End. Its Commit is a no-op.
func (c *Cluster) Tail(topic string, number int, from int64) pipeline.Source {
	return newPartition(c, topic, number, from)
}

func (p *partition) Topic() string    { return p.topic }
func (p *partition) Partition() int   { return p.number }
func (p *partition) Committed() int64 { return p.committed }
func (p *partition) Position() int64  { return p.next.Load() }
func (p *partition) Trimmed() int64   { return p.trimmed.Load() }
func (p *partition) Markers() int64   { return p.markers.Load() }

// Kept implements Partition.
func (p *partition) Kept() int64 {
	if p.kept == nil {
		return math.MaxInt64
	}
	return p.kept()
}

func (p *partition) SeekTo(offset int64) {
	p.pending = nil
	p.next.Store(offset)
}

func (p *partition) Commit(ctx context.Context, next int64) error {
	if p.commit == nil {
		return nil
	}
	return p.commit(ctx, next)
}

func (p *partition) Bounds(ctx context.Context) (first, next int64, err error) {
	return p.cluster.Bounds(ctx, p.topic, p.number)
}

// Fetch implements pipeline.Source. Whatever passes by itself (a new leader, a restarting broker, a topic that is being
// created) is waited for here until ctx ends; the error of what does not pass is returned.
func (p *partition) Fetch(ctx context.Context) ([]pipeline.Record, error) {
	wait := 50 * time.Millisecond
	for ctx.Err() == nil {
		records, err := p.poll(ctx)
		switch {
		case err == nil:
			p.trouble.healed()
			wait = 50 * time.Millisecond
			if len(records) > 0 {
				return records, nil
			}
			continue
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case lasting(err):
			return nil, fmt.Errorf("fetch %s/%d: %w", p.topic, p.number, reason(err))
		}
		p.trouble.failed(err)
		_ = p.cluster.refresh(ctx) // if it fails too, the next fetch says so
		pause(ctx, wait)
		wait = min(2*wait, time.Second)
	}
	return nil, ctx.Err()
}

// poll asks the broker once, unless records of its last answer are left, and takes what may be taken of them; none is no
// error.
func (p *partition) poll(ctx context.Context) ([]pipeline.Record, error) {
	if p.pending == nil {
		if err := p.ask(ctx); err != nil {
			return nil, err
		}
	}
	return p.take()
}

// ask fetches the batches that follow.
func (p *partition) ask(ctx context.Context) error {
	next := p.next.Load()
	if next < 0 {
		return p.resolve(ctx, next)
	}
	answer, err := p.cluster.fetch(ctx, p.topic, p.number, next)
	if errors.Is(err, kafka.OffsetOutOfRange) {
		return p.jump(ctx, next)
	}
	if err != nil {
		return err
	}
	slices.SortFunc(answer.AbortedTransactions, func(a, b aborted) int { return cmp.Compare(a.FirstOffset, b.FirstOffset) })
	p.pending = &batches{raw: answer.RecordSet, aborted: answer.AbortedTransactions}
	p.end = answer.LastStableOffset
	return nil
}

// resolve turns Beginning and End into offsets.
func (p *partition) resolve(ctx context.Context, place int64) error {
	first, last, err := p.cluster.Bounds(ctx, p.topic, p.number)
	if err != nil {
		return err
	}
	p.end = last
	if place == End {
		p.next.Store(last)
	} else {
		p.next.Store(first)
	}
	return nil
}

// jump goes on at the start of the log when the asked offset is not in it: before it, because it was trimmed; after it,
// because the topic was made anew or replicas were lost. Never to the end: what is there was not read.
func (p *partition) jump(ctx context.Context, asked int64) error {
	first, last, err := p.cluster.Bounds(ctx, p.topic, p.number)
	if err != nil {
		return err
	}
	if asked >= first && asked <= last {
		return nil // it was out of range for a moment, at a leader that lagged
	}
	p.trouble.log.Warn("offset is not in the log: going on at its start", "offset", asked, "start", first)
	if asked < first {
		p.trimmed.Add(first - asked)
	}
	p.next.Store(first)
	return nil
}

// take reads records off the pending batches, bounded in bytes.
func (p *partition) take() (records []pipeline.Record, err error) {
	next := p.next.Load()
	for size := 0; size < maxTaken && p.pending != nil; {
		r, following, ok, err := p.pending.next(next)
		if err != nil {
			p.pending = nil
			return nil, err // those taken are asked for again: next has not moved
		}
		next = following
		if !ok {
			p.pending = nil
			break
		}
		if marker(r) {
			p.markers.Add(1)
			continue
		}
		r.Topic, r.Partition = p.topic, p.number
		size += len(r.Key) + len(r.Value)
		records = append(records, r)
	}
	p.next.Store(next)
	if next >= p.end {
		p.current.Store(time.Now().UnixNano())
	}
	return records, nil
}

// marker says whether a record only rolls a segment.
func marker(r pipeline.Record) bool {
	if len(r.Value) != 0 {
		return false
	}
	for _, h := range r.Headers {
		if h.Key == pipeline.MarkerHeader {
			return true
		}
	}
	return false
}

// pause waits, at most until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
