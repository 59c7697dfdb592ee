package wire

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/whatsapplink/cloud/cmd/internal/boot"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
)

// Goal: the age of the oldest record that stands is told, and nothing once all is cut. Method: records that are fetched
// and not committed, then committed.
func TestAgeOfTheOldestStandingRecord(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	process := d.process("test")
	gauge := newAges(process.Registry, "wl_plaintext_age_seconds", "of the test")
	src := behind(d.cluster, d.cluster.Tail(rollTopic, 0, kafka.Beginning))
	defer gauge.of(src, "")()
	d.consume(src, 1)
	eventually(t, "what is committed is cut and has no age", func() bool { return testutil.ToFloat64(gauge) == 0 })
	if _, err := d.cluster.Log().Append(within(t), []pipeline.Output{{Topic: rollTopic, Partition: 0, Value: []byte("x")}}); err != nil {
		t.Fatal(err)
	}
	records, err := src.Fetch(within(t))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the age grows while it stands", func() bool { return testutil.ToFloat64(gauge) > 1 })
	if err := src.Commit(within(t), records[0].Offset+1); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is gone when cut", func() bool { return testutil.ToFloat64(gauge) == 0 })
}

// metric returns what a process tells under a name, of the one with this value of its label: a gauge, or a histogram.
func metric(t *testing.T, p *boot.Process, name, label string) (gauge float64, count uint64, sum float64) {
	t.Helper()
	families, err := p.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name && (label == "" || m.GetLabel()[0].GetValue() == label) {
				return m.GetGauge().GetValue(), m.GetHistogram().GetSampleCount(), m.GetHistogram().GetSampleSum()
			}
		}
	}
	return 0, 0, 0
}

// Goal: redact tells how late it was, and how old what waits is, by window. Method: a copy whose window ended two seconds
// ago, then one that is not due for a minute.
func TestRedactTellsItsLatenessAndWhatWaits(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	d.tenant("acme-shop")
	d.delivered(1, "acme-shop", time.Now().Add(-time.Minute-2*time.Second))
	p := d.process("redact")
	service, err := Redact(p, &RedactConfig{})
	if err != nil {
		t.Fatal(err)
	}
	d.start(service.Run)
	eventually(t, "the late copy is stripped", func() bool {
		_, count, sum := metric(t, p, "wl_redaction_lateness_seconds", "logical")
		return count == 1 && sum >= 2 && sum < 2+patience.Seconds()
	})
	d.delivered(2, "acme-shop", time.Now())
	eventually(t, "the other waits", func() bool {
		age, _, _ := metric(t, p, "wl_oldest_unredacted_seconds", "60s")
		return age > 0.5
	})
}
