package clickhouse

import (
	"context"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Conservation is the law of the pipeline, counted: published = Accepted + Rejected, Accepted = final + Repeated + Open.
// Accepted, Rejected and Repeated are requests, told apart by their coordinates; Final and Open are sends.
type Conservation struct {
	Accepted, Rejected, Repeated, Open uint64
	Final                              map[string]uint64 // by state, of sends whose request was accepted
}

// FinalSends is the sum of Final.
func (c Conservation) FinalSends() (n uint64) {
	for _, v := range c.Final {
		n += v
	}
	return n
}

// Balanced reports whether every accepted request is accounted for.
func (c Conservation) Balanced() bool { return c.Accepted == c.FinalSends()+c.Repeated+c.Open }

// Conservation counts from events FINAL, not from the derived tables, so that it checks them too. Where accepted and
// rejected (by validate) stand for the same coordinates, accepted counts.
func (d *DB) Conservation(ctx context.Context) (c Conservation, err error) {
	err = d.row(ctx, "count requests", `WITH accepted AS (SELECT DISTINCT detail FROM events FINAL WHERE kind = 'accepted')
SELECT (SELECT count() FROM accepted),
    uniqExactIf(detail, kind = 'rejected' AND stage = 'validate' AND detail NOT IN accepted),
    uniqExactIf(detail, kind = 'repeated')
FROM events FINAL WHERE kind IN ('rejected', 'repeated')`, nil, &c.Accepted, &c.Rejected, &c.Repeated)
	if err != nil {
		return c, err
	}
	type count struct {
		state string
		n     uint64
	}
	counts, err := list(ctx, d, "count sends", `SELECT state, count() FROM
(
    SELECT multiIf(
            countIf(kind = 'played') > 0, 'played', countIf(kind = 'read') > 0, 'read', countIf(kind = 'delivered') > 0, 'delivered',
            countIf(kind = 'failed') > 0, 'failed', countIf(kind = 'sent') > 0, 'sent', countIf(kind = 'suppressed') > 0, 'suppressed',
            countIf(kind = 'expired') > 0, 'expired', countIf(kind = 'unknown') > 0, 'unknown',
            countIf(kind = 'rejected' AND stage != 'validate') > 0, 'rejected',
            countIf(kind = 'accepted' AND detail NOT IN (SELECT detail FROM events WHERE kind = 'repeated')) = 0, '',
            'open') AS state
    FROM events FINAL
    WHERE kind NOT IN ('suspended', 'stopped', 'resumed')
    GROUP BY tenant_id, message_id, accepted_at
    HAVING countIf(kind = 'accepted') > 0
)
WHERE state != '' GROUP BY state`, nil, func(rows driver.Rows, v *count) error { return rows.Scan(&v.state, &v.n) })
	c.Final = map[string]uint64{}
	for _, v := range counts {
		if v.state == "open" {
			c.Open = v.n
		} else {
			c.Final[v.state] = v.n
		}
	}
	return c, err
}
