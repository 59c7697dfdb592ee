package kafka_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/pipeline/kafka/embedded"
	"github.com/whatsapplink/cloud/pipeline/kafka/kafkatest"
)

// onBothBrokers is onBoth for tests that bring a client of another make.
func onBothBrokers(t *testing.T, f func(t *testing.T, brokers []string)) {
	t.Run("embedded", func(t *testing.T) {
		b, err := embedded.Start(embedded.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(b.Close)
		f(t, b.Brokers())
	})
	t.Run("real", func(t *testing.T) { f(t, kafkatest.Shared(t).Brokers()) })
}

func other(t *testing.T, brokers []string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(brokers...))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func TestCompressedBatchesOfOtherProducersAreRead(t *testing.T) {
	// Goal: producers of any language may compress as they like. Method: franz-go writes 200 records with each codec, as
	// many as fit into one batch.
	onBothBrokers(t, func(t *testing.T, brokers []string) {
		p := prefix()
		c := kafka.New(kafka.Config{Brokers: brokers, Prefix: p, Logger: quiet})
		t.Cleanup(c.Close)
		create(t, c, kafka.TopicSpec{Name: "a", Partitions: 1})
		var want []string
		for name, codec := range map[string]kgo.CompressionCodec{
			"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
			"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
		} {
			producer := other(t, brokers, kgo.ProducerBatchCompression(codec))
			var records []*kgo.Record
			for i := range 200 {
				value := fmt.Sprintf("%s %d %s", name, i, strings.Repeat("text ", 20))
				want = append(want, value)
				records = append(records, &kgo.Record{
					Topic: p + "a", Value: []byte(value), Headers: []kgo.RecordHeader{{Key: "codec", Value: []byte(name)}},
				})
			}
			if err := producer.ProduceSync(within(t), records...).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		for i, r := range read(t, c.Tail("a", 0, kafka.Beginning), len(want)) {
			if string(r.Value) != want[i] || len(r.Headers) != 1 {
				t.Fatalf("record %d differs", i)
			}
		}
	})
}

func TestAbortedTransactionsAreNotRead(t *testing.T) {
	// Goal: what a producer took back is never sent; control records are no records. Method: franz-go commits, aborts and
	// commits a transaction; the reader sees the first and the third, and its position stands behind all.
	onBothBrokers(t, func(t *testing.T, brokers []string) {
		p := prefix()
		c := kafka.New(kafka.Config{Brokers: brokers, Prefix: p, Logger: quiet})
		t.Cleanup(c.Close)
		create(t, c, kafka.TopicSpec{Name: "a", Partitions: 1})
		producer := other(t, brokers, kgo.TransactionalID(p))
		for round, end := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort, kgo.TryCommit} {
			if err := producer.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
			for i := range 3 {
				r := &kgo.Record{Topic: p + "a", Value: fmt.Appendf(nil, "%d/%d", round, i)}
				if err := producer.ProduceSync(within(t), r).FirstErr(); err != nil {
					t.Fatal(err)
				}
			}
			if err := producer.EndTransaction(within(t), end); err != nil {
				t.Fatal(err)
			}
		}
		tail := c.Tail("a", 0, kafka.Beginning)
		var got []string
		for _, r := range read(t, tail, 6) {
			got = append(got, string(r.Value))
		}
		if want := []string{"0/0", "0/1", "0/2", "2/0", "2/1", "2/2"}; !slices.Equal(got, want) {
			t.Fatalf("read %v", got)
		}
	})
}
