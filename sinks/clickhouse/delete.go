package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// DeletionSettles is how long a statement that began before a tombstone was written may still bring rows in.
const DeletionSettles = overlap

// Subject is a person as one tenant's rows know them, and until when what was accepted is theirs to have deleted.
type Subject struct {
	TenantID string
	Refs     [][]byte // 16 bytes each, one per alias
	Through  time.Time
}

// What a deletion finds.
var (
	errCameBack = errors.New("clickhouse: rows of the subject came in while it was deleted; delete again")
	errMutation = errors.New("clickhouse: a mutation that deletes rows fails (system.mutations says why)")
)

// literal is a condition on the subject's rows that names the refs. The server keeps statements in its logs and mutations
// beside the parts, so nothing but unlogged questions may bear it.
func (s Subject) literal() string {
	refs := make([]string, len(s.Refs))
	for i, r := range s.Refs {
		refs[i] = fmt.Sprintf("toFixedString(unhex('%x'), 16)", r)
	}
	return "tenant_id = ? AND accepted_at <= toDateTime64(?, 6, 'UTC') AND recipient_ref IN (" + strings.Join(refs, ", ") + ")"
}

// ofRefs is a condition on the same rows by the subject's tombstones.
const ofRefs = `tenant_id = ? AND accepted_at <= toDateTime64(?, 6, 'UTC') AND recipient_ref IN
(SELECT recipient_ref FROM tombstones WHERE tenant_id = ? AND message_id = '' AND deleted_through = toDateTime64(?, 6, 'UTC'))`

// args are those of literal, and twice those of ofRefs.
func (s Subject) args() []any {
	return []any{s.TenantID, exactly(s.Through)}
}

// exactly is a time as toDateTime64(?, 6, 'UTC') takes it: the driver cuts one that it is given to whole seconds.
func exactly(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000000") }

// ofSends is a condition on the sends that tombstones of a tenant name.
const ofSends = "tenant_id = ? AND (accepted_at, message_id) IN (SELECT accepted_at, message_id FROM tombstones WHERE tenant_id = ? AND message_id != '')"

// SubjectSends counts the sends of a subject that the tables hold.
func (d *DB) SubjectSends(ctx context.Context, s Subject) (n uint64, err error) {
	ctx = ch.Context(ctx, ch.WithSettings(ch.Settings{"log_queries": 0}))
	err = d.row(ctx, "count a subject's sends", `SELECT uniqExact(accepted_at, message_id) FROM
(SELECT accepted_at, message_id FROM events WHERE `+s.literal()+` UNION ALL SELECT accepted_at, message_id FROM messages WHERE `+s.literal()+")",
		append(s.args(), s.args()...), &n)
	return n, err
}

// DeleteSubject deletes all rows of the subject's sends from events, messages and repeats, and takes them out of the
// roll-up. Tombstones come first (as data, no
// statement names a ref); then it waits, for what began before them (DeletionSettles). It may be repeated, and must
// be after an error. Old parts keep the bytes for old_parts_lifetime more (8 minutes unless the server says otherwise).
func (d *DB) DeleteSubject(ctx context.Context, s Subject, wait time.Duration) error {
	if err := d.bury(ctx, s); err != nil {
		return err
	}
	select {
	case <-time.After(wait):
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := d.bury(ctx, s); err != nil { // what came in meanwhile
		return err
	}
	sends := []any{s.TenantID, s.TenantID}
	rows := slices.Concat(s.args(), s.args(), sends)
	for _, table := range []string{"events", "messages"} {
		sql := "ALTER TABLE " + table + " DELETE WHERE " + ofRefs + " OR " + ofSends
		if err := d.mutate(ctx, table, sql, rows...); err != nil {
			return err
		}
	}
	err := d.mutate(ctx, "repeats", "ALTER TABLE repeats DELETE WHERE tenant_id = ? AND message_id IN (SELECT message_id FROM tombstones WHERE tenant_id = ?)", sends...)
	if err != nil {
		return err
	}
	if err := d.uncount(ctx, s.TenantID); err != nil {
		return err
	}
	left, err := d.SubjectSends(ctx, s)
	if err == nil && left > 0 {
		err = errCameBack
	}
	return err
}

// bury writes the tombstones of a subject, and of the sends that are known to be theirs.
func (d *DB) bury(ctx context.Context, s Subject) error {
	refs := newTarget(d, table[[]byte]{name: "tombstones", columns: []column[[]byte]{
		values("tenant_id", lowCardinality, func(*[]byte) string { return s.TenantID }),
		values("recipient_ref", ref, func(r *[]byte) []byte { return *r }),
		values("deleted_through", micros, func(*[]byte) time.Time { return s.Through.UTC() }),
	}})
	if err := refs.insert(ctx, fmt.Sprintf("tombstones/%d", time.Now().UnixNano()), whole[[]byte](s.Refs)); err != nil {
		return err
	}
	through := s.args()[1]
	return d.exec(ctx, "write tombstones of sends", wholeInserts, `INSERT INTO tombstones (tenant_id, message_id, accepted_at, deleted_through)
SELECT DISTINCT tenant_id, message_id, accepted_at, toDateTime64(?, 6, 'UTC') FROM events
WHERE `+ofRefs+" AND message_id NOT IN ('', 'unknown')", slices.Concat([]any{through}, s.args(), s.args())...)
}

// uncount computes anew the hours of what was deleted, and empties those of which no message is left.
func (d *DB) uncount(ctx context.Context, tenant string) error {
	hours, err := list(ctx, d, "look for hours of what was deleted", `SELECT DISTINCT toStartOfHour(toDateTime(accepted_at, 'UTC')) AS hour
FROM tombstones WHERE tenant_id = ? AND message_id != '' AND written_at >= now() - INTERVAL 1 DAY ORDER BY hour`, []any{tenant},
		func(rows driver.Rows, hour *time.Time) error { return rows.Scan(hour) })
	if err != nil || len(hours) == 0 {
		return err
	}
	if err := d.replaceHours(ctx, hours); err != nil {
		return err
	}
	var in []string
	for _, h := range hours {
		in = append(in, fmt.Sprintf("toDateTime(%d, 'UTC')", h.Unix()))
	}
	return d.mutate(ctx, "delivery_hourly", "ALTER TABLE delivery_hourly DELETE WHERE hour IN ("+strings.Join(in, ", ")+
		") AND hour NOT IN (SELECT toStartOfHour(toDateTime(accepted_at, 'UTC')) FROM messages)")
}

// mutate runs a mutation and waits until the table has none left to do.
func (d *DB) mutate(ctx context.Context, table, sql string, args ...any) error {
	if err := d.exec(ctx, "delete from "+table, ch.Settings{"mutations_sync": 0, "allow_nondeterministic_mutations": 1}, sql, args...); err != nil {
		return err
	}
	for {
		var open, failing uint64
		err := d.row(ctx, "ask for mutations", `SELECT count(), countIf(latest_fail_reason != '') FROM system.mutations
WHERE database = currentDatabase() AND table = ? AND NOT is_done`, []any{table}, &open, &failing)
		switch {
		case err != nil:
			return err
		case failing > 0:
			return errMutation
		case open == 0:
			return nil
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
