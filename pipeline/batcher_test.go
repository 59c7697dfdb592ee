package pipeline_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/pipelinetest"
)

// countingLog counts Appends and can hold or fail them.
type countingLog struct {
	pipeline.Log
	mu    sync.Mutex
	calls []int // outputs of each
	take  time.Duration
	err   error
}

func (c *countingLog) Append(ctx context.Context, outputs []pipeline.Output) ([]pipeline.Appended, error) {
	c.mu.Lock()
	c.calls = append(c.calls, len(outputs))
	c.mu.Unlock()
	select {
	case <-time.After(c.take):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if c.err != nil {
		return nil, c.err
	}
	return c.Log.Append(ctx, outputs)
}

func batched() (*pipeline.Batcher, *countingLog, *pipelinetest.Log) {
	l := pipelinetest.NewLog(nil)
	l.Create("t", 1)
	c := &countingLog{Log: l}
	return pipeline.Batched(c, 2*time.Millisecond), c, l
}

func outputs(values ...string) []pipeline.Output {
	all := make([]pipeline.Output, len(values))
	for i, v := range values {
		all[i] = pipeline.Output{Topic: "t", Value: []byte(v)}
	}
	return all
}

// Goal: what many append at once is one append below, and each caller gets its own positions. Method: callers with one
// to ten outputs each; look up what stands at the positions they were told.
func TestBatcherCoalesces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c, l := batched()
		var wg sync.WaitGroup
		told := make([][]pipeline.Appended, 10)
		for i := range told {
			wg.Go(func() {
				var err error
				if told[i], err = b.Append(t.Context(), outputs(strings.Split(strings.Repeat(strconv.Itoa(i)+" ", i+1), " ")[:i+1]...)); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		equal(t, "appends below", c.calls, []int{55})
		records := l.Records("t")
		for i, appended := range told {
			if len(appended) != i+1 {
				t.Fatalf("caller %d was told %d positions", i, len(appended))
			}
			for _, a := range appended {
				if got := string(records[a.Offset].Value); got != strconv.Itoa(i) {
					t.Errorf("caller %d was told the position of %s", i, got)
				}
			}
		}
	})
}

// Goal: a lone caller waits the linger and no longer; a full flush does not wait at all.
func TestBatcherLingers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c, _ := batched()
		began := time.Now()
		if _, err := b.Append(t.Context(), outputs("x")); err != nil {
			t.Fatal(err)
		}
		equal(t, "a lone caller waits", time.Since(began), 2*time.Millisecond)
		began = time.Now()
		if _, err := b.Append(t.Context(), outputs(numbers(1000)...)); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Append(t.Context(), outputs(strings.Repeat("x", 512<<10))); err != nil {
			t.Fatal(err)
		}
		equal(t, "full flushes wait", time.Since(began), time.Duration(0))
		equal(t, "appends below", c.calls, []int{1, 1000, 1})
	})
}

// Goal: a flush that fails fails for all its callers.
func TestBatcherSharesTheError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c, _ := batched()
		c.err = errWorld
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if _, err := b.Append(t.Context(), outputs("x")); !errors.Is(err, errWorld) {
					t.Errorf("append returned %v", err)
				}
			})
		}
		wg.Wait()
		equal(t, "appends below", c.calls, []int{3})
	})
}

// Goal: a caller that leaves takes nobody with it; when all have left, the flush is given up.
func TestBatcherOutlivesACaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, c, l := batched()
		c.take = time.Second
		short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := b.Append(short, outputs("leaves")); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("append returned %v", err)
			}
		})
		wg.Go(func() {
			if _, err := b.Append(t.Context(), outputs("stays")); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		equal(t, "records", len(l.Records("t")), 2)

		gone, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := b.Append(gone, outputs("gone")); err == nil {
			t.Error("append succeeded")
		}
		time.Sleep(time.Minute)
		equal(t, "records", len(l.Records("t")), 2)
	})
}

// Goal: a Batcher keeps every promise of a Log. Method: the suite that every adapter passes.
func TestBatcherIsALog(t *testing.T) {
	pipelinetest.TestLog(t, func(*testing.T) pipelinetest.LogHarness {
		l := pipelinetest.NewLog(nil)
		return pipelinetest.LogHarness{
			Log:        pipeline.Batched(l, time.Millisecond),
			Create:     func(_ testing.TB, topic string, partitions int) { l.Create(topic, partitions) },
			Tail:       func(_ testing.TB, topic string, p int, from int64) pipeline.Source { return l.Tail(topic, p, from) },
			AppendTime: true,
			Timeout:    5 * time.Second,
		}
	})
}
