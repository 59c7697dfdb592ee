package pipelinetest_test

import (
	"testing"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/pipelinetest"
)

func harness(*testing.T) pipelinetest.SourceHarness {
	l := pipelinetest.NewLog(nil)
	return pipelinetest.SourceHarness{
		LogHarness: pipelinetest.LogHarness{
			Log:          l,
			Create:       func(_ testing.TB, topic string, partitions int) { l.Create(topic, partitions) },
			Tail:         func(_ testing.TB, topic string, p int, from int64) pipeline.Source { return l.Tail(topic, p, from) },
			LargestValue: 4 << 20,
			AppendTime:   true,
			Timeout:      5 * time.Second,
		},
		Own: func(_ testing.TB, topic string, p int, group string) (pipeline.Source, func()) {
			s := l.Source(topic, p, group)
			return s, s.Leave
		},
		Trim: func(_ testing.TB, topic string, p int, before int64) { l.Trim(topic, p, before) },
	}
}

// The in-memory log is held to the suites that hold every adapter, or tests on it would prove nothing.
func TestInMemoryLog(t *testing.T) {
	pipelinetest.TestLog(t, func(t *testing.T) pipelinetest.LogHarness { return harness(t).LogHarness })
}

func TestInMemorySource(t *testing.T) { pipelinetest.TestSource(t, harness) }
