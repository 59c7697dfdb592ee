// Command bench measures the speed floors: separate processes on a real Apache Kafka broker and the real ClickHouse engine,
// all on this machine. Its arguments choose parts; without any all run, in this order:
//
//	stages     each stage catches up alone on a filled topic
//	redact     redact catches up while a million copies are within their window
//	whole      the whole pipeline with the simulator and its callbacks
//	parallel   deliver's keyed loop with claims, many in flight against one
//	ceiling    one tenant, so one process of deliver, limits off
//	rate       deliver at both of Meta's limits, from a filled routed
//	isolation  what a stopped, a slow and a throttled sender do to the others
//	latency    from a request's acknowledgement to its call's first byte
//	memory     a million parked messages
//	record     record on twelve partitions of one process, and how fresh ClickHouse is at a steady rate
//	views      the views on ten million events, and their size on disk
//
// One more runs only when it is named: recordfaults, record's fault suite against ground truth.
// It prints one table last and exits with 1 when a bound is missed.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"text/tabwriter"
	"time"
)

// The floors, on two cores, and the most memory of each process.
const (
	validateFloor = 40_000
	routeFloor    = 50_000
	recordFloor   = 70_000
	wholeFloor    = 1_000
	mostRSS       = 200 << 20 // with a million messages or copies that a process keeps
)

// figure is one line of the table.
type figure struct {
	what    string
	rate    float64       // records a second, unless unit says otherwise
	unit    string        // "": records/s
	floor   float64       // 0: none
	ceiling float64       // 0: none
	cpu     time.Duration // of a record
	rss     int64         // bytes, the peak; 0: not measured
	comment string
}

func (f *figure) missed() bool {
	return f.rate < f.floor || (f.ceiling > 0 && f.rate > f.ceiling) || f.rss > mostRSS
}

// sizes are how much each part does.
type sizes struct{ stages, whole, sent, parked, record, views int }

// part is one thing that can be measured.
type part struct {
	name string
	run  func(*world, context.Context, sizes) ([]figure, error)
}

// parts are all of them, in the order in which they run.
var parts = []part{
	{"stages", func(w *world, ctx context.Context, n sizes) ([]figure, error) { return w.stages(ctx, n.stages) }},
	{"redact", func(w *world, ctx context.Context, n sizes) ([]figure, error) { return w.redact(ctx, n.stages) }},
	{"whole", func(w *world, ctx context.Context, n sizes) ([]figure, error) { return w.whole(ctx, n.whole) }},
	{"parallel", func(w *world, ctx context.Context, _ sizes) ([]figure, error) { return w.parallel(ctx) }},
	{"ceiling", func(w *world, ctx context.Context, n sizes) ([]figure, error) { return w.ceiling(ctx, n.sent) }},
	{"rate", func(w *world, ctx context.Context, _ sizes) ([]figure, error) { return w.rate(ctx) }},
	{"isolation", func(w *world, ctx context.Context, _ sizes) ([]figure, error) { return w.isolation(ctx) }},
	{"latency", func(w *world, ctx context.Context, _ sizes) ([]figure, error) { return w.latency(ctx) }},
	{"memory", func(w *world, ctx context.Context, n sizes) ([]figure, error) { return w.memory(ctx, n.parked) }},
	{"record", func(w *world, ctx context.Context, n sizes) ([]figure, error) { return w.record(ctx, n.record) }},
	{"views", func(w *world, ctx context.Context, n sizes) ([]figure, error) { return w.views(ctx, n.views) }},
	{recordFaults, func(w *world, ctx context.Context, n sizes) ([]figure, error) {
		return nil, w.faults(ctx, n.record, 24)
	}},
}

// recordFaults is no figure, so it runs only when named.
const recordFaults = "recordfaults"

func main() {
	var n sizes
	flag.IntVar(&n.stages, "n", 400_000, "records for each stage")
	flag.IntVar(&n.whole, "whole", 20_000, "messages for the whole pipeline")
	flag.IntVar(&n.sent, "sent", 1_000_000, "messages of one tenant as fast as they go")
	flag.IntVar(&n.parked, "parked", 1_000_000, "parked messages")
	flag.IntVar(&n.record, "events", 1_000_000, "events for record and its faults")
	flag.IntVar(&n.views, "viewed", 10_000_000, "events under the views")
	keep := flag.Bool("keep", false, "keep the folder with the logs")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	figures, err := run(ctx, flag.Args(), n, *keep)
	missed := show(figures)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
	if missed || err != nil {
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, chosen []string, n sizes, keep bool) (figures []figure, err error) {
	for _, name := range chosen {
		if !slices.ContainsFunc(parts, func(p part) bool { return p.name == name }) {
			return nil, fmt.Errorf("there is no part %q", name)
		}
	}
	w, err := newWorld(ctx)
	if err != nil {
		return nil, err
	}
	defer w.close(keep)
	for _, p := range parts {
		if len(chosen) > 0 && !slices.Contains(chosen, p.name) || len(chosen) == 0 && p.name == recordFaults {
			continue
		}
		some, err := p.run(w, ctx, n)
		figures = append(figures, some...)
		if err != nil {
			return figures, fmt.Errorf("%s: %w", p.name, err)
		}
	}
	return figures, nil
}

// show prints the table and reports whether a bound was missed.
func show(figures []figure) (missed bool) {
	table := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(table, "\nwhat\tmeasured\tunit\tbound\tCPU µs/record\tpeak RSS MiB\t\t")
	for _, f := range figures {
		unit, bound, cpu, rss, verdict := "records/s", "", "", "", f.comment
		if f.unit != "" {
			unit = f.unit
		}
		switch {
		case f.floor > 0:
			bound, verdict = fmt.Sprintf(">= %.4g", f.floor), "ok "+f.comment
		case f.ceiling > 0:
			bound, verdict = fmt.Sprintf("<= %.4g", f.ceiling), "ok "+f.comment
		}
		if f.cpu > 0 {
			cpu = fmt.Sprintf("%.1f", float64(f.cpu)/float64(time.Microsecond))
		}
		if f.rss > 0 {
			rss = fmt.Sprintf("%d", f.rss>>20)
		}
		if f.missed() {
			missed, verdict = true, "MISSED "+f.comment
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", f.what, digits(f.rate), unit, bound, cpu, rss, verdict)
	}
	_ = table.Flush()
	return missed
}

func digits(v float64) string {
	if v < 100 {
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}
