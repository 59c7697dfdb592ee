package main

import (
	"context"
	"fmt"
	"time"

	"github.com/whatsapplink/cloud/sinks/clickhouse"
)

// What the views and the disk may take at ten million events.
const (
	rollupWithin = 200 * time.Millisecond
	eventsWithin = time.Second
	bytesARow    = 60
	insertedAt   = 50_000 // events an insert, as record makes them
	followed     = 20     // refreshes while the table fills, to show what one costs as it grows
)

// fill makes messages of five events in the order of time, over a day, with random ids: what record would insert.
const fill = `INSERT INTO events (tenant_id, message_id, accepted_at, kind, attempt, detail, at, stage, sender_id, region, processor,
    transfer_basis, country, category, content_type, size_class, recipient_ref, provider_ref, latency_us, window, due_at, pricing_category,
    billable, labels, policy_version, reason, error_code)
WITH intDiv(number, 5) AS n, number %% 5 AS step, sipHash128(n) AS random, cityHash64(n) AS r,
    toDateTime64(%[3]d, 6, 'UTC') + toIntervalMillisecond(toUInt64(n * 86400000 / %[4]d)) AS accepted, (r %% 50 = 0) AS fails
SELECT ['acme', 'globex', 'initech'][r %% 3 + 1],
    lower(concat(substring(hex(random), 1, 8), '-', substring(hex(random), 9, 4), '-', substring(hex(random), 13, 4), '-', substring(hex(random), 17, 4), '-', substring(hex(random), 21, 12))),
    accepted, if(fails AND step = 3, 'failed', ['accepted', 'routed', 'claimed', 'sent', 'delivered'][step + 1]), step > 1,
    [concat('requests/', toString(n %% 12), '/', toString(intDiv(n, 12))), '', lower(hex(sipHash64(n, 1))), '', ''][step + 1],
    accepted + toIntervalMicrosecond(step * 200000 + cityHash64(number) %% 100000),
    ['validate', 'route', 'deliver', 'deliver', 'listen'][step + 1], if(step > 0, toString(106540352242920 + r %% 12), ''), if(step > 0, 'eu', ''),
    if(step > 1, 'meta', ''), if(step > 0, 'same_region', ''), ['DE', 'BR', 'IN', 'US', 'FR', 'GB', 'MX', 'ID'][intDiv(r, 64) %% 8 + 1],
    ['utility', 'marketing', 'authentication'][intDiv(r, 1024) %% 3 + 1], if(r %% 4 = 0, 'template', 'text'), '256',
    sipHash128(n, 2), if(step > 2, sipHash128(n, 3), toFixedString('', 16)), if(step = 3, 40000 + r %% 90000, 0), '72h',
    if(step = 3, accepted + toIntervalHour(72), NULL), if(step = 4, 'utility', ''), if(step = 4, true, NULL), map('campaign', 'autumn'), '2026-11',
    if(fails AND step = 3, 'undeliverable', ''), if(fails AND step = 3, 131026, 0)
FROM numbers(%[1]d, %[2]d)
WHERE NOT (fails AND step = 4)`

// views fills a database with n events and measures its size, the refreshes on the way, and every view.
func (w *world) views(ctx context.Context, n int) ([]figure, error) {
	url, err := w.database(ctx, "views")
	if err != nil {
		return nil, err
	}
	db, err := clickhouse.Open(clickhouse.Config{URL: url})
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	if err := db.Migrate(ctx); err != nil {
		return nil, err
	}
	start := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -2).Unix()
	var refreshes []time.Duration
	for from := 0; from < n; from += insertedAt {
		if err := w.sql(ctx, url, fmt.Sprintf(fill, from, min(insertedAt, n-from), start, n/5)); err != nil {
			return nil, err
		}
		if from/insertedAt%(n/insertedAt/followed) == 0 || from+insertedAt >= n {
			began := time.Now()
			if err := db.Refresh(ctx); err != nil {
				return nil, err
			}
			refreshes = append(refreshes, time.Since(began))
		}
	}
	say("refreshes: %v", refreshes)
	return w.ask(ctx, db, n)
}

func (w *world) ask(ctx context.Context, db *clickhouse.DB, n int) (figures []figure, err error) {
	rows, err := db.Query(ctx, `SELECT table, sum(rows), sum(bytes_on_disk) FROM system.parts
WHERE database = currentDatabase() AND active GROUP BY table ORDER BY table`)
	if err != nil {
		return nil, err
	}
	bytes := 0.0
	for _, r := range rows.Values {
		var b float64
		if _, err := fmt.Sscan(r[2], &b); err != nil {
			return nil, err
		}
		bytes += b
		say("%s: %s rows, %s bytes", r[0], r[1], r[2])
	}
	figures = append(figures, figure{what: "bytes an event on disk, roll-ups included", rate: bytes / float64(n), comment: "(at most 60)"})
	for _, q := range []struct {
		what, sql string
		within    time.Duration
	}{
		{"funnel_hourly", "SELECT hour, sum(accepted), sum(sent), sum(delivered) FROM funnel_hourly GROUP BY hour", rollupWithin},
		{"errors_hourly", "SELECT country, reason, sum(messages) FROM errors_hourly GROUP BY country, reason", rollupWithin},
		{"senders", "SELECT * FROM senders", rollupWithin},
		{"latency_hourly", "SELECT * FROM latency_hourly", eventsWithin},
		{"retention", "SELECT * FROM retention", eventsWithin},
		{"freshness", "SELECT * FROM freshness", eventsWithin},
		{"message_status", "SELECT state, count() FROM message_status GROUP BY state", eventsWithin},
		{"events", "SELECT kind, count() FROM events FINAL GROUP BY kind", eventsWithin},
		{"one", "SELECT * FROM message_status WHERE message_id = lower('AB')", eventsWithin},
		{"trace", "SELECT * FROM events FINAL WHERE tenant_id = 'acme' AND message_id = lower('AB')", eventsWithin},
	} {
		best := time.Hour
		for range 3 {
			began := time.Now()
			if _, err := db.Query(ctx, q.sql); err != nil {
				return figures, fmt.Errorf("%s: %w", q.what, err)
			}
			best = min(best, time.Since(began))
		}
		say("%s: %s", q.what, best)
	}
	return figures, nil
}
