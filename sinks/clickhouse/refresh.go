package clickhouse

import (
	"context"
	_ "embed"
	"log/slog"
	"strconv"
	"strings"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/whatsapplink/cloud/pipeline"
)

// overlap is how far before the last refresh the next one looks, since an event is visible later than the inserted_at it
// carries, though by no more than insertBound, and slack for the clock's whole seconds and for clocks of several servers.
const overlap = time.Minute

// sliceEvents is how many events a statement of a refresh takes at most, so that none lasts long: inserts may have to wait.
const sliceEvents = 10_000

// refreshBound is the longest one refresh may take.
const refreshBound = 6 * time.Minute

//go:embed refresh_repeats.sql
var refreshRepeats string

//go:embed refresh_messages.sql
var refreshMessages string

//go:embed refresh_hours.sql
var refreshHours string

// wholeInserts keeps what a refresh inserts in one block a partition, so that an hour is replaced at once.
var wholeInserts = ch.Settings{
	"max_execution_time":              300,
	"max_insert_threads":              1,
	"min_insert_block_size_rows":      10_000_000,
	"min_insert_block_size_bytes":     1 << 30,
	"max_partitions_per_insert_block": 0,
	"optimize_on_insert":              1,
}

// Refresh recomputes what depends on events inserted since the last refresh: the messages they tell of, then the hours
// of these messages, each replaced whole. It is idempotent, and any number of processes may do it at once: each computes
// from events FINAL, and the one that started last wins.
func (d *DB) Refresh(ctx context.Context) error { return (&refresher{DB: d}).refresh(ctx) }

// refresher remembers what its last refresh saw of the seconds that the next one looks at again.
type refresher struct {
	*DB
	seen map[time.Time]uint64
}

func (r *refresher) refresh(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, refreshBound)
	defer cancel()
	var now, began, from time.Time
	err := r.row(ctx, "read refreshes", "SELECT now(), now64(6), if(count() = 0, toDateTime(0, 'UTC'), max(through) - ?) FROM refreshes",
		[]any{int(overlap.Seconds())}, &now, &began, &from)
	if err != nil {
		return err
	}
	// A second whose events changed since is refreshed again. A merge that collapsed repeats changes it too, to no harm.
	seconds, err := list(ctx, r.DB, "look for new events", `SELECT inserted_at, count(),
    sum(cityHash64(tenant_id, message_id, accepted_at, kind, attempt, detail, at))
FROM events WHERE inserted_at >= ? GROUP BY inserted_at ORDER BY inserted_at`, []any{from.UTC()},
		func(rows driver.Rows, s *second) error { return rows.Scan(&s.at, &s.events, &s.sum) })
	if err != nil {
		return err
	}
	seen := make(map[time.Time]uint64, len(seconds))
	var changed []second
	for _, s := range seconds {
		if seen[s.at] = s.sum; r.seen[s.at] != s.sum {
			changed = append(changed, s)
		}
	}
	for _, s := range slicesOf(changed) {
		if err := r.refreshSlice(ctx, s); err != nil {
			return err
		}
	}
	if len(changed) > 0 {
		if err := r.refreshHours(ctx, began.UTC()); err != nil {
			return err
		}
	}
	r.seen = seen
	return r.exec(ctx, "note the refresh", nil, "INSERT INTO refreshes (through) VALUES (?)", now.UTC())
}

// second is what a refresh sees of the events inserted in one.
type second struct {
	at          time.Time
	events, sum uint64
}

// slice is a part of a refresh: the events inserted in some seconds, that many.
type slice struct {
	from, to time.Time
	events   uint64
}

// slicesOf cuts seconds, which are in order, into slices of at most sliceEvents, or of one second.
func slicesOf(seconds []second) (all []slice) {
	for len(seconds) > 0 {
		n, events := 1, seconds[0].events
		for n < len(seconds) && seconds[n].at.Equal(seconds[n-1].at.Add(time.Second)) && events+seconds[n].events <= sliceEvents {
			events += seconds[n].events
			n++
		}
		all = append(all, slice{seconds[0].at, seconds[n-1].at.Add(time.Second), events})
		seconds = seconds[n:]
	}
	return all
}

// refreshSlice recomputes the messages that the events of a slice tell of. Of a second with many it takes one span of times of
// acceptance after the other, which lie together.
func (d *DB) refreshSlice(ctx context.Context, s slice) error {
	if err := d.exec(ctx, "refresh repeats", wholeInserts, refreshRepeats, s.from.UTC(), s.to.UTC()); err != nil {
		return err
	}
	var levels []string
	parts := int((s.events + sliceEvents - 1) / sliceEvents)
	for part := range parts + 1 {
		levels = append(levels, strconv.FormatFloat(float64(part)/float64(parts), 'f', 6, 64))
	}
	var bounds []time.Time
	err := d.row(ctx, "look for spans of new events", "SELECT quantilesExact("+strings.Join(levels, ", ")+
		")(accepted_at) FROM events WHERE inserted_at >= ? AND inserted_at < ?", []any{s.from.UTC(), s.to.UTC()}, &bounds)
	if err != nil {
		return err
	}
	bounds[parts] = bounds[parts].Add(time.Microsecond)
	for part := range parts {
		err := d.exec(ctx, "refresh messages", wholeInserts, refreshMessages, s.from.UTC(), s.to.UTC(), exactly(bounds[part]), exactly(bounds[part+1]))
		if err != nil {
			return err
		}
	}
	return nil
}

// refreshHours replaces the hours of messages recomputed since a time.
func (d *DB) refreshHours(ctx context.Context, since time.Time) error {
	hours, err := list(ctx, d, "look for touched hours", `SELECT DISTINCT toStartOfHour(toDateTime(accepted_at, 'UTC')) AS hour
FROM messages WHERE refreshed_at >= ? ORDER BY hour`, []any{since}, func(rows driver.Rows, hour *time.Time) error { return rows.Scan(hour) })
	if err != nil {
		return err
	}
	return d.replaceHours(ctx, hours)
}

// replaceHours replaces hours, given in order. Each run of hours is a statement of its own, whose bounds let the engine read
// these hours alone.
func (d *DB) replaceHours(ctx context.Context, hours []time.Time) (err error) {
	for len(hours) > 0 && err == nil {
		n := 1
		for n < len(hours) && hours[n].Equal(hours[n-1].Add(time.Hour)) {
			n++
		}
		err = d.exec(ctx, "refresh delivery_hourly", wholeInserts, refreshHours, hours[0].UTC(), hours[n-1].UTC().Add(time.Hour))
		hours = hours[n:]
	}
	return err
}

// longestPause is the longest between two refreshes, however long the last one took.
const longestPause = 30 * time.Second

// Follow refreshes every interval until ctx ends (then nil), mostly at most a fifth of the time: on a large database, or
// while much is inserted, the pauses grow with the refreshes. An error that outlasts the retries ends it.
func (d *DB) Follow(ctx context.Context, every time.Duration, log *slog.Logger) error {
	r := &refresher{DB: d}
	timer := time.NewTimer(every)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		start := time.Now()
		if err := pipeline.Retry(ctx, d.retry, "refresh", r.refresh); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		took := time.Since(start)
		if took > 10*every {
			log.Warn("refreshing derived tables is slow", "took", took.Round(time.Millisecond).String())
		}
		timer.Reset(min(max(every, 4*took), longestPause))
	}
}
