package clickhouse

import (
	"context"
	_ "embed"
	"fmt"
	"strings"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
)

// comparedSends and comparedEvents bound one comparison, and with it the statement (256 KiB at most) and the memory.
const (
	comparedSends  = 2000
	comparedEvents = 20_000
)

// sendKey is the identity of a send, and eventKey that of an event, as the table has them.
type (
	sendKey struct {
		tenant, message string
		accepted        int64 // Unix microseconds
	}
	eventKey struct {
		sendKey
		kind    string
		attempt int32
		detail  string
	}
)

func sendOf(e *schemas.Event) sendKey {
	return sendKey{e.TenantID, e.MessageID, orEpoch(e.AcceptedAt).UnixMicro()}
}

func eventOf(e *schemas.Event) eventKey {
	return eventKey{sendOf(e), string(e.Kind), e.Attempt, e.Detail}
}

// literal is the key as a statement compares it with (tenant_id, accepted_at, message_id): of literals only, so that the
// engine reads a list of them as one.
func (k sendKey) literal() ch.GroupSet {
	at := time.UnixMicro(k.accepted).UTC().Format("2006-01-02 15:04:05.000000")
	return ch.GroupSet{Value: []any{k.tenant, at, k.message}}
}

// Comparison holds events, each once, until enough are there to be looked for in the table. Not safe for concurrent use.
type Comparison struct {
	db      *DB
	deleted *graveyard
	events  map[eventKey]schemas.Event
	sends   map[sendKey]bool
}

// NewComparison returns an empty comparison.
func NewComparison(db *DB) *Comparison {
	c := &Comparison{db: db, deleted: &graveyard{db: db}}
	c.reset()
	return c
}

func (c *Comparison) reset() { c.events, c.sends = map[eventKey]schemas.Event{}, map[sendKey]bool{} }

// Add takes an event, and reports whether it is time to call Missing.
func (c *Comparison) Add(e *schemas.Event) (full bool) {
	c.events[eventOf(e)], c.sends[sendOf(e)] = *e, true
	return len(c.sends) >= comparedSends || len(c.events) >= comparedEvents
}

// Missing returns which of the events added since the last call the table does not hold though no deletion removed them,
// and which it holds more than once though read with FINAL.
func (c *Comparison) Missing(ctx context.Context) (missing, doubled []schemas.Event, err error) {
	defer c.reset()
	if len(c.events) == 0 {
		return nil, nil, nil
	}
	var sends []ch.GroupSet
	for k := range c.sends {
		sends = append(sends, k.literal())
	}
	type row struct {
		key eventKey
		n   uint64
	}
	held, err := list(ctx, c.db, "compare events", `SELECT tenant_id, message_id, accepted_at, toString(kind), attempt, detail, count()
FROM events FINAL WHERE (tenant_id, accepted_at, message_id) IN (?)
GROUP BY tenant_id, message_id, accepted_at, kind, attempt, detail`, []any{sends}, func(rows driver.Rows, r *row) error {
		var at time.Time
		var attempt uint16
		err := rows.Scan(&r.key.tenant, &r.key.message, &at, &r.key.kind, &attempt, &r.key.detail, &r.n)
		r.key.accepted, r.key.attempt = at.UnixMicro(), int32(attempt)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	for _, r := range held {
		e, ours := c.events[r.key]
		if ours && r.n > 1 {
			doubled = append(doubled, e)
		}
		delete(c.events, r.key)
	}
	deleted, err := c.deleted.read(ctx)
	for _, e := range c.events {
		if err == nil && !deleted.cover(&e) {
			missing = append(missing, e)
		}
	}
	return missing, doubled, err
}

// Restore inserts events that are missing. It does so under a token of its own: the one under which they were inserted at
// first may still be known, and would make this look like a repeat.
func (d *DB) Restore(ctx context.Context, events []schemas.Event) error {
	now := time.Now().UnixNano()
	return Events(d).Write(ctx, pipeline.Span{Topic: "reconcile", First: now, Next: now + int64(len(events))}, events)
}

//go:embed reconcile.sql
var totals string

// Total is one figure of one hour that differs between two tables of which one is computed from the other.
type Total struct {
	Hour     time.Time
	Figure   string // messages, sent, delivered, read, redacted, attempts, billable
	Table    string // that differs: messages from events, delivery_hourly from messages
	Have     int64
	Expected int64
}

// String names the difference.
func (t Total) String() string {
	return fmt.Sprintf("%s of %s in %s: %d, should be %d", t.Figure, t.Hour.UTC().Format("2006-01-02 15:04"), t.Table, t.Have, t.Expected)
}

// Totals compares, hour by hour of acceptance from a time on, messages with the sends of events, and the roll-up with
// messages. Moving hours, in which something came after the last refresh, are counted and not compared.
func (d *DB) Totals(ctx context.Context, from time.Time) (differ []Total, moving int, err error) {
	type hour struct {
		Total
		moving bool
	}
	hours, err := list(ctx, d, "compare totals", totals, []any{from.UTC(), from.UTC(), from.UTC(), from.UTC()}, func(rows driver.Rows, h *hour) error {
		return rows.Scan(&h.Hour, &h.Table, &h.Figure, &h.Have, &h.Expected, &h.moving)
	})
	seen := map[time.Time]bool{}
	for _, h := range hours {
		switch {
		case !h.moving:
			differ = append(differ, h.Total)
		case !seen[h.Hour]:
			seen[h.Hour] = true
			moving++
		}
	}
	return differ, moving, err
}

// Recompute has the derived tables of an hour of acceptance computed anew by the next refresh, from the events as they are.
// What is being deleted is left out, so that it does not come back.
func (d *DB) Recompute(ctx context.Context, hour time.Time) error {
	var columns []string
	for _, c := range eventsTable().columns {
		columns = append(columns, "`"+c.name+"`")
	}
	names := strings.Join(columns, ", ")
	return d.exec(ctx, "touch the events of an hour", wholeInserts, "INSERT INTO events ("+names+") SELECT "+names+
		" FROM events FINAL WHERE accepted_at >= ? AND accepted_at < ?"+
		" AND (tenant_id, message_id, accepted_at) NOT IN (SELECT tenant_id, message_id, accepted_at FROM tombstones WHERE message_id != '')",
		hour.UTC(), hour.UTC().Add(time.Hour))
}
