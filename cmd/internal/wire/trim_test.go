package wire

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
)

// keptTo is a source of a group whose commits are durable up to an offset.
type keptTo struct {
	pipeline.Source
	offset atomic.Int64
}

func (k *keptTo) Kept() int64 { return k.offset.Load() }

// Goal: the log is not cut further than a later owner would start, however much is handed on: it may be that the commit
// never becomes durable, because another has taken over. Method: three records committed, of which the broker keeps one,
// then all.
func TestLogIsCutOnlyBehindWhatIsDurable(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	src := &keptTo{Source: d.cluster.Tail(rollTopic, 0, kafka.Beginning)}
	src.offset.Store(1)
	d.consume(behind(d.cluster, src), 3)
	eventually(t, "what is durable is cut", func() bool { first, _ := d.bounds(); return first == 1 })
	for end := time.Now().Add(2 * trimEvery); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if first, _ := d.bounds(); first != 1 {
			t.Fatalf("cut up to %d", first)
		}
	}
	src.offset.Store(3)
	eventually(t, "the rest follows", func() bool { first, _ := d.bounds(); return first >= 3 })
}
