package wire

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/whatsapplink/cloud/pipeline"
)

// seen is when a record was appended.
type seen struct {
	offset int64
	at     time.Time
}

// sameAge is how close in time records are appended that count as one, so that a fast partition costs an entry a second.
const sameAge = time.Second

// saw notes when records were appended, until they are cut.
func (t *trimmed) saw(records []pipeline.Record) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range records {
		if n := len(t.standing); n == 0 || r.AppendedAt.Sub(t.standing[n-1].at) >= sameAge {
			t.standing = append(t.standing, seen{r.Offset, r.AppendedAt})
		}
		t.fetched = r.Offset + 1
	}
}

// cut forgets what stood before the start of the log.
func (t *trimmed) cut(start int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	gone := 0
	for gone < len(t.standing) && t.endOf(gone) <= start {
		gone++
	}
	t.standing = t.standing[gone:]
}

// endOf is the offset after the records that entry i stands for.
func (t *trimmed) endOf(i int) int64 {
	if i+1 < len(t.standing) {
		return t.standing[i+1].offset
	}
	return t.fetched
}

// oldest is the age of the oldest record that was fetched and is not cut, 0 for none.
func (t *trimmed) oldest() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.standing) == 0 {
		return 0
	}
	return max(0, time.Since(t.standing[0].at))
}

// ages is a gauge: the age of the oldest record that stands in partitions of this process, by one label or for all.
type ages struct {
	desc   *prometheus.Desc
	labels int

	mu    sync.Mutex
	parts map[*trimmed]string // with the label's value
}

func newAges(r prometheus.Registerer, name, help string, labels ...string) *ages {
	a := &ages{desc: prometheus.NewDesc(name, help, labels, nil), labels: len(labels), parts: map[*trimmed]string{}}
	r.MustRegister(a)
	return a
}

// of adds a partition, its label empty where there is none, until done is called. On nil it does nothing.
func (a *ages) of(t *trimmed, label string) (done func()) {
	if a == nil {
		return func() {}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.parts[t] = label
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		delete(a.parts, t)
	}
}

// Describe implements prometheus.Collector.
func (a *ages) Describe(to chan<- *prometheus.Desc) { to <- a.desc }

// Collect implements prometheus.Collector.
func (a *ages) Collect(to chan<- prometheus.Metric) {
	a.mu.Lock()
	defer a.mu.Unlock()
	oldest := map[string]time.Duration{}
	if a.labels == 0 {
		oldest[""] = 0
	}
	for t, label := range a.parts {
		oldest[label] = max(oldest[label], t.oldest())
	}
	for label, age := range oldest {
		to <- prometheus.MustNewConstMetric(a.desc, prometheus.GaugeValue, age.Seconds(), []string{label}[:a.labels]...)
	}
}
