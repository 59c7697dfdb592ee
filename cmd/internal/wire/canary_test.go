package wire

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"
)

// noCanary looks for a canary in the logs and, byte by byte, in every topic but those of requests.
func (d *deployment) noCanary(canary string) {
	d.t.Helper()
	if s := leaks(append(d.logs.Bytes(), defaultLogs.Bytes()...), canary); s != "" {
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
			if s := leaks(all, canary); s != "" {
				d.t.Errorf("a canary in %s: %s", r.Position, s)
			}
		}
	}
}

// shapes are the forms in which a canary could leave: as it is, base64 (in each of its three alignments), hex, URL.
func shapes(canary string) [][]byte {
	all := [][]byte{[]byte(canary), []byte(hex.EncodeToString([]byte(canary))), []byte(url.QueryEscape(canary))}
	for shift := range 3 {
		text := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("\x00", shift) + canary))
		all = append(all, []byte(text[4:len(text)-4]))
	}
	return all
}

// leaks says in which shape a canary stands in b, "" for none.
func leaks(b []byte, canary string) string {
	for _, s := range shapes(canary) {
		if bytes.Contains(bytes.ToLower(b), bytes.ToLower(s)) {
			return string(s)
		}
	}
	return ""
}
