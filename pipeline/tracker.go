package pipeline

import (
	"slices"
	"time"
)

// tracker knows which records of one partition have arrived and are not finished. Offsets arrive in rising order and
// may have gaps (markers, compaction).
type tracker struct {
	next int64   // after the last arrived
	open []entry // by offset; the first is unfinished
}

type entry struct {
	offset     int64
	appendedAt time.Time
	arrivedAt  time.Time
	finished   bool
}

func (t *tracker) arrived(r Record, now time.Time) {
	t.next = r.Offset + 1
	t.open = append(t.open, entry{offset: r.Offset, appendedAt: r.AppendedAt, arrivedAt: now})
}

// passed says that nothing is left to arrive before next: what was not seen were markers.
func (t *tracker) passed(next int64) { t.next = max(t.next, next) }

// finish returns when the record arrived; false when it is not among the unfinished.
func (t *tracker) finish(offset int64) (arrivedAt time.Time, ok bool) {
	i, found := slices.BinarySearchFunc(t.open, offset, func(e entry, o int64) int { return int(e.offset - o) })
	if !found || t.open[i].finished {
		return time.Time{}, false
	}
	arrivedAt, t.open[i].finished = t.open[i].arrivedAt, true
	for len(t.open) > 0 && t.open[0].finished {
		t.open = t.open[1:]
	}
	return arrivedAt, true
}

// lowest returns the offset up to which everything is finished, and when the record there was appended (zero: none).
func (t *tracker) lowest() (next int64, appendedAt time.Time) {
	if len(t.open) > 0 {
		return t.open[0].offset, t.open[0].appendedAt
	}
	return t.next, time.Time{}
}
