// Command wlctl is the operator's tool: it sets a deployment up, publishes, looks, and asks custody to show content. It
// never has a content key. `wlctl demo` runs the whole pipeline in one process, `wlctl simulate` a Cloud API to test with.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/whatsapplink/cloud/cmd/internal/boot"
	"github.com/whatsapplink/cloud/sinks/clickhouse"
)

// cli is every verb. Those that change something print their plan and need --apply.
type cli struct {
	Demo      demoCmd      `cmd:"" help:"Run the whole pipeline in one process on 10,000 requests and check every guarantee."`
	Simulate  simulateCmd  `cmd:"" help:"Run a strict Cloud API that enforces Meta's limits and keeps a ledger."`
	Setup     setupCmd     `cmd:"" help:"Create topics and tables, or report how they differ."`
	Send      sendCmd      `cmd:"" help:"Publish requests from JSON lines on standard input, or samples."`
	Trace     traceCmd     `cmd:"" help:"Show one message's time line."`
	Lag       lagCmd       `cmd:"" help:"Show how far each stage is behind."`
	Tenant    tenantCmd    `cmd:"" help:"Put, list, suspend and resume tenants."`
	Sender    senderCmd    `cmd:"" help:"List senders and what stops them, and lift a stop."`
	Content   contentCmd   `cmd:"" help:"Ask custody to show content within its window."`
	Rejected  rejectedCmd  `cmd:"" help:"List what was rejected; ask custody to show or redrive it."`
	Disclose  discloseCmd  `cmd:"" help:"Print how long content is kept and by what, read back; exit 1 on drift."`
	Reconcile reconcileCmd `cmd:"" help:"Compare the topic events with ClickHouse, name what is missing, repair it."`
	Subject   subjectCmd   `cmd:"" help:"Carry out a person's rights, on a tenant's instruction."`

	Version kong.VersionFlag `help:"Print the version and exit."`
}

func main() { os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }

// streams are the standard streams of a run.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// exit is an error that was reported already.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit %d", int(e)) }

func run(args []string, in io.Reader, out, errs io.Writer) (code int) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	var c cli
	ended := -1
	parser, err := kong.New(&c, kong.Name("wlctl"),
		kong.Description("The operator's tool of WhatsAppLink Cloud. It reads the same WL_ variables as the stages."),
		kong.UsageOnError(), kong.Writers(out, errs), kong.Exit(func(code int) { ended = code; panic(exit(code)) }),
		kong.Vars{"version": boot.Version()}, kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(streams{in, out, errs}),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}))
	if err != nil {
		panic(err)
	}
	defer func() { // kong leaves through Exit for --help and --version
		if r := recover(); r != nil {
			if _, ok := r.(exit); !ok {
				panic(r)
			}
			code = ended
		}
	}()
	if len(args) == 0 {
		args = []string{"--help"}
	}
	command, err := parser.Parse(args)
	if err != nil {
		_, _ = fmt.Fprintln(errs, "wlctl:", err, "(wlctl --help lists the verbs, wlctl VERB --help its flags)")
		return boot.ExitConfig
	}
	return report(command.Run(), errs)
}

// report prints what went wrong and chooses the exit code.
func report(err error, w io.Writer) int {
	var reported exit
	switch {
	case err == nil:
		return 0
	case errors.As(err, &reported):
		return int(reported)
	}
	var p boot.Problem
	if errors.As(err, &p) {
		boot.Report(w, "wlctl", boot.Problems(err))
		return boot.ExitConfig
	}
	var database *clickhouse.Error
	switch {
	case errors.Is(err, context.Canceled):
		err = errors.New("interrupted")
	case errors.As(err, &database) && database.Class() == "net":
		err = fmt.Errorf("%w (does ClickHouse answer where WL_CLICKHOUSE_URL says it is?)", err)
	}
	_, _ = fmt.Fprintln(w, "wlctl:", err)
	return 1
}
