package wire

import (
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Why content may outlive its promise: all but lateBytes are told while the bound is still ahead.
const (
	lateCopies = "copies_late"      // a lane's head is not stripped a bucket after its time
	untrimmed  = "keys_not_trimmed" // seeds whose time is over cannot be cut off
	unseen     = "replica_unseen"   // a replica that may hold seeds whose time is over cannot be seen
	lateBytes  = "bytes_late"       // a seed lies on a disk after the bound
)

var lateReasons = []string{lateCopies, untrimmed, unseen, lateBytes}

// late is the alarm. Each look notes what it finds, and then tells: a gauge by reason, and one line in the log when a reason
// begins and ends to hold. Brokers restart, so what is no lateness yet has to hold for a while first. It says nothing to
// /readyz: a redact that is late is at work, and to restart it or hold back its successor would make it later.
type late struct {
	gauge *prometheus.GaugeVec
	log   *slog.Logger
	grace time.Duration

	noted map[string]int       // in this look
	since map[string]time.Time // when it began to hold
	told  map[string]bool
}

func newLate(r prometheus.Registerer, log *slog.Logger) *late {
	l := &late{
		gauge: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "wl_redaction_late", Help: "Lanes, key topics and seeds that may outlive, or have outlived, their promise, by reason.",
		}, []string{"reason"}),
		log: log, noted: map[string]int{}, since: map[string]time.Time{}, told: map[string]bool{},
	}
	r.MustRegister(l.gauge)
	return l
}

func (l *late) note(reason string) { l.noted[reason]++ }

// tell ends a look.
func (l *late) tell(now time.Time) {
	for _, reason := range lateReasons {
		n := l.noted[reason]
		if n == 0 {
			delete(l.since, reason)
		} else if l.since[reason].IsZero() {
			l.since[reason] = now
		}
		if passing := reason == untrimmed || reason == unseen; passing && now.Sub(l.since[reason]) < l.grace {
			n = 0
		}
		l.gauge.WithLabelValues(reason).Set(float64(n))
		switch {
		case n > 0 && !l.told[reason]:
			l.log.Error("content may outlive its window", "reason", reason, "count", n)
		case n == 0 && l.told[reason]:
			l.log.Info("no content may outlive its window any more", "reason", reason)
		}
		l.told[reason] = n > 0
	}
	clear(l.noted)
}
