package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/whatsapplink/cloud/sinks/cloudapi/simulator"
)

// report prints, from ClickHouse, the funnel, the latency of each hop and the failures by reason.
func (w *world) report(ctx context.Context, out io.Writer) error {
	f, err := w.db.Funnel(ctx, "")
	if err != nil {
		return err
	}
	c, err := w.db.Conservation(ctx)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintln(out, "\nfunnel, in messages (a request published twice is one):")
	table := tabwriter.NewWriter(out, 0, 4, 2, ' ', tabwriter.AlignRight)
	for _, row := range []struct {
		name string
		n    uint64
	}{
		{"accepted", f.Accepted}, {"routed", f.Routed}, {"claimed", f.Claimed}, {"sent", f.Sent}, {"delivered", f.Delivered}, {"read", f.Read},
		{"redacted", f.Redacted}, {"failed", f.Failed}, {"expired", f.Expired}, {"suppressed", f.Suppressed}, {"unknown", f.Unknown},
		{"rejected", f.Rejected}, {"repeated", c.Repeated},
	} {
		_, _ = fmt.Fprintf(table, "  %s\t%d\t\n", row.name, row.n)
	}
	_ = table.Flush()

	hops, err := w.db.Latency(ctx)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintln(out, "\nlatency per hop:")
	_, _ = fmt.Fprintln(table, "  hop\tmessages\tp50\tp95\tp99\t")
	for _, h := range hops {
		_, _ = fmt.Fprintf(table, "  %s → %s\t%d\t%s\t%s\t%s\t\n", h.From, h.To, h.Messages, milli(h.P50), milli(h.P95), milli(h.P99))
	}
	_ = table.Flush()

	failures, err := w.db.Failures(ctx)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintln(out, "\nfailures by reason:")
	left := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	_, _ = fmt.Fprintln(left, "  STATE\tREASON\tCODE\tMESSAGES")
	for _, x := range failures {
		_, _ = fmt.Fprintf(left, "  %s\t%s\t%s\t%d\n", x.State, x.Reason, number(int64(x.ErrorCode)), x.Messages)
	}
	return left.Flush()
}

func milli(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}

// check prints the reconciliation and the scans, and notes every guarantee that was not kept.
func (w *world) check(ctx context.Context, p *plan, missed *shortfalls, out io.Writer) error {
	c, err := w.db.Conservation(ctx)
	if err != nil {
		return err
	}
	published := uint64(p.published)
	_, _ = fmt.Fprintf(out, "\nreconciliation, in requests:\n  published %d = accepted %d + rejected %d\n  accepted %d = final states %d + repeated %d (open %d)\n",
		published, c.Accepted, c.Rejected, c.Accepted, c.FinalSends(), c.Repeated, c.Open)
	missed.expect(published == c.Accepted+c.Rejected, "published %d, accepted + rejected %d", published, c.Accepted+c.Rejected)
	missed.expect(c.Accepted == c.FinalSends()+c.Repeated && c.Open == 0, "accepted %d, final + repeated %d, open %d", c.Accepted, c.FinalSends()+c.Repeated, c.Open)
	missed.expect(c.Repeated == uint64(p.repeats), "repeated %d, planted %d", c.Repeated, p.repeats)
	if err := w.checkEvents(ctx, missed, out); err != nil {
		return err
	}
	if err := w.checkReasons(ctx, p, missed); err != nil {
		return err
	}
	if err := w.checkLedger(ctx, missed, out); err != nil {
		return err
	}
	return w.checkCanaries(ctx, p, missed, out)
}

// checkEvents reconciles the topic events with their table, event by event, as wlctl reconcile does.
func (w *world) checkEvents(ctx context.Context, missed *shortfalls, out io.Writer) error {
	r := reconciliation{o: w.operator, db: w.db, found: func(difference) error { return nil }, named: map[string]bool{}}
	if err := r.events(ctx, time.Unix(0, 0)); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "  events in their topic %d: missing %d, doubled %d in ClickHouse\n", r.compared, r.missing, r.doubled)
	missed.expect(r.compared > 0 && r.missing+r.doubled == 0, "of %d events %d are missing and %d doubled in ClickHouse", r.compared, r.missing, r.doubled)
	return nil
}

// checkReasons holds the rejections against the planted bad records: each once, by its reason, and no other.
func (w *world) checkReasons(ctx context.Context, p *plan, missed *shortfalls) error {
	failures, err := w.db.Failures(ctx)
	if err != nil {
		return err
	}
	counted := map[string]uint64{}
	for _, f := range failures {
		if f.State == "rejected" {
			counted[f.Reason] += f.Messages
		}
	}
	for reason, n := range p.bad {
		missed.expect(counted[reason] == uint64(n), "rejected for %s: %d, planted %d", reason, counted[reason], n)
		delete(counted, reason)
	}
	for reason, n := range counted {
		missed.expect(false, "rejected for %s: %d, none planted", reason, n)
	}
	return nil
}

// checkLedger holds the simulator's ledger against the promise that no message is sent twice, and against ClickHouse.
func (w *world) checkLedger(ctx context.Context, missed *shortfalls, out io.Writer) error {
	if w.simulator == nil {
		_, err := fmt.Fprintln(out, "  sent twice: not counted, the Cloud API is not the simulator")
		return err
	}
	counts := w.simulator.Counts()
	f, err := w.db.Funnel(ctx, "")
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "  sent twice %d (of %d accepted by the simulator)\n", counts.Doubles, counts.Accepted)
	missed.expect(counts.Doubles == 0, "%d messages were sent twice", counts.Doubles)
	missed.expect(len(counts.LimitErrors) == 0, "limit errors: %v", counts.LimitErrors)
	missed.expect(len(counts.Violations) == 0, "requests that Meta would refuse: %v", counts.Violations)
	missed.expect(int(f.Delivered) == w.calledBack(), "delivered in ClickHouse %d, at the simulator %d", f.Delivered, w.calledBack())
	missed.expect(int(f.Read) == counts.Fates[simulator.FateRead], "read in ClickHouse %d, at the simulator %d", f.Read, counts.Fates[simulator.FateRead])
	return nil
}

// checkCanaries scans topics, tables, logs, metrics and the demo's folder, in which the embedded engine keeps its parts, for
// what was planted in contents and recipients.
func (w *world) checkCanaries(ctx context.Context, p *plan, missed *shortfalls, out io.Writer) error {
	found, scanned, err := p.canaries.topics(ctx, w.operator.process.Cluster)
	if err != nil {
		return err
	}
	tables, err := p.canaries.tables(ctx, w.db)
	if err != nil {
		return err
	}
	found = append(found, tables...)
	if p.canaries.in(w.logs.bytes()) {
		found = append(found, "logs")
	}
	metrics, err := w.metrics()
	if err != nil {
		return err
	}
	if p.canaries.in(metrics) {
		found = append(found, "metrics")
	}
	files, err := p.canaries.Files(w.dir, "")
	if err != nil {
		return err
	}
	found = append(found, slices.Sorted(maps.Keys(files.Hits))...)
	_, _ = fmt.Fprintf(out, "  canaries found downstream %d (in %d records of all topics but requests, all tables, logs, metrics, %d files on disk, %d of them columns that were decompressed)\n",
		len(found), scanned, files.Files, files.Columns)
	missed.expect(len(found) == 0, "canaries in %s", strings.Join(found, ", "))
	missed.expect(scanned > p.published, "only %d records were scanned", scanned)
	missed.expect(files.Columns > 0 || w.engine == nil, "no column of ClickHouse was scanned on disk")
	return nil
}
