package kafka_test

import (
	"bytes"
	"context"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
)

const (
	benchRecords    = 200_000
	benchPartitions = 4
	benchBytes      = 394 // of a value, as in the measurements this compares with
)

// BenchmarkThrough carries records from one topic to another as bytes: fetch, append with all acks, commit. CPU is this
// process's: on the real broker the client's alone, on the embedded one the broker's too.
func BenchmarkThrough(b *testing.B) {
	b.Run("embedded", func(b *testing.B) { through(b, inProcess(b)) })
	b.Run("real", func(b *testing.B) { through(b, real(b)) })
}

func through(b *testing.B, c *kafka.Cluster) {
	var wall, cpu time.Duration
	for range b.N {
		b.StopTimer()
		in, out := prefix()+"in", prefix()+"out"
		create(b, c, kafka.TopicSpec{Name: in, Partitions: benchPartitions}, kafka.TopicSpec{Name: out, Partitions: benchPartitions})
		fill(b, c, in)
		b.StartTimer()
		began, used := time.Now(), usage()
		carry(b, c, in, out)
		wall, cpu = wall+time.Since(began), cpu+usage()-used
		b.StopTimer()
		if err := c.DeleteTopics(within(b), in, out); err != nil {
			b.Fatal(err)
		}
	}
	n := float64(b.N * benchRecords)
	b.ReportMetric(n/wall.Seconds(), "records/s")
	b.ReportMetric(float64(cpu.Microseconds())/n, "cpu-µs/record")
}

// fill appends the records to be carried.
func fill(b *testing.B, c *kafka.Cluster, topic string) {
	value := bytes.Repeat([]byte("0123456789abcdef"), benchBytes/16+1)[:benchBytes]
	outputs := make([]pipeline.Output, benchRecords/20)
	for i := range outputs {
		outputs[i] = pipeline.Output{Topic: topic, Partition: i % benchPartitions, Key: []byte("key"), Value: value}
	}
	for range 20 {
		put(b, c, outputs)
	}
}

// carry runs a group member over all partitions until every record is through.
func carry(b *testing.B, c *kafka.Cluster, in, out string) {
	ctx, cancel := context.WithCancel(within(b))
	defer cancel()
	var carried atomic.Int64
	g := &kafka.Group{Cluster: c, ID: in, Topics: topics(in), Own: func(ctx context.Context, o *kafka.Owned) error {
		source, log := o.Source(), c.Log()
		for {
			records, err := source.Fetch(ctx)
			if ctx.Err() != nil {
				return nil
			}
			if err != nil {
				return err
			}
			outputs := make([]pipeline.Output, len(records))
			for i, r := range records {
				outputs[i] = pipeline.Output{Topic: out, Partition: o.Partition(), Key: r.Key, Value: r.Value}
			}
			if _, err := log.Append(ctx, outputs); err != nil {
				return err
			}
			if err := source.Commit(ctx, records[len(records)-1].Offset+1); err != nil {
				return err
			}
			if carried.Add(int64(len(records))) == benchRecords {
				cancel()
			}
		}
	}}
	if err := g.Run(ctx); err != nil {
		b.Fatal(err)
	}
	if n := carried.Load(); n != benchRecords {
		b.Fatalf("%d of %d carried", n, benchRecords)
	}
}

// usage is the CPU time of this process.
func usage() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err)
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
