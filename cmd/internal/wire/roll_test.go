package wire

import (
	"testing"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
)

// rollTopic has segments of a second.
const rollTopic = "delivered.3s"

// bounds returns where partition 0 of rollTopic starts and ends.
func (d *deployment) bounds() (first, next int64) {
	d.t.Helper()
	first, next, err := d.cluster.Bounds(within(d.t), rollTopic, 0)
	if err != nil {
		d.t.Fatal(err)
	}
	return first, next
}

// consume appends records to partition 0, fetches and commits them.
func (d *deployment) consume(src pipeline.Source, n int) {
	d.t.Helper()
	for range n {
		_, err := d.cluster.Log().Append(within(d.t), []pipeline.Output{{Topic: rollTopic, Partition: 0, Value: []byte("x")}})
		if err != nil {
			d.t.Fatal(err)
		}
	}
	for taken := 0; taken < n; {
		records, err := src.Fetch(within(d.t))
		if err != nil {
			d.t.Fatal(err)
		}
		taken += len(records)
		if err := src.Commit(within(d.t), records[len(records)-1].Offset+1); err != nil {
			d.t.Fatal(err)
		}
	}
}

// Goal: what was cut leaves the disk also when no record follows, by one marker for each idle time and none on top of it.
// Method: three records, committed; the log ends with one marker, cut like them, and stays so for three segments; one
// more record brings one more marker.
func TestIdlePartitionIsRolledByOneMarker(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	src := behind(d.cluster, d.cluster.Tail(rollTopic, 0, kafka.Beginning))
	d.consume(src, 3)
	eventually(t, "a marker is appended and cut", func() bool { first, next := d.bounds(); return first == 4 && next == 4 })
	for idle := time.Now().Add(3 * time.Second); time.Now().Before(idle); time.Sleep(100 * time.Millisecond) {
		if _, next := d.bounds(); next != 4 {
			t.Fatalf("the log went on to %d by itself", next)
		}
	}
	d.consume(src, 1)
	eventually(t, "the next idle time has its marker", func() bool { first, next := d.bounds(); return first == 6 && next == 6 })
}

// Goal: where records keep coming, they roll the segments and no marker is needed. Method: a record every 30 ms for three
// segments.
func TestBusyPartitionGetsNoMarker(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	src := behind(d.cluster, d.cluster.Tail(rollTopic, 0, kafka.Beginning))
	published := int64(0)
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(30 * time.Millisecond) {
		d.consume(src, 1)
		published++
	}
	if _, next := d.bounds(); next != published {
		t.Errorf("%d markers among %d records", next-published, published)
	}
}

// Goal: a marker that the broker would not take is appended once it would, else the bytes stay on disk until the topic's
// retention. Method: a topic that takes no record of a marker's size for longer than two segments, then does again.
func TestMarkerIsTriedAgain(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	takes := func(bytes string) {
		t.Helper()
		if err := d.cluster.AlterConfigs(within(t), rollTopic, map[string]string{"max.message.bytes": bytes}); err != nil {
			t.Fatal(err)
		}
	}
	src := behind(d.cluster, d.cluster.Tail(rollTopic, 0, kafka.Beginning))
	d.consume(src, 1)
	takes("1")
	eventually(t, "the record is cut", func() bool { first, _ := d.bounds(); return first == 1 })
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if _, next := d.bounds(); next != 1 {
			t.Fatal("the topic took a marker")
		}
	}
	takes("1000000")
	eventually(t, "a marker is appended and cut", func() bool { first, next := d.bounds(); return first == 2 && next == 2 })
}
