package pipeline_test

import (
	"context"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/pipelinetest"
)

// cpu returns the processor time this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// fill publishes n records of 400 bytes over so many keys to each of the partitions of topic in.
func fill(b *testing.B, partitions, keys, n int) *pipelinetest.Log {
	l := pipelinetest.NewLog(nil)
	l.FetchRecords = 2000
	l.Create("in", partitions)
	value := make([]byte, 400)
	for p := range partitions {
		outputs := make([]pipeline.Output, n)
		for i := range outputs {
			outputs[i] = pipeline.Output{Topic: "in", Partition: p, Key: []byte(strconv.Itoa(i % keys)), Value: value}
		}
		if _, err := l.Append(b.Context(), outputs); err != nil {
			b.Fatal(err)
		}
	}
	return l
}

// BenchmarkBatch is the cost of the loop itself per record: everything but codec, stage and broker.
func BenchmarkBatch(b *testing.B) {
	l := fill(b, 1, 100, b.N)
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	last := int64(b.N)
	batch := &pipeline.Batch[[]byte, []byte]{
		Name:    "bench",
		Decode:  func(r pipeline.Record) ([]byte, error) { return r.Value, nil },
		Step:    func(in []byte) ([][]byte, error) { return [][]byte{in}, nil },
		Target:  pipeline.TargetFunc[[]byte](func(context.Context, pipeline.Span, [][]byte) error { return nil }),
		Metrics: pipeline.NewMetrics(prometheus.NewRegistry()),
	}
	src := observed{l.Source("in", 0, "g"), func(next int64) {
		if next == last {
			cancel()
		}
	}}
	before := cpu()
	b.ReportAllocs()
	b.ResetTimer()
	if err := batch.Run(ctx, src); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(cpu()-before)/float64(b.N), "cpu-ns/op")
}

// byKey keeps order per key: one effect of a key at a time, any number of keys.
type byKey struct {
	queues   map[string][]pipeline.Position
	finished int
	all      int
	done     func()
}

type keyEffect struct {
	key string
	pipeline.Position
}

func (q *byKey) step(_ time.Time, in pipeline.Input) (next pipeline.Next[keyEffect]) {
	switch in := in.(type) {
	case pipeline.Arrived:
		key := string(in.Key)
		if q.queues[key] = append(q.queues[key], in.Position); len(q.queues[key]) == 1 {
			next.Effects = []keyEffect{{key, in.Position}}
		}
	case pipeline.Performed[keyEffect]:
		key := in.Effect.key
		next.Finished = []pipeline.Position{in.Effect.Position}
		if q.queues[key] = q.queues[key][1:]; len(q.queues[key]) > 0 {
			next.Effects = []keyEffect{{key, q.queues[key][0]}}
		}
		if q.finished++; q.finished == q.all {
			q.done()
		}
	}
	return next
}

// perSecond runs n records on each of 4 partitions, over 500 keys in all, through an effect of 50 ms.
func perSecond(b *testing.B, n, readAhead int) float64 {
	const partitions = 4
	l := fill(b, partitions, 500/partitions, n)
	began := time.Now()
	var wg sync.WaitGroup
	for p := range partitions {
		wg.Go(func() {
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			q := &byKey{queues: make(map[string][]pipeline.Position), all: n, done: cancel}
			k := &pipeline.Keyed[keyEffect]{
				Name:  "bench",
				Lanes: []pipeline.Lane{{Source: l.Source("in", p, "g"), ReadAhead: readAhead}},
				Step:  q.step,
				Perform: func(ctx context.Context, _ keyEffect) (any, error) {
					select {
					case <-time.After(50 * time.Millisecond):
					case <-ctx.Done():
					}
					return nil, ctx.Err()
				},
			}
			if err := k.Run(ctx); err != nil {
				b.Error(err)
			}
		})
	}
	wg.Wait()
	return float64(partitions*n) / time.Since(began).Seconds()
}

// BenchmarkKeyed compares many in flight with one at a time: 20,000 records over 500 keys on 4 partitions, and a sample
// of that, since one at a time would take 4 minutes.
func BenchmarkKeyed(b *testing.B) {
	for range b.N {
		many, one := perSecond(b, 5000, 5000), perSecond(b, 10, 1)
		b.ReportMetric(many, "records/s")
		b.ReportMetric(one, "records/s-one-in-flight")
		b.ReportMetric(many/one, "ratio")
	}
}

// BenchmarkKeyedStep is the cost of the keyed loop per record and effect that takes no time.
func BenchmarkKeyedStep(b *testing.B) {
	l := fill(b, 1, 1000, b.N)
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	q := &byKey{queues: make(map[string][]pipeline.Position), all: b.N, done: cancel}
	k := &pipeline.Keyed[keyEffect]{
		Name:    "bench",
		Lanes:   []pipeline.Lane{{Source: l.Source("in", 0, "g")}},
		Step:    q.step,
		Perform: func(context.Context, keyEffect) (any, error) { return nil, nil },
		Metrics: pipeline.NewMetrics(prometheus.NewRegistry()),
	}
	before := cpu()
	b.ReportAllocs()
	b.ResetTimer()
	if err := k.Run(ctx); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(cpu()-before)/float64(b.N), "cpu-ns/op")
}
