package clickhouse

import (
	"context"
	"sync"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/whatsapplink/cloud/schemas"
)

// tombstones say what deletions removed. They are not changed once read.
type tombstones struct {
	written time.Time // of the newest
	rows    uint64    // of the table, so that those past their retention are let go
	refs    map[tombstone]time.Time
	sends   map[sendKey]bool
}

// tombstone is one recipient of one tenant.
type tombstone struct{ tenant, ref string }

// cover reports whether an event tells of what was deleted: by its ref, or, since callbacks bear none, by its send.
func (t *tombstones) cover(e *schemas.Event) bool {
	_, ok := t.byRef(e)
	return ok || t.bySend(e)
}

func (t *tombstones) bySend(e *schemas.Event) bool { return len(t.sends) > 0 && t.sends[sendOf(e)] }

// byRef returns until when what was accepted for the recipient of an event is deleted, if the event is part of that.
func (t *tombstones) byRef(e *schemas.Event) (through time.Time, ok bool) {
	through, ok = t.refs[tombstone{e.TenantID, string(e.RecipientRef)}]
	return through, ok && !e.AcceptedAt.After(through)
}

// grave is a tombstone of one send.
type grave struct {
	sendKey
	through time.Time
}

// graves are those of sends that were deleted before they came, and are left out for their ref: their callbacks, which come
// after it, bear none.
type graves map[sendKey]time.Time

func (g graves) chunks(yield func([]grave) error) error {
	var all []grave
	for k, through := range g {
		all = append(all, grave{k, through})
	}
	return yield(all)
}

func gravesTable() table[grave] {
	return table[grave]{name: "tombstones", columns: []column[grave]{
		values("tenant_id", lowCardinality, func(g *grave) string { return g.tenant }),
		values("message_id", "String", func(g *grave) string { return g.message }),
		values("accepted_at", micros, func(g *grave) time.Time { return time.UnixMicro(g.accepted).UTC() }),
		values("deleted_through", micros, func(g *grave) time.Time { return g.through }),
	}}
}

// graveyard reads tombstones when there are others than before. Safe for concurrent use.
type graveyard struct {
	db    *DB
	mu    sync.Mutex
	known *tombstones
}

// read returns the tombstones as they stand now.
func (g *graveyard) read(ctx context.Context) (*tombstones, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := &tombstones{refs: map[tombstone]time.Time{}, sends: map[sendKey]bool{}}
	err := g.db.row(ctx, "ask for tombstones", "SELECT max(written_at), count() FROM tombstones", nil, &now.written, &now.rows)
	if err != nil {
		return nil, err
	}
	if g.known != nil && g.known.rows == now.rows && g.known.written.Equal(now.written) {
		return g.known, nil
	}
	type row struct {
		tombstone
		sendKey
		through time.Time
	}
	all, err := list(ctx, g.db, "read tombstones", "SELECT tenant_id, recipient_ref, message_id, accepted_at, deleted_through FROM tombstones FINAL", nil,
		func(rows driver.Rows, r *row) error {
			var at time.Time
			err := rows.Scan(&r.sendKey.tenant, &r.ref, &r.message, &at, &r.through)
			r.accepted, r.tombstone.tenant = at.UnixMicro(), r.sendKey.tenant
			return err
		})
	if err != nil {
		return nil, err
	}
	for _, r := range all {
		if r.message == "" {
			now.refs[r.tombstone] = r.through
		} else {
			now.sends[r.sendKey] = true
		}
	}
	g.known = now
	return now, nil
}
