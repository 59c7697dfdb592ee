package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/boot"
	"github.com/whatsapplink/cloud/cmd/internal/wire"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/sinks/clickhouse"
)

type reconcileCmd struct {
	Since  time.Duration `default:"24h" help:"Compare what was appended to events within this time; the topic keeps 30 days."`
	Repair bool          `help:"Plan to insert what is missing and to compute anew what differs."`
	Apply  bool          `help:"With --repair: do it."`
	JSON   bool          `help:"JSON lines." name:"json"`
}

// Run compares the topic events with ClickHouse and names what differs: identities, never more. It exits 1 where
// something differs and was not repaired.
func (c *reconcileCmd) Run(ctx context.Context, s streams) error {
	if c.Apply && !c.Repair {
		return boot.Problem{Variable: "--apply", What: "is given without --repair"}
	}
	o, err := connected(ctx, s)
	if err != nil {
		return err
	}
	defer o.close()
	db, err := o.clickHouse()
	if err != nil {
		return err
	}
	if c.Apply {
		if err := o.audit(ctx, "events_repaired", ""); err != nil {
			return err
		}
	}
	r := reconciliation{o: o, db: db, apply: c.Apply, found: c.print(s.out), named: map[string]bool{}}
	from := time.Now().Add(-c.Since)
	if err := r.events(ctx, from); err != nil {
		return err
	}
	if err := r.totals(ctx, from); err != nil {
		return err
	}
	return r.conclude(s, c.Repair)
}

// difference is one thing that is not as it should be.
type difference struct {
	What       string    `json:"what"` // missing, doubled, total
	TenantID   string    `json:"tenant_id,omitempty"`
	MessageID  string    `json:"message_id,omitempty"`
	AcceptedAt time.Time `json:"accepted_at,omitzero"`
	Kind       string    `json:"kind,omitempty"`
	Attempt    int32     `json:"attempt,omitempty"`
	Detail     string    `json:"detail,omitempty"`
	Total      string    `json:"total,omitempty"`
}

// print returns what prints a difference as asked.
func (c *reconcileCmd) print(out io.Writer) func(difference) error {
	if c.JSON {
		encoder := json.NewEncoder(out)
		return func(d difference) error { return encoder.Encode(d) }
	}
	return func(d difference) error {
		if d.Total != "" {
			_, err := fmt.Fprintln(out, "differs:", d.Total)
			return err
		}
		_, err := fmt.Fprintf(out, "%s: %s %s accepted %s: %s attempt %d %s\n", d.What, d.TenantID, d.MessageID,
			d.AcceptedAt.UTC().Format(time.RFC3339Nano), d.Kind, d.Attempt, d.Detail)
		return err
	}
}

// reconciliation compares a span of the topic events with the table, some at a time.
type reconciliation struct {
	o     *operator
	db    *clickhouse.DB
	apply bool
	found func(difference) error
	named map[string]bool // missing events, each named once though several records tell of it

	compared, refused, waiting int64
	missing, doubled           int
	differ, moving             int // figures of totals, hours
	restored                   bool
}

// errWaiting ends a scan where record has not come yet.
var errWaiting = errors.New("not recorded yet")

// events compares what record has committed; what it has not is no difference yet.
func (r *reconciliation) events(ctx context.Context, from time.Time) error {
	cluster := r.o.process.Cluster
	topics, err := cluster.Topics(ctx)
	if err != nil {
		return err
	}
	committed, err := cluster.GroupOffsets(ctx, "wl.record", wire.EventsT)
	if err != nil {
		return err
	}
	comparison := clickhouse.NewComparison(r.db)
	for partition := range topics[wire.EventsT] {
		start, err := cluster.OffsetAt(ctx, wire.EventsT, partition, from)
		if err != nil {
			return err
		}
		first, end, err := cluster.Bounds(ctx, wire.EventsT, partition)
		if err != nil {
			return err
		}
		through, start := committed[wire.EventsT][partition], max(start, first)
		r.waiting += max(end-max(through, start), 0)
		if start >= through {
			continue
		}
		err = wire.Scan(ctx, cluster.Tail(wire.EventsT, partition, start), func(rec pipeline.Record) error {
			if rec.Offset >= through {
				return errWaiting
			}
			return r.record(ctx, comparison, rec)
		})
		if err != nil && !errors.Is(err, errWaiting) {
			return err
		}
	}
	return r.settle(ctx, comparison)
}

// record takes a record into the comparison, and settles it once it is full. What record refuses is not missed.
func (r *reconciliation) record(ctx context.Context, comparison *clickhouse.Comparison, rec pipeline.Record) error {
	e, err := schemas.Events.Decode(rec.Value)
	if err == nil {
		_, err = clickhouse.Admit(&e)
	}
	if err != nil {
		r.refused++
		return nil
	}
	r.compared++
	if comparison.Add(&e) {
		return r.settle(ctx, comparison)
	}
	return nil
}

func (r *reconciliation) settle(ctx context.Context, comparison *clickhouse.Comparison) error {
	missing, doubled, err := comparison.Missing(ctx)
	if err != nil {
		return err
	}
	for i := range doubled {
		r.doubled++
		if err := r.found(told("doubled", &doubled[i])); err != nil {
			return err
		}
	}
	for i := range missing {
		d := told("missing", &missing[i])
		name := fmt.Sprint(d)
		if r.named[name] {
			continue
		}
		r.named[name] = true
		r.missing++
		if err := r.found(d); err != nil {
			return err
		}
	}
	if !r.apply || len(missing) == 0 {
		return nil
	}
	r.restored = true
	return r.db.Restore(ctx, missing)
}

func told(what string, e *schemas.Event) difference {
	return difference{
		What: what, TenantID: e.TenantID, MessageID: e.MessageID, AcceptedAt: e.AcceptedAt, Kind: string(e.Kind), Attempt: e.Attempt, Detail: e.Detail,
	}
}

// totals compares the derived tables with the events, those just restored included, and computes anew what differs.
func (r *reconciliation) totals(ctx context.Context, from time.Time) error {
	if r.restored {
		if err := r.db.Refresh(ctx); err != nil {
			return err
		}
	}
	differ, moving, err := r.db.Totals(ctx, from)
	if err != nil {
		return err
	}
	r.differ, r.moving = len(differ), moving
	hours := map[time.Time]bool{}
	for _, t := range differ {
		hours[t.Hour] = true
		if err := r.found(difference{What: "total", Total: t.String()}); err != nil {
			return err
		}
	}
	if !r.apply || len(hours) == 0 {
		return nil
	}
	for hour := range hours {
		if err := r.db.Recompute(ctx, hour); err != nil {
			return err
		}
	}
	return r.db.Refresh(ctx)
}

// conclude says what was compared and what came of it; exit 1 where a difference stays.
func (r *reconciliation) conclude(s streams, repair bool) error {
	_, _ = fmt.Fprintf(s.err, "%d events compared: %d missing, %d doubled, %d totals differ (%d not recorded yet, %d refused by record, %d hours still moving)\n",
		r.compared, r.missing, r.doubled, r.differ, r.waiting, r.refused, r.moving)
	switch {
	case r.compared == 0 && r.waiting > 0:
		return errors.New("record has committed nothing of this span: nothing was compared (wlctl lag)")
	case r.missing+r.doubled+r.differ == 0:
		return nil
	case r.apply:
		_, _ = fmt.Fprintf(s.err, "%d events inserted, what differed computed anew: run again to see\n", r.missing)
		if r.doubled == 0 {
			return nil
		}
	case repair:
		_, _ = fmt.Fprintf(s.err, "plan: insert %d events, compute anew what differs; run again with --apply\n", r.missing)
	}
	return exit(1)
}
