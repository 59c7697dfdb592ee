package wire

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/sinks/cloudapi"
)

// sendMetrics count what deliver does at the Cloud API.
type sendMetrics struct {
	sends   *prometheus.CounterVec
	seconds prometheus.Histogram
	claims  prometheus.Histogram
	limits  *prometheus.CounterVec
	parked  prometheus.Gauge
	inDoubt prometheus.Gauge
}

func newSendMetrics(r prometheus.Registerer) *sendMetrics {
	m := &sendMetrics{
		sends: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wl_sends_total", Help: "Calls of the Cloud API by outcome: accepted, refused, in_doubt, not_sent.",
		}, []string{"outcome"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "wl_send_seconds", Help: "Latency of calls that were answered.", Buckets: prometheus.ExponentialBuckets(0.005, 2, 12),
		}),
		claims: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "wl_claim_seconds", Help: "From making a claim to having read it back, when its call may be made.",
			Buckets: []float64{0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5, 10},
		}),
		limits: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "wl_limit_errors_total", Help: "Answers that a limit of Meta's was passed, by error code.",
		}, []string{"limit"}),
		parked: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "wl_parked", Help: "Messages that lie in the retry lanes of this process's partitions, those in doubt included.",
		}),
		inDoubt: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "wl_in_doubt", Help: "Messages among them whose call has no known outcome.",
		}),
	}
	r.MustRegister(m.sends, m.seconds, m.claims, m.limits, m.parked, m.inDoubt)
	return m
}

// watch registers how many stops stand, by scope, counted when asked.
func (m *sendMetrics) watch(r prometheus.Registerer, stops func() map[string]schemas.Stop) {
	for _, scope := range []string{"template", "number", "account", "credential", "tenant", "recipient", "message"} {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "wl_stopped", Help: "Stops that stand, by scope.", ConstLabels: prometheus.Labels{"scope": scope},
		}, func() (n float64) {
			for _, s := range stops() {
				if s.Scope == scope && s.Effect != "" && (s.Until.IsZero() || time.Now().Before(s.Until)) {
					n++
				}
			}
			return n
		}))
	}
}

// sent counts one call.
func (m *sendMetrics) sent(a *cloudapi.Answer) {
	outcome := "in_doubt"
	switch {
	case a.Phase == cloudapi.NotSent:
		outcome = "not_sent"
	case a.WAMID != "":
		outcome = "accepted"
	case a.Parsed:
		outcome = "refused"
	}
	m.sends.WithLabelValues(outcome).Inc()
	if a.Phase == cloudapi.Answered {
		m.seconds.Observe(a.Latency.Seconds())
	}
	switch a.Code {
	case 130429, 131056, 131048, 131064, 4, 80007:
		m.limits.WithLabelValues(strconv.Itoa(a.Code)).Inc()
	}
}
