package wire

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/whatsapplink/cloud/cmd/internal/boot"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/sinks/clickhouse"
)

// ClickHouse are the variables of the binaries that talk to ClickHouse.
type ClickHouse struct {
	URL          string `env:"WL_CLICKHOUSE_URL" envDefault:"clickhouse://127.0.0.1:9000/whatsapplink"`
	User         string `env:"WL_CLICKHOUSE_USER" envDefault:"default"`
	PasswordFile string `env:"WL_CLICKHOUSE_PASSWORD_FILE"`
	CAFile       string `env:"WL_CLICKHOUSE_CA_FILE"`
	Cluster      string `env:"WL_CLICKHOUSE_CLUSTER"`
}

// Open opens the database's client without connecting.
func (c ClickHouse) Open() (*clickhouse.DB, error) {
	cfg := clickhouse.Config{URL: c.URL, User: c.User, Cluster: c.Cluster}
	if c.PasswordFile != "" {
		password, err := boot.SecretFile("WL_CLICKHOUSE_PASSWORD_FILE", c.PasswordFile)
		if err != nil {
			return nil, err
		}
		cfg.Password = string(password)
	}
	if c.CAFile != "" {
		tc, err := boot.TLSConfig(c.CAFile, "", "", "WL_CLICKHOUSE")
		if err != nil {
			return nil, err
		}
		cfg.TLS = tc
	}
	db, err := clickhouse.Open(cfg)
	if err != nil {
		return nil, boot.Problem{Variable: "WL_CLICKHOUSE_URL", What: "cannot be used", Hint: "clickhouse://host:9000/database, http:// on loopback, https://"}
	}
	return db, nil
}

// RecordConfig is the configuration of record.
type RecordConfig struct {
	boot.Common
	Keyless
	ClickHouse
}

// Check names what single variables cannot show.
func (c *RecordConfig) Check() []boot.Problem { return c.Keyless.check() }

// eventLimits and eventLinger gather events for a second in all: first those of a partition, then those of all partitions
// of the process, since ClickHouse wants few, large inserts. A batch as large as this means a backlog, and waits for none.
var eventLimits = pipeline.Limits{Records: 5000, Bytes: 8 << 20, Linger: 700 * time.Millisecond}

const eventLinger = 300 * time.Millisecond

// recordLimits gather the rows of topics with little in them for a second.
var recordLimits = pipeline.Limits{Records: 3000, Bytes: 4 << 20, Linger: time.Second}

// refreshEvery is how often derived tables are recomputed for what was touched.
const refreshEvery = time.Second

// recorder is events, receipts, audit, suppressions, tenants -> ClickHouse.
type recorder struct {
	process *boot.Process
	db      *clickhouse.DB
	events  *clickhouse.Gatherer
	fresh   prometheus.Histogram
}

// Record wires events, receipts, audit, suppressions, tenants -> ClickHouse.
func Record(p *boot.Process, cfg *RecordConfig) (boot.Service, error) {
	db, err := cfg.ClickHouse.Open()
	if err != nil {
		return boot.Service{}, err
	}
	r := &recorder{process: p, db: db, events: clickhouse.GatherEvents(db, eventLinger, eventLimits.Records)}
	r.fresh = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "wl_freshness_seconds", Help: "From the append of a batch's oldest event to its being in ClickHouse.",
		Buckets: prometheus.ExponentialBuckets(0.25, 2, 12),
	})
	p.Registry.MustRegister(r.fresh)
	group := kafka.Group{
		Cluster: p.Cluster, ID: "wl.record", Logger: p.Log,
		Topics: topicsWith(p.Cluster, "", EventsT, ReceiptsT, AuditT, Suppressions, TenantsT), Own: r.own,
	}
	return guarded(p, boot.Service{Run: func(ctx context.Context) error { return r.run(ctx, group) }, Ready: r.ready}), nil
}

func (r *recorder) ready() error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	return r.db.Migrated(ctx)
}

func (r *recorder) run(ctx context.Context, group kafka.Group) error {
	defer func() { _ = r.db.Close() }()
	return together(ctx, group.Run, func(ctx context.Context) error { return r.db.Follow(ctx, refreshEvery, r.process.Log) })
}

// own lands one partition of one topic; the topic says which table.
func (r *recorder) own(ctx context.Context, o *kafka.Owned) error {
	switch src := o.Source(); src.Topic() {
	case ReceiptsT:
		return landing(r.process, schemas.Receipts, clickhouse.AdmitReceipt, clickhouse.Receipts(r.db)).Run(ctx, src)
	case AuditT:
		return landing(r.process, schemas.AuditRecords, clickhouse.AdmitAudit, clickhouse.AuditRecords(r.db)).Run(ctx, src)
	case Suppressions:
		return landing(r.process, schemas.Suppressions, clickhouse.AdmitSuppression, clickhouse.Suppressions(r.db)).Run(ctx, src)
	case TenantsT:
		return r.landTenants().Run(ctx, src)
	default:
		return r.landEvents().Run(ctx, src)
	}
}

// landEvents takes events that Admit lets pass to their table, as the bytes they came in.
func (r *recorder) landEvents() *pipeline.Batch[clickhouse.Value, clickhouse.Value] {
	type value = clickhouse.Value
	return &pipeline.Batch[value, value]{
		Name: "record", Limits: eventLimits, Metrics: r.process.Metrics, DeadLetters: notOurs[value](r.process),
		Decode: func(r pipeline.Record) (value, error) {
			return value{Bytes: r.Value, AppendedAt: r.AppendedAt.UnixMilli()}, nil
		},
		Step: func(v value) ([]value, error) {
			e, err := schemas.Events.Decode(v.Bytes)
			if err != nil {
				return nil, undecodable(err)
			}
			_, err = clickhouse.Admit(&e)
			return []value{v}, err
		},
		Target: pipeline.TargetFunc[value](func(ctx context.Context, s pipeline.Span, landed []value) error {
			err := r.events.Write(ctx, s, landed)
			if err == nil {
				r.fresh.Observe(time.Since(time.UnixMilli(landed[0].AppendedAt)).Seconds())
			}
			return err
		}),
	}
}

// landTenants takes what each record of a tenant says of its policy to policy_history; a tenant's removal says nothing.
func (r *recorder) landTenants() *pipeline.Batch[pipeline.Record, *clickhouse.Policy] {
	return &pipeline.Batch[pipeline.Record, *clickhouse.Policy]{
		Name: "record", Limits: recordLimits, Metrics: r.process.Metrics, DeadLetters: notOurs[pipeline.Record](r.process),
		Decode: func(r pipeline.Record) (pipeline.Record, error) { return r, nil },
		Step: func(r pipeline.Record) ([]*clickhouse.Policy, error) {
			if len(r.Value) == 0 {
				return nil, nil
			}
			t, err := schemas.Tenants.Decode(r.Value)
			if err != nil {
				return nil, undecodable(err)
			}
			return clickhouse.TenantPolicies(&t, r.AppendedAt)
		},
		Target: byValue(clickhouse.Policies(r.db)),
	}
}

// landing takes each record of ours to a table, by reference, since rows are large and wait for their batch.
func landing[T any](p *boot.Process, codec *schemas.Codec[T], admit pipeline.Stage[*T, *T], table pipeline.Target[T]) *pipeline.Batch[*T, *T] {
	return &pipeline.Batch[*T, *T]{
		Name: "record", Limits: recordLimits, Metrics: p.Metrics, Step: admit, DeadLetters: notOurs[*T](p), Target: byValue(table),
		Decode: func(r pipeline.Record) (*T, error) {
			v, err := codec.Decode(r.Value)
			if err != nil {
				return nil, undecodable(err)
			}
			return &v, nil
		},
	}
}

func byValue[T any](table pipeline.Target[T]) pipeline.Target[*T] {
	return pipeline.TargetFunc[*T](func(ctx context.Context, s pipeline.Span, landed []*T) error {
		rows := make([]T, len(landed))
		for i, v := range landed {
			rows[i] = *v
		}
		return table.Write(ctx, s, rows)
	})
}

// notOurs counts what does not decode or pass and leaves it: it is no metadata of ours, and its topic keeps it.
func notOurs[In any](p *boot.Process) pipeline.Target[pipeline.DeadLetter[In]] {
	return pipeline.TargetFunc[pipeline.DeadLetter[In]](func(_ context.Context, s pipeline.Span, d []pipeline.DeadLetter[In]) error {
		p.Log.Error("records that are not ours", "topic", s.Topic, "partition", s.Partition, "count", len(d))
		return nil
	})
}
