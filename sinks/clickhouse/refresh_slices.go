package clickhouse

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// sliceEvents is how many events a statement of a refresh takes at most, so that none lasts long: inserts may have to wait.
const sliceEvents = 10_000

// second is what a refresh sees of the events inserted in one.
type second struct {
	at          time.Time
	events, sum uint64
	changed     bool
}

// seconds returns those from a time on and which of them have other events than were seen. A merge that collapsed repeats
// changes one too, to no harm.
func (r *refresher) seconds(ctx context.Context, from time.Time) ([]second, error) {
	return list(ch.Context(ctx, ch.WithSettings(wholeInserts)), r.DB, "look for new events", `SELECT inserted_at, count(),
    sum(cityHash64(tenant_id, message_id, accepted_at, kind, attempt, detail, at))
FROM events WHERE inserted_at >= ? GROUP BY inserted_at ORDER BY inserted_at`, []any{from},
		func(rows driver.Rows, s *second) error {
			err := rows.Scan(&s.at, &s.events, &s.sum)
			s.changed = r.seen[s.at] != s.sum
			return err
		})
}

// slice is a part of a refresh: the events inserted in some seconds, that many.
type slice struct {
	from, to time.Time
	events   uint64
	open     bool // while it is cut: the next second may join
}

// slicesOf cuts the seconds that changed, which are in order, into slices of at most sliceEvents, or of one second. A slice
// reaches over seconds without events, not over those that did not change.
func slicesOf(seconds []second) (all []slice) {
	for _, s := range seconds {
		open := len(all) > 0 && all[len(all)-1].open
		switch {
		case !s.changed:
			if open {
				all[len(all)-1].open = false
			}
		case open && all[len(all)-1].events+s.events <= sliceEvents:
			last := &all[len(all)-1]
			last.to, last.events = s.at.Add(time.Second), last.events+s.events
		default:
			all = append(all, slice{s.at, s.at.Add(time.Second), s.events, true})
		}
	}
	return all
}

// spans returns the bounds of spans of times of acceptance with about sliceEvents of a slice's events each.
func (d *DB) spans(ctx context.Context, s slice) (bounds []time.Time, err error) {
	if n := int((s.events + sliceEvents - 1) / sliceEvents); n > 1 {
		levels := make([]string, n-1)
		for i := range levels {
			levels[i] = fmt.Sprintf("%.6f", float64(i+1)/float64(n))
		}
		err = d.row(ctx, "look for spans of new events", "SELECT quantilesExact("+strings.Join(levels, ", ")+
			")(accepted_at) FROM events WHERE inserted_at >= ? AND inserted_at < ?", []any{s.from.UTC(), s.to.UTC()}, &bounds)
	}
	first, last := time.Unix(0, 0), time.Date(2299, 12, 31, 0, 0, 0, 0, time.UTC) // of DateTime64
	return slices.Concat([]time.Time{first}, bounds, []time.Time{last}), err
}
