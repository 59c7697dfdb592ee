package clickhouse

import (
	"context"
	_ "embed"
	"log/slog"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/whatsapplink/cloud/pipeline"
)

// How far before the last refresh the next one looks, since an event is visible later than the inserted_at it carries:
// mostly by less than overlap, never by more than sweepOverlap (insertBound and slack for the clock's whole seconds and
// for clocks of several servers).
const (
	overlap      = 5 * time.Second
	sweepOverlap = time.Minute
	sweepEvery   = 15 * time.Second
)

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
func (d *DB) Refresh(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, refreshBound)
	defer cancel()
	var now, from time.Time
	var sweep bool
	err := d.row(ctx, "read refreshes", `SELECT now() AS now_,
    maxIf(through, sweep) < now_ - ? AS sweep_,
    if(count() = 0, toDateTime(0, 'UTC'), if(sweep_, maxIf(through, sweep) - ?, max(through) - ?)) AS from_
FROM refreshes`, []any{int(sweepEvery.Seconds()), int(sweepOverlap.Seconds()), int(overlap.Seconds())}, &now, &sweep, &from)
	if err != nil {
		return err
	}
	var touched uint64
	err = d.row(ctx, "look for new events", "SELECT count() FROM events WHERE inserted_at >= ?", []any{from.UTC()}, &touched)
	if err != nil {
		return err
	}
	if touched > 0 {
		if err := d.exec(ctx, "refresh repeats", wholeInserts, refreshRepeats, from.UTC()); err != nil {
			return err
		}
		if err := d.exec(ctx, "refresh messages", wholeInserts, refreshMessages, from.UTC()); err != nil {
			return err
		}
		if err := d.refreshHours(ctx, from.UTC()); err != nil {
			return err
		}
	}
	return d.exec(ctx, "note the refresh", nil, "INSERT INTO refreshes (through, sweep) VALUES (?, ?)", now.UTC(), sweep)
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

// Follow refreshes every interval until ctx ends (then nil), at most a fifth of the time: on a large database, or while
// much is inserted, the pauses grow with the refreshes. An error that outlasts the retries ends it.
func (d *DB) Follow(ctx context.Context, every time.Duration, log *slog.Logger) error {
	timer := time.NewTimer(every)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		start := time.Now()
		if err := pipeline.Retry(ctx, d.retry, "refresh", d.Refresh); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		took := time.Since(start)
		if took > 10*every {
			log.Warn("refreshing derived tables is slow", "took", took.Round(time.Millisecond).String())
		}
		timer.Reset(max(every, 4*took))
	}
}
