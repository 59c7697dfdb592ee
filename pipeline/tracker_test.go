package pipeline_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/whatsapplink/cloud/pipeline"
)

// Goal: the tracker's answer is always the lowest unfinished offset, and never goes back. Method: random arrivals with
// gaps and random finishes, repeats among them, against a plain map.
func TestTrackerEqualsModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var tracker pipeline.Tracker
		open := make(map[int64]bool)
		next, before := int64(0), int64(0)
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "arrive") {
				offset := next + rapid.Int64Range(0, 3).Draw(t, "gap")
				tracker.Arrived(pipeline.Record{Position: pipeline.Position{Offset: offset}})
				open[offset], next = true, offset+1
			} else {
				offset := rapid.Int64Range(0, next+1).Draw(t, "finish")
				if got := tracker.Finish(offset); got != open[offset] {
					t.Fatalf("finish %d said %t", offset, got)
				}
				delete(open, offset)
			}
			want := next
			for offset := range open {
				want = min(want, offset)
			}
			if got := tracker.Lowest(); got != want || got < before {
				t.Fatalf("lowest is %d, want %d, was %d", got, want, before)
			}
			before = tracker.Lowest()
		}
	})
}
