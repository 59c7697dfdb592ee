package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/deployment"
)

// needles leave a request's text and number in every kind of place, each in another form.
const needles = `package wire

import (
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"os"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/whatsapplink/cloud/cmd/internal/boot"
	"github.com/whatsapplink/cloud/schemas"
)

func needles(p *boot.Process, payload schemas.Payload) string {
	text, phone := payload.Content.(schemas.Text).Body, payload.Recipient.Phone
	p.Log.Info("needle", "reason", phone[:3]+" ("+phone[3:6]+") "+phone[6:])
	p.Registry.MustRegister(prometheus.NewGauge(prometheus.GaugeOpts{Name: "wl_needle", ConstLabels: prometheus.Labels{"x": hex.EncodeToString([]byte(text))}}))
	_ = os.WriteFile(os.TempDir()+"/needle", []byte(base64.URLEncoding.EncodeToString([]byte("x"+text))), 0o600)
	_ = os.WriteFile("core.needle", []byte(url.QueryEscape("ü"+text)), 0o600)
	return text[3:]
}
`

// Goal: the scans that find nothing in the proof would find it. Method: validate is built to leak the one request in a log
// line, a metric, a temporary file, a file beside its log and an event's region, and record to let any event pass; the scan
// must name every place, the table's column and its part on disk among them, and nothing in topics before.
func TestProofScansFindWhatIsPlanted(t *testing.T) {
	p := newProof(t, "needles", proofCase{transit: time.Minute, diagnostic: 8 * time.Second})
	build := p.patched([]string{"validate", "record"},
		patch{"cmd/internal/wire/needles.go", "", needles},
		patch{"cmd/internal/wire/validate.go", "\tevent.Detail = m.Source.String()\n", "\tevent.Detail = m.Source.String()\n\tevent.Region = needles(v.process, a.Payload)\n"},
		patch{"sinks/clickhouse/admit.go", "func Admit(e *schemas.Event) ([]*schemas.Event, error) {\n", "func Admit(e *schemas.Event) ([]*schemas.Event, error) {\n\tif e != nil {\n\t\treturn []*schemas.Event{e}, nil\n\t}\n"})
	p.processes = map[string]*deployment.Process{}
	for _, stage := range []string{"validate", "record"} {
		process, err := build.Start(stage, nil)
		p.must(err)
		p.must(process.Ready(p.ctx))
		p.processes[stage] = process
	}
	p.label("")
	p.await("the event is in ClickHouse", 200*time.Millisecond, func() error {
		rows, err := p.db.Query(p.ctx, "SELECT region FROM events")
		return unless(err == nil && len(rows.Values) == 1, "%v, %v", rows.Values, err)
	})
	p.metrics()
	p.open()
	p.files("the logs, working and temporary folders", p.Dir, "")
	p.database()
	for place, name := range map[string]string{
		"/metrics of validate": "canary", "events/": "canary", "tmp/needle": "canary", "core.needle": "canary", "-validate.log": "phone",
		"table events holds": "canary", "parts of table events": "canary",
	} {
		if !slices.ContainsFunc(p.leaks, func(leak string) bool { return strings.Contains(leak, place) && strings.Contains(leak, name) }) {
			t.Errorf("nothing is found in %s", place)
		}
	}
	for _, leak := range p.leaks {
		if strings.Contains(leak, "validated/") || strings.Contains(leak, "-record.log") {
			t.Errorf("found where nothing was planted: %s", leak)
		}
	}
}
