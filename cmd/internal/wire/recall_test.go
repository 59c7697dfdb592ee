package wire

import (
	"testing"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka/embedded"
)

// Goal: a record is gone only when the log no longer has it. One that a hanging broker does not bring is asked for again, or
// the outcome it holds would be told of without its attempt, code and reference. Method: read a record that is there, one that
// was trimmed, alone in its log and before others, and one from a broker that is no more.
func TestRecordIsGoneOnlyWhenTheLogHasItNoLonger(t *testing.T) {
	t.Parallel()
	broker, err := embedded.Start(embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	d := deployOn(t, broker.Addr())
	part := &deliverPart{deliverer: &deliverer{process: d.process("deliver")}}
	t.Cleanup(part.process.Cluster.Close)
	d.fill(Attempts, 0, 0, 3)
	want := func(offset int64, value string) {
		t.Helper()
		at := pipeline.Position{Topic: Attempts, Offset: offset}
		if r, err := part.recall(within(t), at); err != nil || string(r.Value) != value || r.Position != at {
			t.Errorf("record %d: %q at %s, %v, want %q", offset, r.Value, r.Position, err, value)
		}
	}
	want(1, "1")
	for _, before := range []int64{2, 3} {
		if _, err := d.cluster.Trim(within(t), Attempts, 0, before); err != nil {
			t.Fatal(err)
		}
		want(1, "")
	}
	d.fill(Attempts, 0, 3, 4)
	broker.Close()
	if r, err := part.recall(within(t), pipeline.Position{Topic: Attempts, Offset: 3}); err == nil {
		t.Errorf("got %q without an error, and nobody was there to ask", r.Value)
	}
}
