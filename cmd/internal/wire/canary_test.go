package wire

import (
	"strings"

	"github.com/whatsapplink/cloud/cmd/internal/canary"
)

// noCanary looks for a canary in the logs and, byte by byte, in every topic but those of requests.
func (d *deployment) noCanary(planted string) {
	d.t.Helper()
	if s := leaks(append(d.logs.Bytes(), defaultLogs.Bytes()...), planted); s != "" {
		d.t.Errorf("a canary in the logs: %s", s)
	}
	topics, err := d.cluster.Topics(within(d.t))
	if err != nil {
		d.t.Fatal(err)
	}
	for topic := range topics {
		if topic == Requests || strings.HasPrefix(topic, Requests+".") {
			continue
		}
		for _, r := range d.read(topic) {
			all := append(append([]byte{}, r.Key...), r.Value...)
			for _, h := range r.Headers {
				all = append(all, h.Value...)
			}
			if s := leaks(all, planted); s != "" {
				d.t.Errorf("a canary in %s: %s", r.Position, s)
			}
		}
	}
}

// leaks names a canary that stands in b in any form, "" for none.
func leaks(b []byte, planted string) string {
	s := canary.New()
	s.Add(planted, planted)
	return strings.Join(s.In(b), " ")
}
