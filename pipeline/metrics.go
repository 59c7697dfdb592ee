package pipeline

import (
	"context"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics is what every loop counts. All methods may be called on nil, which counts nothing.
type Metrics struct {
	Progress Progress

	records    *prometheus.CounterVec
	rejections *prometheus.CounterVec
	seconds    *prometheus.HistogramVec
	lagRecords *prometheus.GaugeVec
	lagSeconds *prometheus.GaugeVec
}

// NewMetrics registers the machine's metrics; a process makes one for all its loops.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		records: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wl_records_total", Help: "Records that left a stage, by outcome: passed, rejected, finished.",
		}, []string{"stage", "outcome"}),
		rejections: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wl_rejections_total", Help: "Rejected records by reason.",
		}, []string{"stage", "reason"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "wl_stage_seconds", Help: "From a batch's step to its commit; in deliver, from a record's arrival to its end.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 10),
		}, []string{"stage"}),
		lagRecords: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "wl_lag_records", Help: "Records between the commit and the end of the partition.",
		}, []string{"topic", "partition"}),
		lagSeconds: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "wl_lag_seconds", Help: "Age of the oldest record fetched and not committed; of a lane, how long it is overdue.",
		}, []string{"topic", "partition"}),
	}
	r.MustRegister(m.records, m.rejections, m.seconds, m.lagRecords, m.lagSeconds)
	return m
}

func (m *Metrics) passed(stage string, n int) { m.count(stage, "passed", n) }

func (m *Metrics) finished(stage string, took time.Duration) {
	m.count(stage, "finished", 1)
	m.took(stage, took)
}

func (m *Metrics) rejected(stage, reason string) {
	m.count(stage, "rejected", 1)
	if m != nil {
		m.rejections.WithLabelValues(stage, reason).Inc()
	}
}

func (m *Metrics) count(stage, outcome string, n int) {
	if m != nil && n > 0 {
		m.records.WithLabelValues(stage, outcome).Add(float64(n))
	}
}

func (m *Metrics) took(stage string, d time.Duration) {
	if m != nil {
		m.seconds.WithLabelValues(stage).Observe(d.Seconds())
	}
}

// begin marks an effect as running until end is called; see Progress.
func (m *Metrics) begin(effect string) (end func()) {
	if m == nil {
		return func() {}
	}
	return m.Progress.Begin(effect)
}

// lag sets the two gauges of a source from its commit and the time of its oldest uncommitted record (zero: none). A
// failed question to the log leaves the gauges as they were: the loop itself will meet the same fault.
func (m *Metrics) lag(ctx context.Context, s Source, committed int64, oldest time.Time) {
	if m == nil {
		return
	}
	first, next, err := s.Bounds(ctx)
	if err != nil {
		return
	}
	age := time.Duration(0)
	if !oldest.IsZero() {
		age = max(0, time.Since(oldest))
	}
	labels := []string{s.Topic(), strconv.Itoa(s.Partition())}
	m.lagRecords.WithLabelValues(labels...).Set(float64(max(0, next-max(first, committed))))
	m.lagSeconds.WithLabelValues(labels...).Set(age.Seconds())
}

// forget drops the gauges of a source that this process no longer owns.
func (m *Metrics) forget(s Source) {
	if m == nil {
		return
	}
	m.lagRecords.DeleteLabelValues(s.Topic(), strconv.Itoa(s.Partition()))
	m.lagSeconds.DeleteLabelValues(s.Topic(), strconv.Itoa(s.Partition()))
}

// Records counts n records of an edge that no loop of this package runs, such as an HTTP front or a call.
func (m *Metrics) Records(stage, outcome string, n int) { m.count(stage, outcome, n) }

// Rejected counts n rejections at such an edge. The reason is of a closed list.
func (m *Metrics) Rejected(stage, reason string, n int) {
	for range n {
		m.rejected(stage, reason)
	}
}
