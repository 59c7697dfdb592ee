package pipelinetest

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
)

// LogHarness gives TestLog an adapter to test.
type LogHarness struct {
	Log pipeline.Log
	// Create makes a topic that does not exist yet.
	Create func(t testing.TB, topic string, partitions int)
	// Tail returns a source without group from an offset, -2 the beginning, -1 the end.
	Tail func(t testing.TB, topic string, partition int, from int64) pipeline.Source
	// LargestValue is the size of a value that the log must take; 0: 900,000 bytes.
	LargestValue int
	// AppendTime says that the log stamps records itself, so that Record.AppendedAt equals Appended.At.
	AppendTime bool
	// Timeout bounds one wait of the suite; 0: 30 s.
	Timeout time.Duration
}

// SourceHarness gives TestSource an adapter to test.
type SourceHarness struct {
	LogHarness
	// Own makes the caller the next owner of a partition in a group. leave ends the ownership and returns once its last
	// commit is durable; at most one owner of a partition exists at a time.
	Own func(t testing.TB, topic string, partition int, group string) (src pipeline.Source, leave func())
	// Trim removes the records before an offset; nil: the adapter cannot.
	Trim func(t testing.TB, topic string, partition int, before int64)
}

// suite is a harness with the little that the cases share.
type suite struct {
	testing.TB
	h     LogHarness
	topic string
}

func (h LogHarness) suite(t testing.TB, partitions int) *suite {
	t.Helper()
	if h.Timeout == 0 {
		h.Timeout = 30 * time.Second
	}
	if h.LargestValue == 0 {
		h.LargestValue = 900_000
	}
	s := &suite{TB: t, h: h, topic: uniqueTopic(t)}
	h.Create(t, s.topic, partitions)
	return s
}

// uniqueTopic names a topic after the case and the time, since a real broker outlives the test.
func uniqueTopic(t testing.TB) string {
	name := []byte("suite-" + t.Name())
	for i, c := range name {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9') {
			name[i] = '-'
		}
	}
	return string(name) + "-" + strconv.FormatInt(time.Now().UnixNano(), 36)
}

func (s *suite) context() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), s.h.Timeout)
	s.Cleanup(cancel)
	return ctx
}

func (s *suite) append(outputs ...pipeline.Output) []pipeline.Appended {
	s.Helper()
	appended, err := s.h.Log.Append(s.context(), outputs)
	if err != nil {
		s.Fatalf("append: %v", err)
	}
	if len(appended) != len(outputs) {
		s.Fatalf("append of %d outputs returned %d positions", len(outputs), len(appended))
	}
	return appended
}

// appendNumbered appends values from..to-1 as decimal numbers to a partition.
func (s *suite) appendNumbered(partition, from, to int) []pipeline.Appended {
	s.Helper()
	var outputs []pipeline.Output
	for i := from; i < to; i++ {
		outputs = append(outputs, pipeline.Output{Topic: s.topic, Partition: partition, Value: []byte(strconv.Itoa(i))})
	}
	return s.append(outputs...)
}

func (s *suite) appendMarker(partition int, before int64) pipeline.Appended {
	s.Helper()
	return s.append(pipeline.Output{
		Topic:     s.topic,
		Partition: partition,
		Headers:   []pipeline.Header{{Key: pipeline.MarkerHeader, Value: []byte(strconv.FormatInt(before, 10))}},
	})[0]
}

// read fetches exactly n records, or more if the last fetch brings more.
func (s *suite) read(src pipeline.Source, n int) []pipeline.Record {
	s.Helper()
	ctx := s.context()
	var all []pipeline.Record
	for len(all) < n {
		records, err := src.Fetch(ctx)
		if err != nil {
			s.Fatalf("fetch after %d of %d records: %v", len(all), n, err)
		}
		if len(records) == 0 {
			s.Fatal("fetch returned neither records nor an error")
		}
		all = append(all, records...)
	}
	return all
}

// nothing fetches for a moment and wants no record and ctx's error.
func (s *suite) nothing(src pipeline.Source) {
	s.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	records, err := src.Fetch(ctx)
	if len(records) > 0 {
		s.Fatalf("fetch returned %d records, the first at %s, where there should be none", len(records), records[0].Position)
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		s.Fatalf("fetch returned %v, want its context's error", err)
	}
}

// wantNumbers checks that records hold from, from+1, ... in order.
func (s *suite) wantNumbers(records []pipeline.Record, from, to int) {
	s.Helper()
	if len(records) != to-from {
		s.Fatalf("read %d records, want %d", len(records), to-from)
	}
	for i, r := range records {
		if string(r.Value) != strconv.Itoa(from+i) {
			s.Fatalf("record %d of the read holds %q, want %d", i, r.Value, from+i)
		}
		if i > 0 && r.Offset <= records[i-1].Offset {
			s.Fatalf("offset %d follows %d", r.Offset, records[i-1].Offset)
		}
	}
}

func (s *suite) bounds(src pipeline.Source) (first, next int64) {
	s.Helper()
	first, next, err := src.Bounds(s.context())
	if err != nil {
		s.Fatalf("bounds: %v", err)
	}
	return first, next
}
