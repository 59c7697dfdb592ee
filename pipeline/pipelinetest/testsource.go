package pipelinetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
)

// TestSource checks what pipeline.Source promises. open is called once for each case.
func TestSource(t *testing.T, open func(t *testing.T) SourceHarness) {
	run := func(name string, f func(*suite, SourceHarness)) {
		t.Run(name, func(t *testing.T) {
			h := open(t)
			f(h.suite(t, 2), h)
		})
	}
	run("StartsAtTheBeginningAndKeepsOrder", sourceStarts)
	run("TellsItsPartition", sourceTells)
	run("GoesOnAtTheCommit", sourceGoesOn)
	run("RepeatsWhatIsNotCommitted", sourceRepeats)
	run("CommitsForwardOnly", sourceForwardOnly)
	run("FencesAFormerOwner", sourceFences)
	run("KeepsGroupsApart", sourceKeepsGroupsApart)
	run("KeepsPartitionsApart", sourceKeepsPartitionsApart)
	run("SkipsMarkers", sourceSkipsMarkers)
	run("Seeks", sourceSeeks)
	run("PassesOverTrimmed", sourcePassesTrimmed)
	run("TellsBounds", sourceTellsBounds)
	run("WaitsForRecords", sourceWaits)
	run("EndsWithContextAndLosesNothing", sourceEnds)
	run("TailsFromTheEnd", sourceTails)
}

func sourceStarts(s *suite, h SourceHarness) {
	s.appendNumbered(0, 0, 700)
	src, leave := h.Own(s, s.topic, 0, s.topic)
	defer leave()
	if src.Committed() != 0 || src.Position() != 0 {
		s.Fatalf("a new group starts at commit %d, position %d, want the beginning", src.Committed(), src.Position())
	}
	records := s.read(src, 700)
	s.wantNumbers(records, 0, 700)
	if src.Position() != records[699].Offset+1 {
		s.Fatalf("position %d after offset %d", src.Position(), records[699].Offset)
	}
}

func sourceTells(s *suite, h SourceHarness) {
	s.appendNumbered(1, 0, 1)
	src, leave := h.Own(s, s.topic, 1, s.topic)
	defer leave()
	if src.Topic() != s.topic || src.Partition() != 1 {
		s.Fatalf("source says %s/%d", src.Topic(), src.Partition())
	}
	want := pipeline.Position{Topic: s.topic, Partition: 1, Offset: 0}
	if r := s.read(src, 1)[0]; r.Position != want {
		s.Fatalf("record says %s, want %s", r.Position, want)
	}
}

// commitAs owns the partition, commits and leaves.
func (s *suite) commitAs(h SourceHarness, group string, commits ...int64) {
	s.Helper()
	src, leave := h.Own(s, s.topic, 0, group)
	defer leave()
	for _, next := range commits {
		if err := src.Commit(s.context(), next); err != nil {
			s.Fatalf("commit %d: %v", next, err)
		}
	}
}

// committed owns the partition to see where it starts.
func (s *suite) committed(h SourceHarness, group string) int64 {
	s.Helper()
	src, leave := h.Own(s, s.topic, 0, group)
	defer leave()
	return src.Committed()
}

func sourceGoesOn(s *suite, h SourceHarness) {
	s.appendNumbered(0, 0, 10)
	s.commitAs(h, s.topic, 6)
	src, leave := h.Own(s, s.topic, 0, s.topic)
	defer leave()
	if src.Committed() != 6 {
		s.Fatalf("the next owner starts at %d, want the commit 6", src.Committed())
	}
	s.wantNumbers(s.read(src, 4), 6, 10)
}

func sourceRepeats(s *suite, h SourceHarness) {
	s.appendNumbered(0, 0, 10)
	for range 2 {
		src, leave := h.Own(s, s.topic, 0, s.topic)
		s.wantNumbers(s.read(src, 10), 0, 10)
		leave()
	}
}

func sourceForwardOnly(s *suite, h SourceHarness) {
	s.appendNumbered(0, 0, 10)
	s.commitAs(h, s.topic, 8, 3)
	if got := s.committed(h, s.topic); got != 8 {
		s.Fatalf("commit 8 and then 3 left %d", got)
	}
	s.commitAs(h, s.topic, 5)
	if got := s.committed(h, s.topic); got != 8 {
		s.Fatalf("a later owner's lower commit moved 8 to %d", got)
	}
}

func sourceFences(s *suite, h SourceHarness) {
	s.appendNumbered(0, 0, 10)
	former, leave := h.Own(s, s.topic, 0, s.topic)
	leave()
	_, leave = h.Own(s, s.topic, 0, s.topic)
	ctx, cancel := context.WithTimeout(s.context(), 5*time.Second)
	defer cancel()
	_ = former.Commit(ctx, 9) // refused aloud or quietly, as the adapter likes
	leave()
	if got := s.committed(h, s.topic); got != 0 {
		s.Fatalf("a former owner moved the commit to %d", got)
	}
}

func sourceKeepsGroupsApart(s *suite, h SourceHarness) {
	s.appendNumbered(0, 0, 10)
	s.commitAs(h, s.topic, 6)
	if got := s.committed(h, s.topic+"-other"); got != 0 {
		s.Fatalf("another group starts at %d", got)
	}
}

func sourceKeepsPartitionsApart(s *suite, h SourceHarness) {
	s.appendNumbered(0, 0, 10)
	s.appendNumbered(1, 10, 20)
	s.commitAs(h, s.topic, 6)
	src, leave := h.Own(s, s.topic, 1, s.topic)
	defer leave()
	s.wantNumbers(s.read(src, 10), 10, 20)
}

func sourceSkipsMarkers(s *suite, h SourceHarness) {
	s.appendNumbered(0, 0, 3)
	s.appendMarker(0, 2)
	s.appendNumbered(0, 3, 5)
	last := s.appendMarker(0, 5)
	src, leave := h.Own(s, s.topic, 0, s.topic)
	defer leave()
	s.wantNumbers(s.read(src, 5), 0, 5)
	s.nothing(src)
	if src.Position() != last.Offset+1 {
		s.Fatalf("position %d, want it past the marker at %d", src.Position(), last.Offset)
	}
}

func sourceSeeks(s *suite, h SourceHarness) {
	s.appendNumbered(0, 0, 10)
	src, leave := h.Own(s, s.topic, 0, s.topic)
	defer leave()
	s.read(src, 10)
	src.SeekTo(4)
	if src.Position() != 4 {
		s.Fatalf("position %d after a seek to 4", src.Position())
	}
	s.wantNumbers(s.read(src, 6), 4, 10)
	src.SeekTo(8)
	s.wantNumbers(s.read(src, 2), 8, 10)
}

func sourcePassesTrimmed(s *suite, h SourceHarness) {
	if h.Trim == nil {
		s.Skip("this adapter cannot trim")
	}
	s.appendNumbered(0, 0, 10)
	h.Trim(s, s.topic, 0, 7)
	src, leave := h.Own(s, s.topic, 0, s.topic)
	if first, _ := s.bounds(src); first != 7 {
		s.Fatalf("first offset %d after a trim before 7", first)
	}
	s.wantNumbers(s.read(src, 3), 7, 10)
	h.Trim(s, s.topic, 0, 9)
	src.SeekTo(2)
	s.wantNumbers(s.read(src, 1), 9, 10)
	leave()

	s.commitAs(h, s.topic, 3)
	src, leave = h.Own(s, s.topic, 0, s.topic)
	defer leave()
	s.wantNumbers(s.read(src, 1), 9, 10) // a commit that was trimmed away goes on at the log's start, never at its end
}

func sourceTellsBounds(s *suite, h SourceHarness) {
	src, leave := h.Own(s, s.topic, 0, s.topic)
	defer leave()
	if first, next := s.bounds(src); first != 0 || next != 0 {
		s.Fatalf("bounds of an empty partition are %d and %d", first, next)
	}
	s.appendNumbered(0, 0, 3)
	if first, next := s.bounds(src); first != 0 || next != 3 {
		s.Fatalf("bounds of three records are %d and %d", first, next)
	}
}

func sourceWaits(s *suite, h SourceHarness) {
	src, leave := h.Own(s, s.topic, 0, s.topic)
	defer leave()
	ctx := s.context()
	got := make(chan []pipeline.Record, 1)
	go func() {
		records, _ := src.Fetch(ctx)
		got <- records
	}()
	// Whether the fetch is already waiting when the record is appended does not change what it must return.
	s.appendNumbered(0, 0, 1)
	s.wantNumbers(<-got, 0, 1)
}

func sourceEnds(s *suite, h SourceHarness) {
	src, leave := h.Own(s, s.topic, 0, s.topic)
	defer leave()
	s.nothing(src)
	s.appendNumbered(0, 0, 5)
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if records, err := src.Fetch(ended); len(records) > 0 || !errors.Is(err, context.Canceled) {
		s.Fatalf("fetch under an ended context returned %d records and %v", len(records), err)
	}
	s.wantNumbers(s.read(src, 5), 0, 5)
}

func sourceTails(s *suite, h SourceHarness) {
	s.appendNumbered(0, 0, 5)
	end := h.Tail(s, s.topic, 0, -1)
	third := h.Tail(s, s.topic, 0, 3)
	s.nothing(end)
	s.appendNumbered(0, 5, 7)
	s.wantNumbers(s.read(end, 2), 5, 7)
	s.wantNumbers(s.read(third, 4), 3, 7)
	if err := end.Commit(s.context(), 7); err != nil {
		s.Fatalf("commit of a source without group: %v", err)
	}
}
