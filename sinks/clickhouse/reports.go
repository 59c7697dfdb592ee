package clickhouse

import (
	"context"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Funnel counts sends by how far they came. Steps are cumulative: a delivered message counts as sent too. Repeated counts
// requests.
type Funnel struct {
	Accepted, Routed, Claimed, Sent, Delivered, Read, Redacted uint64
	Failed, Expired, Suppressed, Unknown, Rejected, Repeated   uint64
}

// Funnel counts all messages; tenant "" means all tenants.
func (d *DB) Funnel(ctx context.Context, tenant string) (f Funnel, err error) {
	err = d.row(ctx, "ask for the funnel", `SELECT
    countIf(state != 'repeated' AND (state != 'rejected' OR routed_at IS NOT NULL)), countIf(routed_at IS NOT NULL AND state != 'repeated'),
    countIf(claimed_at IS NOT NULL),
    countIf(sent_at IS NOT NULL OR state IN ('sent', 'delivered', 'read', 'played')),
    countIf(delivered_at IS NOT NULL OR state IN ('delivered', 'read', 'played')),
    countIf(read_at IS NOT NULL OR state IN ('read', 'played')), countIf(redacted_at IS NOT NULL),
    countIf(state = 'failed'), countIf(state = 'expired'), countIf(state = 'suppressed'), countIf(state = 'unknown'),
    countIf(state = 'rejected'), sum(repeats)
FROM messages FINAL WHERE tenant_id = ? OR ? = ''`, []any{tenant, tenant},
		&f.Accepted, &f.Routed, &f.Claimed, &f.Sent, &f.Delivered, &f.Read, &f.Redacted,
		&f.Failed, &f.Expired, &f.Suppressed, &f.Unknown, &f.Rejected, &f.Repeated)
	return f, err
}

// Hop is the time messages took from one step to the next.
type Hop struct {
	From, To      string
	Messages      uint64
	P50, P95, P99 time.Duration
}

// Latency measures each hop over all messages: accepted → routed → claimed → sent → delivered, and from the end of the
// diagnostic window to redacted. Meta gives callbacks whole seconds, so sent → delivered may come out below zero.
func (d *DB) Latency(ctx context.Context) ([]Hop, error) {
	return list(ctx, d, "ask for latencies", `SELECT hop.1, hop.2, count(), quantile(0.5)(hop.3), quantile(0.95)(hop.3), quantile(0.99)(hop.3)
FROM
(
    SELECT arrayJoin([
        ('accepted', 'routed', dateDiff('microsecond', accepted_at, routed_at), 1),
        ('routed', 'claimed', dateDiff('microsecond', routed_at, claimed_at), 2),
        ('claimed', 'sent', dateDiff('microsecond', claimed_at, sent_at), 3),
        ('sent', 'delivered', dateDiff('microsecond', sent_at, delivered_at), 4),
        ('due', 'redacted', dateDiff('microsecond', redaction_due_at, redacted_at), 5)]) AS hop
    FROM messages FINAL WHERE state != 'repeated'
)
WHERE hop.3 IS NOT NULL
GROUP BY hop.1, hop.2, hop.4 ORDER BY hop.4`, nil, func(rows driver.Rows, h *Hop) error {
		var p50, p95, p99 float64
		err := rows.Scan(&h.From, &h.To, &h.Messages, &p50, &p95, &p99)
		h.P50, h.P95, h.P99 = microseconds(p50), microseconds(p95), microseconds(p99)
		return err
	})
}

func microseconds(f float64) time.Duration { return time.Duration(f * float64(time.Microsecond)) }

// Failure counts messages that ended in one state for one reason.
type Failure struct {
	State, Reason string
	ErrorCode     int32 // of Meta, 0 for none
	Messages      uint64
}

// Failures counts what was not sent, the most frequent first.
func (d *DB) Failures(ctx context.Context) ([]Failure, error) {
	return list(ctx, d, "ask for failures", `SELECT state, reason, error_code, count() AS messages FROM messages FINAL
WHERE state IN ('failed', 'expired', 'suppressed', 'unknown', 'rejected')
GROUP BY state, reason, error_code ORDER BY messages DESC, state, reason, error_code`, nil, func(rows driver.Rows, f *Failure) error {
		return rows.Scan(&f.State, &f.Reason, &f.ErrorCode, &f.Messages)
	})
}

// Step is one event in a message's time line.
type Step struct {
	AcceptedAt time.Time // of the send it belongs to
	At         time.Time
	Wait       time.Duration // since the step before, of the same send
	Kind       string
	Attempt    uint16
	Detail     string
	Stage      string
	Reason     string
	SenderID   string
	ErrorCode  int32
	LatencyUS  int64
}

// Trace returns what happened to a message, in order of time, send by send.
func (d *DB) Trace(ctx context.Context, tenant, message string) ([]Step, error) {
	steps, err := list(ctx, d, "trace a message", `SELECT accepted_at, at, toString(kind), attempt, detail, stage, reason, sender_id, error_code, latency_us
FROM events FINAL WHERE tenant_id = ? AND message_id = ? ORDER BY accepted_at, at, kind, attempt, detail`, []any{tenant, message},
		func(rows driver.Rows, s *Step) error {
			return rows.Scan(&s.AcceptedAt, &s.At, &s.Kind, &s.Attempt, &s.Detail, &s.Stage, &s.Reason, &s.SenderID, &s.ErrorCode, &s.LatencyUS)
		})
	for i := range steps {
		if i == 0 || !steps[i].AcceptedAt.Equal(steps[i-1].AcceptedAt) {
			steps[i].Wait = steps[i].At.Sub(steps[i].AcceptedAt)
		} else {
			steps[i].Wait = steps[i].At.Sub(steps[i-1].At)
		}
	}
	return steps, err
}

// row asks for one row.
func (d *DB) row(ctx context.Context, op, sql string, args []any, into ...any) error {
	if err := d.conn.QueryRow(ctx, sql, args...).Scan(into...); err != nil {
		return classify(op, err)
	}
	return nil
}

// list asks for rows and scans each.
func list[T any](ctx context.Context, d *DB, op, sql string, args []any, scan func(driver.Rows, *T) error) ([]T, error) {
	rows, err := d.conn.Query(ctx, sql, args...)
	if err != nil {
		return nil, classify(op, err)
	}
	defer rows.Close()
	var out []T
	for rows.Next() {
		var v T
		if err := scan(rows, &v); err != nil {
			return nil, classify(op, err)
		}
		out = append(out, v)
	}
	if err := rows.Err(); err != nil {
		return nil, classify(op, err)
	}
	return out, nil
}
