// Package boot starts a stage binary: configuration from WL_ variables with every mistake named at once, logs that can
// carry nothing but listed keys, metrics and health over HTTP, signals, exit codes.
//
// A binary is a Config and a wire function. Wire functions live in cmd/internal/wire (one file a binary, importable, so
// that `wlctl demo` runs the same wiring in one process); they are inert: they build everything and connect to nothing,
// which is what -check runs.
package boot

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"runtime/metrics"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/sourcegraph/conc/panics"
	_ "golang.org/x/crypto/x509roots/fallback" // an image from scratch has no CA bundle

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
)

// Exit codes of every stage binary.
const (
	ExitAsked   = 0 // asked to stop
	ExitRestart = 1 // restart me
	ExitConfig  = 2 // fix my configuration
)

// Process is what a wire function gets: the parts every binary has. All are inert.
type Process struct {
	Name     string
	Log      *slog.Logger
	Registry *prometheus.Registry
	Metrics  *pipeline.Metrics
	Cluster  *kafka.Cluster
	HTTP     string // where metrics and health are served
}

// Service is a wired binary.
type Service struct {
	// Run works until ctx ends (then nil) or the world stays broken (an error).
	Run func(ctx context.Context) error
	// Ready tells why the service cannot work yet, nil once it can.
	Ready func() error
}

// Config is a binary's configuration: an env/v11 struct that embeds Common.
type Config interface {
	common() *Common
	// Check names every mistake that a single variable cannot show.
	Check() []Problem
}

// Wire builds a service from a process and its configuration without connecting to anything.
type Wire[C any] func(p *Process, cfg *C) (Service, error)

// Main runs a stage binary and exits.
func Main[C any, P interface {
	*C
	Config
}](name string, wire Wire[C]) {
	os.Exit(run[C, P](name, wire, os.Args[1:], environ(), os.Stdout, os.Stderr))
}

func run[C any, P interface {
	*C
	Config
}](name string, wire Wire[C], args []string, env map[string]string, stdout, stderr io.Writer) int {
	harden(name, env)
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(stderr)
	check := flags.Bool("check", false, "parse and validate the configuration, wire everything, connect to nothing; exit 0 or 2")
	version := flags.Bool("version", false, "print the version and exit")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return ExitAsked
		}
		return ExitConfig
	}
	if *version {
		_, _ = fmt.Fprintln(stdout, name, Version())
		return ExitAsked
	}
	process, service, problems := Build[C, P](name, wire, env, stderr)
	if len(problems) > 0 {
		Report(stderr, name, problems)
		return ExitConfig
	}
	if *check {
		_, _ = fmt.Fprintln(stdout, name+": configuration is fine")
		return ExitAsked
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	slog.SetDefault(process.Log)
	log.SetOutput(io.Discard) // SetDefault routes the log package's lines, whatever they say, into ours
	return serve(ctx, process, service)
}

// Build parses and checks the configuration, and wires the service. It connects to nothing.
func Build[C any, P interface {
	*C
	Config
}](name string, wire Wire[C], env map[string]string, stderr io.Writer) (*Process, Service, []Problem) {
	cfg := P(new(C))
	if problems := Parse(cfg, env); len(problems) > 0 {
		return nil, Service{}, problems
	}
	process, err := NewProcess(name, cfg.common(), stderr)
	if err != nil {
		return nil, Service{}, Problems(err)
	}
	service, err := wire(process, (*C)(cfg))
	if err == nil {
		process.Registry.MustRegister(readiness(service.Ready))
	}
	return process, service, Problems(err)
}

// readiness is what /readyz says, for alarms.
func readiness(ready func() error) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "wl_ready", Help: "1 when the process can work, as /readyz says, else 0."}, func() float64 {
		if ready() != nil {
			return 0
		}
		return 1
	})
}

var errPanic = errors.New("panic")

// serve runs the service beside its HTTP endpoint and says how it ended.
func serve(ctx context.Context, p *Process, service Service) int {
	p.Log.Info("started", "version", Version())
	endpoint, err := Listen(p, p.HTTP, service.Ready)
	if err != nil {
		p.Log.Error("cannot serve metrics and health", "address", p.HTTP, "hint", "set WL_HTTP to a free address")
		return ExitConfig
	}
	if caught := panics.Try(func() { err = service.Run(ctx) }); caught != nil {
		err = errPanic // its value may quote a record
	}
	endpoint.Close()
	p.Cluster.Close()
	var misconfigured Problem
	switch {
	case errors.As(err, &misconfigured):
		p.Log.Error("configuration", "variable", misconfigured.Variable, "reason", misconfigured.What, "hint", misconfigured.Hint)
		return ExitConfig
	case err != nil && ctx.Err() == nil:
		p.Log.Error("stopped by an error that did not heal", "class", pipeline.Class(err))
		return ExitRestart
	}
	p.Log.Info("stopped as asked")
	return ExitAsked
}

// NewProcess builds the parts every binary has.
func NewProcess(name string, common *Common, stderr io.Writer) (*Process, error) {
	logger := NewLogger(name, stderr)
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	kc, err := common.kafka(name)
	if err != nil {
		return nil, err
	}
	kc.Logger = logger
	return &Process{
		Name: name, Log: logger, Registry: registry,
		Metrics: pipeline.NewMetrics(registry),
		Cluster: kafka.New(kc), HTTP: common.HTTP,
	}, nil
}

// harden turns core dumps off, so that no plaintext or key lands on disk by a crash, and sets the garbage collector
// to what was measured best: fewer collections under a limit that keeps a process under 200 MiB, however many messages are
// live. Only deliver remembers messages one by one, what is parked and what was sent within the horizon, so its limit is higher.
func harden(name string, env map[string]string) {
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{})
	if env["GOGC"] == "" {
		debug.SetGCPercent(400)
	}
	if env["GOMEMLIMIT"] == "" {
		limit := int64(150 << 20)
		if name == "deliver" {
			limit = 165 << 20
		}
		debug.SetMemoryLimit(limit)
		go giveRoom(limit)
	}
}

// giveRoom raises the memory limit with what stays live, a quarter above it: at the limit the collector would take half of
// all time. What deliver remembers grows with what it sends within the horizon.
func giveRoom(least int64) {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	for range time.Tick(10 * time.Second) {
		metrics.Read(live)
		debug.SetMemoryLimit(max(least, int64(live[0].Value.Uint64())/4*5))
	}
}

// Version is the module's version as the Go tool stamped it.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return info.Main.Version + " " + s.Value[:12]
		}
	}
	return info.Main.Version
}

// DrainTimeout bounds how long a stage may finish what it has begun once it is asked to stop. Orchestrators should wait
// a little longer before they kill: 30 s.
const DrainTimeout = 20 * time.Second
