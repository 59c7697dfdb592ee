package wire

import (
	"errors"
	"slices"
	"strconv"
	"testing"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
)

// fill appends numbered records to a partition.
func (d *deployment) fill(topic string, partition, from, to int) {
	d.t.Helper()
	var outputs []pipeline.Output
	for i := from; i < to; i++ {
		outputs = append(outputs, pipeline.Output{Topic: topic, Partition: partition, Value: []byte(strconv.Itoa(i))})
	}
	if _, err := d.cluster.Log().Append(within(d.t), outputs); err != nil {
		d.t.Fatal(err)
	}
}

// Goal: a scan ends at the end noted at its start, whatever stands there, and the next goes on from it. Method: markers
// in the middle and at the end, a trimmed start, an append while scanning.
func TestScanEndsAtTheEndNotedAndPassesMarkersAndTrimmedRecords(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	ctx := within(t)
	marker := func() {
		if _, err := d.cluster.Marker(ctx, Notices, 0); err != nil {
			t.Fatal(err)
		}
	}
	d.fill(Notices, 0, 0, 3)
	marker()
	d.fill(Notices, 0, 3, 5)
	marker()
	marker()
	if _, err := d.cluster.Trim(ctx, Notices, 0, 1); err != nil {
		t.Fatal(err)
	}
	src := d.cluster.Tail(Notices, 0, kafka.Beginning)
	var seen []string
	scan := func() {
		t.Helper()
		err := Scan(ctx, src, func(r pipeline.Record) error {
			if seen = append(seen, string(r.Value)); len(seen) == 1 {
				d.fill(Notices, 0, 5, 6) // comes after the end noted
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	scan()
	if want := []string{"1", "2", "3", "4"}; !slices.Equal(seen, want) {
		t.Errorf("saw %v, want %v", seen, want)
	}
	scan()
	if want := []string{"1", "2", "3", "4", "5"}; !slices.Equal(seen, want) {
		t.Errorf("the second scan went on to %v, want %v", seen, want)
	}
}

// Goal: a scan of nothing ends at once, and an error of the caller's ends a scan. Method: an empty topic; a callback that fails.
func TestScanOfAnEmptyPartitionEndsAndErrorsEndIt(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	if err := Scan(within(t), d.cluster.Tail(Notices, 0, kafka.Beginning), func(pipeline.Record) error {
		t.Error("a record of nothing")
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	d.fill(Notices, 1, 0, 3)
	if _, err := d.cluster.Trim(within(t), Notices, 1, 3); err != nil {
		t.Fatal(err)
	}
	src := d.cluster.Tail(Notices, 1, kafka.Beginning)
	if err := Scan(within(t), src, func(pipeline.Record) error { return nil }); err != nil || src.Position() != 3 {
		t.Errorf("after a log trimmed to its end: position %d, want 3 (%v)", src.Position(), err)
	}
	d.fill(Notices, 0, 0, 2)
	stop := errors.New("enough")
	calls := 0
	err := Scan(within(t), d.cluster.Tail(Notices, 0, kafka.Beginning), func(pipeline.Record) error { calls++; return stop })
	if !errors.Is(err, stop) || calls != 1 {
		t.Errorf("%d calls and %v", calls, err)
	}
}

// Goal: a register read once is the last value of each key, tombstones counted. Method: overwrite, delete, read.
func TestReadRegisterIsTheLastValueOfEachKey(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	d.put(StopsT, []byte("a"), []byte("1"))
	d.put(StopsT, []byte("b"), []byte("1"))
	d.put(StopsT, []byte("a"), []byte("2"))
	d.put(StopsT, []byte("b"), nil)
	register, err := ReadRegister(within(t), d.cluster, StopsT, func(b []byte) (string, error) { return string(b), nil })
	if err != nil || len(register) != 1 || register["a"] != "2" {
		t.Errorf("%v, %v", register, err)
	}
}
