package clickhouse

import (
	"context"
	_ "embed"
	"log/slog"
	"maps"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/whatsapplink/cloud/pipeline"
)

// overlap is how far before the last refresh the next one looks, since an event is visible later than the inserted_at it
// carries, though by no more than insertBound, and slack for the clock's whole seconds and for clocks of several servers.
const overlap = time.Minute

const (
	// passTime is how long what is new is refreshed before that is noted, passBound the longest it may take to its end.
	passTime  = time.Minute
	passBound = 6 * time.Minute
)

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
func (d *DB) Refresh(ctx context.Context) (err error) {
	r := newRefresher(d)
	for more := true; more && err == nil; {
		more, err = r.pass(ctx)
	}
	return err
}

// refresher remembers what its last refresh saw of the seconds that the next one looks at again.
type refresher struct {
	*DB
	seen map[time.Time]uint64
}

func newRefresher(d *DB) *refresher { return &refresher{d, map[time.Time]uint64{}} }

// pass refreshes the oldest of what is new, and says whether there is more.
func (r *refresher) pass(ctx context.Context) (more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, passBound)
	defer cancel()
	var began, from time.Time
	err = r.row(ctx, "read refreshes", "SELECT now(), if(count() = 0, toDateTime(0, 'UTC'), max(through) - ?) FROM refreshes",
		[]any{int(overlap.Seconds())}, &began, &from)
	if err != nil {
		return false, err
	}
	through := began
	seconds, err := r.seconds(ctx, from.UTC())
	if err != nil {
		return false, err
	}
	start, todo := time.Now(), slicesOf(seconds)
	for _, s := range todo {
		if more = time.Since(start) > passTime; more {
			through = s.from
			break
		}
		if err := r.refreshSlice(ctx, s); err != nil {
			return false, err
		}
	}
	if len(todo) > 0 {
		// What this pass refreshed is looked for generously: servers' clocks differ, and one may be set back.
		if err := r.refreshHours(ctx, began.Add(-overlap).UTC()); err != nil {
			return false, err
		}
	}
	maps.DeleteFunc(r.seen, func(at time.Time, _ uint64) bool { return at.Before(from) })
	for _, s := range seconds {
		if s.at.Before(through.Add(-r.behind())) || !more && r.cluster == "" {
			r.seen[s.at] = s.sum
		}
	}
	return more, r.exec(ctx, "note the refresh", nil, "INSERT INTO refreshes (through) VALUES (?)", through.UTC())
}

// behind is how far a replica may be behind another: the statements of a pass may meet different ones, so that what one saw
// of the newest seconds another may not have computed from.
func (r *refresher) behind() time.Duration {
	if r.cluster == "" {
		return 0
	}
	return overlap / 2
}

// refreshSlice recomputes the messages that the events of a slice tell of. Of a second with many it takes one span of times of
// acceptance after the other, which lie together.
func (d *DB) refreshSlice(ctx context.Context, s slice) error {
	if err := d.exec(ctx, "refresh repeats", wholeInserts, refreshRepeats, s.from.UTC(), s.to.UTC()); err != nil {
		return err
	}
	bounds, err := d.spans(ctx, s)
	for i := 0; err == nil && i < len(bounds)-1; i++ {
		err = d.exec(ctx, "refresh messages", wholeInserts, refreshMessages, s.from.UTC(), s.to.UTC(), exactly(bounds[i]), exactly(bounds[i+1]))
	}
	return err
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
	r := newRefresher(d)
	timer := time.NewTimer(every)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		start := time.Now()
		err := pipeline.Retry(ctx, d.retry, "refresh", func(ctx context.Context) error {
			_, err := r.pass(ctx) // more is the next one's
			return err
		})
		if err != nil {
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
