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
	followed     = 4      // refreshes while the table fills
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
	for from := 0; from < n; from += insertedAt {
		if err := w.sql(ctx, url, fmt.Sprintf(fill, from, min(insertedAt, n-from), start, n/5)); err != nil {
			return nil, err
		}
		if from/insertedAt%(n/insertedAt/followed) == 0 || from+insertedAt >= n {
			if err := db.Refresh(ctx); err != nil {
				return nil, err
			}
		}
	}
	return ask(ctx, db, n)
}

// ask measures the size of all tables and the best of three answers of each view.
func ask(ctx context.Context, db *clickhouse.DB, n int) ([]figure, error) {
	rows, err := db.Query(ctx, `SELECT sum(bytes_on_disk), sumIf(bytes_on_disk, table = 'events'), sumIf(bytes_on_disk, table = 'messages')
FROM system.parts WHERE database = currentDatabase() AND active`)
	if err != nil {
		return nil, err
	}
	var bytes [3]float64
	for i := range bytes {
		if _, err := fmt.Sscan(rows.Values[0][i], &bytes[i]); err != nil {
			return nil, err
		}
		bytes[i] /= float64(n)
	}
	figures := []figure{{
		what: "disk with messages and roll-ups", rate: bytes[0], unit: "bytes/event", ceiling: bytesARow,
		comment: fmt.Sprintf("(events %.1f, messages %.1f)", bytes[1], bytes[2]),
	}}
	for _, q := range []struct {
		what, sql string
		within    time.Duration
	}{
		{"funnel_hourly", "SELECT hour, sum(accepted), sum(sent), sum(delivered) FROM funnel_hourly GROUP BY hour", rollupWithin},
		{"errors_hourly", "SELECT country, reason, sum(messages) FROM errors_hourly GROUP BY country, reason", rollupWithin},
		{"senders", "SELECT * FROM senders", rollupWithin},
		{"freshness", "SELECT * FROM freshness", rollupWithin},
		{"latency_hourly", "SELECT * FROM latency_hourly", eventsWithin},
		{"retention", "SELECT * FROM retention", eventsWithin},
		{"message_status", "SELECT state, count() FROM message_status GROUP BY state", eventsWithin},
		{"message_status, one message", "SELECT * FROM message_status WHERE message_id = (SELECT any(message_id) FROM messages)", eventsWithin},
		{"events", "SELECT kind, count() FROM events FINAL GROUP BY kind", eventsWithin},
	} {
		best := time.Hour
		for range 3 {
			began := time.Now()
			if _, err := db.Query(ctx, q.sql); err != nil {
				return figures, fmt.Errorf("%s: %w", q.what, err)
			}
			best = min(best, time.Since(began))
		}
		figures = append(figures, figure{what: q.what, rate: ms(best), unit: "ms", ceiling: ms(q.within)})
	}
	return figures, nil
}
