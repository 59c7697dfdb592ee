package wire

import (
	"context"
	"math"
	"sync"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
)

// trimEvery bounds DeleteRecords calls; content must be gone within 10 minutes of hand-off, this is well before. What the
// broker would not trim is tried again for trimFor: longer than effects are repeated (see pipeline.Backoff), since whoever
// lives through an outage has to trim after it, and who does not leaves it to the next owner's first Fetch.
const (
	trimEvery = 2 * time.Second
	trimFor   = 5 * time.Minute
)

// trimmed is a source whose log is cut behind its commits: what has been handed on need not be readable any longer.
type trimmed struct {
	pipeline.Source
	cluster *kafka.Cluster
	first   sync.Once

	mu    sync.Mutex
	next  int64     // trim up to here
	until time.Time // give up then
	armed bool      // a trim is to come

	rolling  bool   // a look at whether the segment has to be rolled is to come
	fetched  int64  // the next offset to be fetched
	standing []seen // what was fetched and is not cut, in the order of the log
}

// behind trims src's log behind its commits. It trims nothing before the first Fetch.
func behind(c *kafka.Cluster, src pipeline.Source) *trimmed {
	return &trimmed{Source: src, cluster: c}
}

// Fetch fetches; the first one cuts what the owner before committed and did not come to trim.
func (t *trimmed) Fetch(ctx context.Context) ([]pipeline.Record, error) {
	t.first.Do(func() { t.handedOn(t.Committed(), 0) })
	records, err := t.Source.Fetch(ctx)
	t.saw(records)
	return records, err
}

// Commit commits, and cuts within twice trimEvery, also when no further commit follows. Trimming is best effort: the topic's
// retention is the backstop, and a later owner that starts at a trimmed offset goes on at the log's start, which lost
// nothing, since everything before it had been acknowledged downstream.
func (t *trimmed) Commit(ctx context.Context, next int64) error {
	if err := t.Source.Commit(ctx, next); err != nil {
		return err
	}
	t.handedOn(next, trimEvery)
	return nil
}

// handedOn sees to it that everything before next is cut, not before wait has passed.
func (t *trimmed) handedOn(next int64, wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if next <= t.next {
		return
	}
	t.next, t.until = next, time.Now().Add(trimFor)
	t.arm(wait)
}

// arm has what is handed on by now cut after wait. What is committed until then waits for the next turn.
func (t *trimmed) arm(wait time.Duration) {
	if !t.armed {
		t.armed = true
		before := t.next
		time.AfterFunc(wait, func() { t.trim(before) })
	}
}

func (t *trimmed) trim(before int64) {
	before = min(before, t.kept())
	start, err := t.cluster.Trim(context.Background(), t.Topic(), t.Partition(), before)
	t.mu.Lock()
	t.armed = false
	if (err != nil || t.next > before) && time.Now().Before(t.until) {
		t.arm(trimEvery)
	}
	t.mu.Unlock()
	if err == nil {
		t.cut(start)
		t.roll()
	}
}

// kept is how far the log may be cut: a commit is durable a moment after it is made, or never, when another has taken over
// meanwhile, and a later owner should find the log where it starts.
func (t *trimmed) kept() int64 {
	if p, ok := t.Source.(interface{ Kept() int64 }); ok {
		return p.Kept()
	}
	return math.MaxInt64
}
