package wire

import (
	"context"
	"strconv"
	"time"
)

// A trim moves the start of the log only: the bytes leave the disk with their segment, which rolls at the first append
// after segment.ms. Where nothing is appended any more, a marker does it.

// looksPerSegment is how often a partition that is not idle is looked at again while it would have to roll by itself.
const looksPerSegment = 10

// roll sees to it that the segment that holds what was cut rolls within about segment.ms from now, also when no further
// record comes. One look is under way at most; a partition that stays idle gets one marker, since a marker cuts nothing.
func (t *trimmed) roll() {
	t.mu.Lock()
	end, under := t.next, t.rolling
	t.rolling = true
	t.mu.Unlock()
	if under {
		return
	}
	segment := t.segment()
	time.AfterFunc(segment, func() { t.look(end, segment, time.Now().Add(segment)) })
}

// look appends a marker when all of the log is cut and its end has not moved since the look before. A log that moves
// rolls by itself, and each of its trims comes back here, so looking ends at a time. What the broker would not answer or
// take is tried again for trimFor.
func (t *trimmed) look(before int64, segment time.Duration, until time.Time) {
	_, end, err := t.cluster.Bounds(context.Background(), t.Topic(), t.Partition())
	t.mu.Lock()
	idle := err == nil && !t.armed && end == t.next && end == before
	t.mu.Unlock()
	if idle {
		err = t.mark(end)
	}
	now := time.Now()
	t.mu.Lock()
	t.rolling = !idle && now.Before(until) || err != nil && now.Before(until.Add(trimFor))
	again, moved := t.rolling, idle && t.next > end
	t.mu.Unlock()
	switch {
	case again:
		time.AfterFunc(segment/looksPerSegment, func() { t.look(end, segment, until) })
	case moved: // while the marker was under way
		t.roll()
	}
}

// mark appends the marker and passes it, unless a record came before it, so that it counts as no lag; then it is cut too.
func (t *trimmed) mark(end int64) error {
	ctx := context.Background()
	at, err := t.cluster.Marker(ctx, t.Topic(), t.Partition())
	if err != nil || at.Offset != end || t.Source.Commit(ctx, end+1) != nil {
		return err
	}
	time.AfterFunc(trimEvery, func() {
		start, err := t.cluster.Trim(ctx, t.Topic(), t.Partition(), min(end+1, t.kept()))
		if err == nil { // else it stays: a marker says nothing
			t.cut(start)
		}
	})
	return nil
}

// segment is the topic's segment.ms, as it is and not as it was planned.
func (t *trimmed) segment() time.Duration {
	configs, err := t.cluster.Configs(context.Background(), t.Topic())
	if ms, wrong := strconv.ParseInt(configs["segment.ms"], 10, 64); err == nil && wrong == nil {
		return time.Duration(ms) * time.Millisecond
	}
	return roll
}
