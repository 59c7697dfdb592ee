package pipelinetest_test

import (
	"errors"
	"testing"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/pipelinetest"
)

// Goal: each crash point leaves what it says behind, and nothing takes place in a dead process. Method: append one
// record, then four at the crash, then one more, and write to a Recorder.
func TestCrasherDiesWhereToldTo(t *testing.T) {
	for point, want := range map[pipelinetest.CrashPoint]int{pipelinetest.Before: 1, pipelinetest.Half: 3, pipelinetest.After: 5} {
		l := pipelinetest.NewLog(nil)
		l.Create("t", 1)
		l.Crash = pipelinetest.CrashAt(2, point)
		one := []pipeline.Output{{Topic: "t"}}
		if _, err := l.Append(t.Context(), one); err != nil {
			t.Fatal(err)
		}
		for _, outputs := range [][]pipeline.Output{{one[0], one[0], one[0], one[0]}, one} {
			if _, err := l.Append(t.Context(), outputs); !errors.Is(err, pipelinetest.ErrCrashed) {
				t.Errorf("point %d: append returned %v", point, err)
			}
		}
		if err := l.Source("t", 0, "g").Commit(t.Context(), 1); !errors.Is(err, pipelinetest.ErrCrashed) || l.Committed("g", "t", 0) != 0 {
			t.Errorf("point %d: a dead process committed", point)
		}
		r := pipelinetest.Recorder[int]{Crash: l.Crash}
		if err := r.Write(t.Context(), pipeline.Span{}, []int{1}); !errors.Is(err, pipelinetest.ErrCrashed) || len(r.All()) != 0 {
			t.Errorf("point %d: a dead process wrote", point)
		}
		if got := len(l.Records("t")); got != want || !l.Crash.Crashed() || l.Crash.Effects() != 2 {
			t.Errorf("point %d: %d records after %d effects, want %d after 2", point, got, l.Crash.Effects(), want)
		}
	}
}
