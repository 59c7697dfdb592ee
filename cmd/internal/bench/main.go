// Command bench measures the speed floors: separate processes on a real Apache Kafka broker and the real ClickHouse engine,
// all on this machine. Each stage catches up alone on a filled topic, then the whole pipeline runs with the simulator and
// its callbacks. It prints one table last and exits with 1 when a floor is missed.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"text/tabwriter"
	"time"
)

// The floors, on two cores, and the most memory of each process.
const (
	validateFloor = 40_000
	routeFloor    = 50_000
	recordFloor   = 50_000
	wholeFloor    = 1_000
	mostRSS       = 300 << 20
)

// figure is one line of the table.
type figure struct {
	what    string
	rate    float64       // records a second
	floor   float64       // 0: none
	cpu     time.Duration // of a record
	rss     int64         // bytes, the peak; 0: not measured
	comment string
}

func (f *figure) missed() bool { return f.rate < f.floor || f.rss > mostRSS }

func main() {
	n := flag.Int("n", 400_000, "records for each stage")
	whole := flag.Int("whole", 20_000, "messages for the whole pipeline; 0 leaves it out")
	keep := flag.Bool("keep", false, "keep the folder with the logs")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	figures, err := run(ctx, *n, *whole, *keep)
	missed := show(figures)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
	}
	if missed || err != nil {
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, n, whole int, keep bool) ([]figure, error) {
	w, err := newWorld(ctx)
	if err != nil {
		return nil, err
	}
	defer w.close(keep)
	figures, err := w.stages(ctx, n)
	if err != nil || whole == 0 {
		return figures, err
	}
	all, err := w.whole(ctx, whole)
	return append(figures, all...), err
}

// show prints the table and reports whether a floor was missed.
func show(figures []figure) (missed bool) {
	table := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(table, "\nwhat\trecords/s\tfloor\tCPU µs/record\tpeak RSS MiB\t\t")
	for _, f := range figures {
		floor, rss, verdict := "", "", f.comment
		if f.floor > 0 {
			floor, verdict = fmt.Sprintf("%.0f", f.floor), "ok "+f.comment
		}
		if f.rss > 0 {
			rss = fmt.Sprintf("%d", f.rss>>20)
		}
		if f.missed() {
			missed, verdict = true, "MISSED "+f.comment
		}
		_, _ = fmt.Fprintf(table, "%s\t%.0f\t%s\t%.1f\t%s\t%s\t\n", f.what, f.rate, floor, float64(f.cpu)/float64(time.Microsecond), rss, verdict)
	}
	_ = table.Flush()
	return missed
}
