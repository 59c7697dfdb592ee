package wire

import (
	"context"
	"os"
	"regexp"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/whatsapplink/cloud/cmd/internal/boot"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/pipeline/seal"
	"github.com/whatsapplink/cloud/sinks/cloudapi"
	"github.com/whatsapplink/cloud/stages/deliver"
)

// DeliverConfig is the configuration of deliver.
type DeliverConfig struct {
	boot.Common
	Keys
	RefsKeys
	Dedup
	API         string `env:"WL_CLOUD_API_URL" envDefault:"https://graph.facebook.com"`
	Version     string `env:"WL_CLOUD_API_VERSION" envDefault:"v26.0"`
	Credentials string `env:"WL_CREDENTIALS_DIR"`
}

// Dedup is how long a repeated id is the same message.
type Dedup struct {
	Horizon time.Duration `env:"WL_DEDUP_HORIZON" envDefault:"1h"`
}

func (d *Dedup) check() []boot.Problem {
	if d.Horizon < minHorizon || d.Horizon > 24*time.Hour {
		return []boot.Problem{{Variable: "WL_DEDUP_HORIZON", What: "is not between 10s and 24h"}}
	}
	return nil
}

var apiVersion = regexp.MustCompile(`^v\d{1,3}\.\d$`)

// Check names what single variables cannot show.
func (c *DeliverConfig) Check() []boot.Problem {
	problems := append(c.Keys.check(&c.Common), c.RefsKeys.check(&c.Common)...)
	if !apiVersion.MatchString(c.Version) {
		problems = append(problems, boot.Problem{Variable: "WL_CLOUD_API_VERSION", What: "is not a version", Hint: "v26.0"})
	}
	if c.Credentials == "" {
		problems = append(problems, boot.NotSet("WL_CREDENTIALS_DIR"))
	} else if info, err := os.Stat(c.Credentials); err != nil || !info.IsDir() {
		problems = append(problems, boot.Problem{Variable: "WL_CREDENTIALS_DIR", What: "is not a folder that can be read", Hint: "one file per sender, named by its phone number id, holding its token"})
	}
	return append(problems, c.Dedup.check()...)
}

const (
	// minHorizon is for tests that scale time; what a producer repeats after it is sent again.
	minHorizon = 10 * time.Second
	// sendsAtOnce bounds calls in flight in the process: at 300 ms a call, over 3,000 messages a second.
	sendsAtOnce = 1024
	// readAhead bounds a lane's unfinished records in memory. Ten seconds of a partition's numbers fit: what waits longer
	// is parked, so that a slow number takes no place from others.
	readAhead = 16384
	// claimLinger is how long a claim or outcome waits for others to be appended with it.
	claimLinger = 2 * time.Millisecond
)

// deliverer is routed, its lanes, attempts, status -> attempts, lanes, delivered.*, stops, suppressions, events, outcomes.
type deliverer struct {
	process  *boot.Process
	cfg      *DeliverConfig
	log      pipeline.Log
	attempts pipeline.Log // its own batches: a claim must not wait behind copies
	regs     registers
	lookups  deliver.Registers // of regs and tokens
	refs     *seal.Refs
	keeper   seal.Keeper
	tokens   *tokens
	api      *cloudapi.Client
	slots    chan struct{}
	metrics  *sendMetrics

	windows   []time.Duration
	opener    *seal.Opener
	sealer    *seal.Sealer
	originals *originals
}

// Deliver wires the sending of messages.
func Deliver(p *boot.Process, cfg *DeliverConfig) (boot.Service, error) {
	keeper, err := cfg.Keys.keeper()
	if err != nil {
		return boot.Service{}, err
	}
	refsKeeper, err := cfg.RefsKeys.keeper()
	if err != nil {
		return boot.Service{}, err
	}
	api, err := cloudapi.New(cloudapi.Config{BaseURL: cfg.API, Version: cfg.Version, Connections: sendsAtOnce})
	if err != nil {
		return boot.Service{}, boot.Problem{Variable: "WL_CLOUD_API_URL", What: "is not an https URL with a host", Hint: "https://graph.facebook.com; plain http on loopback only"}
	}
	d := &deliverer{
		process: p, cfg: cfg, regs: newRegisters(p), keeper: keeper, api: api,
		log: pipeline.Batched(p.Cluster.Log(), claimLinger), attempts: pipeline.Batched(p.Cluster.Log(), claimLinger),
		tokens: newTokens(cfg.Credentials), slots: make(chan struct{}, sendsAtOnce), metrics: newSendMetrics(p.Registry),
	}
	d.refs = seal.NewRefs(refsKeeper, d.regs.refsKey)
	d.lookups = deliver.Registers{
		Tenant: d.regs.tenant, Stop: d.regs.stop, Suppressed: d.regs.objected.stand,
		SuppressionsAge: d.regs.objected.table.Age, Credential: d.tokens.has,
	}
	d.metrics.watch(p.Registry, d.regs.stops.All)
	return guarded(p, boot.Service{Run: d.run, Ready: allReady(d.regs.ready, keeper.Ready, refsKeeper.Ready)}), nil
}

func (d *deliverer) run(ctx context.Context) error {
	windows, err := awaitWindows(ctx, d.process)
	if err != nil {
		return nil // asked to stop before the deployment was there
	}
	defer d.api.Close()
	d.windows = windows
	d.opener = newOpener(d.process.Cluster, d.keeper, windows)
	d.sealer = newSealer(d.process.Cluster.Log(), d.keeper, windows, d.opener)
	d.originals = newOriginals(d.sealer, windows)
	group := kafka.Group{
		Cluster: d.process.Cluster, ID: "wl.deliver", Logger: d.process.Log,
		Topics: topicsWith(d.process.Cluster, "", RoutedT), Own: d.own,
	}
	return d.regs.run(ctx, group.Run)
}

// own works on one partition of routed and on those of the same number of its companions.
func (d *deliverer) own(ctx context.Context, o *kafka.Owned) error {
	lanes := []pipeline.Source{o.Source()}
	for _, l := range deliver.Lanes {
		lanes = append(lanes, o.Companion(l.Topic))
	}
	part := &deliverPart{deliverer: d, number: o.Partition()}
	since, offset, err := part.start(ctx, lanes)
	if err != nil {
		return err
	}
	defer part.left()
	partition := deliver.New(deliver.Config{
		Horizon: d.cfg.Horizon, Since: since, NewID: func() string { return ulid.Make().String() },
		Registers: d.lookups,
	})
	keyed := pipeline.Keyed[deliver.Effect]{
		Name: "deliver", Step: part.counted(partition.Step), Perform: part.perform, Drain: boot.DrainTimeout, Metrics: d.process.Metrics,
		Replays: []pipeline.Lane{{Source: d.process.Cluster.Tail(Attempts, o.Partition(), offset)}},
		Lanes:   []pipeline.Lane{{Source: o.Companion(StatusT), ReadAhead: readAhead}},
	}
	for i, src := range lanes {
		lane := pipeline.Lane{Source: behind(d.process.Cluster, src), ReadAhead: readAhead}
		if i > 0 {
			lane.Due = dueOf
		}
		keyed.Lanes = append(keyed.Lanes, lane)
	}
	return keyed.Run(ctx)
}
