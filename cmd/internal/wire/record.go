package wire

import (
	"context"
	"time"

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
}

// Open opens the database's client without connecting.
func (c ClickHouse) Open() (*clickhouse.DB, error) {
	cfg := clickhouse.Config{URL: c.URL, User: c.User}
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

// recordLimits gather rows for a second: ClickHouse wants few, large inserts. Much larger ones were slower, and took too
// much memory where a process owns twelve partitions: what the collector walks grows with the rows that wait.
var recordLimits = pipeline.Limits{Records: 3000, Bytes: 4 << 20, Linger: time.Second}

// refreshEvery is how often derived tables are recomputed for what was touched.
const refreshEvery = time.Second

// recorder is events, receipts, audit, suppressions -> ClickHouse.
type recorder struct {
	process *boot.Process
	db      *clickhouse.DB
}

// Record wires events, receipts, audit, suppressions -> ClickHouse.
func Record(p *boot.Process, cfg *RecordConfig) (boot.Service, error) {
	db, err := cfg.ClickHouse.Open()
	if err != nil {
		return boot.Service{}, err
	}
	r := &recorder{process: p, db: db}
	group := kafka.Group{
		Cluster: p.Cluster, ID: "wl.record", Logger: p.Log,
		Topics: topicsWith(p.Cluster, "", EventsT, ReceiptsT, AuditT, Suppressions), Own: r.own,
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
		return landing(r.process, schemas.Receipts, nil, clickhouse.Receipts(r.db)).Run(ctx, src)
	case AuditT:
		return landing(r.process, schemas.AuditRecords, nil, clickhouse.AuditRecords(r.db)).Run(ctx, src)
	case Suppressions:
		return landing(r.process, schemas.Suppressions, nil, clickhouse.Suppressions(r.db)).Run(ctx, src)
	default:
		return landing(r.process, schemas.Events, clickhouse.Admit, clickhouse.Events(r.db)).Run(ctx, src)
	}
}

// landing takes each record of ours that admit lets pass (nil: all) to a table, by reference, since rows are large and wait
// for their batch. What does not decode or pass is no metadata of ours: it is counted and left, its topic keeps it.
func landing[T any](p *boot.Process, codec *schemas.Codec[T], admit pipeline.Stage[*T, *T], table pipeline.Target[T]) *pipeline.Batch[*T, *T] {
	if admit == nil {
		admit = func(v *T) ([]*T, error) { return []*T{v}, nil }
	}
	return &pipeline.Batch[*T, *T]{
		Name: "record", Limits: recordLimits, Metrics: p.Metrics, Step: admit,
		Decode: func(r pipeline.Record) (*T, error) {
			v, err := codec.Decode(r.Value)
			if err != nil {
				return nil, undecodable(err)
			}
			return &v, nil
		},
		Target: pipeline.TargetFunc[*T](func(ctx context.Context, s pipeline.Span, landed []*T) error {
			rows := make([]T, len(landed))
			for i, v := range landed {
				rows[i] = *v
			}
			return table.Write(ctx, s, rows)
		}),
		DeadLetters: pipeline.TargetFunc[pipeline.DeadLetter[*T]](func(_ context.Context, s pipeline.Span, d []pipeline.DeadLetter[*T]) error {
			p.Log.Error("records that are not ours", "topic", s.Topic, "partition", s.Partition, "count", len(d))
			return nil
		}),
	}
}
