package pipelinetest

import (
	"testing"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
)

// Goal: the log deletes as Kafka does: whole segments, by their last record, the one written to as well; trimmed bytes
// with their segment. Method: appends at chosen times.
func TestLogDeletesByAge(t *testing.T) {
	now := time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	log := NewLog(func() time.Time { return now })
	log.Create("keys.20s", 1)
	log.Retain("keys.20s", time.Second, 21*time.Second)
	stands := func(readable, disk int) {
		t.Helper()
		log.Expire()
		if r, d := len(log.Records("keys.20s")), len(log.Disk("keys.20s")); r != readable || d != disk {
			t.Errorf("%d can be read and %d are on disk, want %d and %d", r, d, readable, disk)
		}
	}
	for _, wait := range []time.Duration{0, time.Second, time.Millisecond} { // two share a segment, the third rolls it
		now = now.Add(wait)
		if _, err := log.Append(t.Context(), []pipeline.Output{{Topic: "keys.20s", Value: []byte("seed")}}); err != nil {
			t.Fatal(err)
		}
	}
	log.Trim("keys.20s", 0, 1)
	stands(2, 3)
	log.Trim("keys.20s", 0, 2)
	stands(1, 1)
	now = now.Add(21 * time.Second)
	stands(1, 1)
	now = now.Add(time.Millisecond)
	stands(0, 0)
}
