package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"

	"github.com/whatsapplink/cloud/cmd/internal/boot"
	"github.com/whatsapplink/cloud/cmd/internal/wire"
	"github.com/whatsapplink/cloud/pipeline/seal"
	"github.com/whatsapplink/cloud/sinks/clickhouse"
	"github.com/whatsapplink/cloud/stages/custody"
)

// operatorConfig is what wlctl reads from the environment. The root key is not among it.
type operatorConfig struct {
	boot.Common
	wire.ClickHouse
	wire.RefsKeys
	Windows     string        `env:"WL_WINDOWS" envDefault:"24h,72h,168h"`
	Delivery    string        `env:"WL_DELIVERY_WINDOW" envDefault:"24h"`
	Diagnostic  string        `env:"WL_DIAGNOSTIC_WINDOW" envDefault:"72h"`
	Horizon     time.Duration `env:"WL_DEDUP_HORIZON" envDefault:"1h"`
	Partitions  int           `env:"WL_PARTITIONS" envDefault:"12"`
	Replication int           `env:"WL_REPLICATION" envDefault:"3"`
}

// Check names what single variables cannot show.
func (c *operatorConfig) Check() []boot.Problem {
	var problems []boot.Problem
	windows, err := c.windows()
	if err != nil {
		problems = append(problems, boot.Problem{Variable: "WL_WINDOWS", What: "has an entry that is not a window", Hint: "Go durations in whole hours: 24h,72h,168h"})
	}
	delivery, err := seal.ParseWindow(c.Delivery)
	if err != nil || delivery <= 0 || delivery > 24*time.Hour {
		problems = append(problems, boot.Problem{Variable: "WL_DELIVERY_WINDOW", What: "is not a window of at most 24h"})
	} else if _, ok := seal.SmallestCovering(windows, delivery); !ok {
		problems = append(problems, boot.Problem{Variable: "WL_WINDOWS", What: "has no window that covers WL_DELIVERY_WINDOW", Hint: "add one of at least " + c.Delivery})
	}
	if _, ok := seal.SmallestCovering(windows, custody.LetterWindow); !ok && len(windows) > 0 && slices.Min(windows) >= time.Hour { // seconds: a test
		problems = append(problems, boot.Problem{Variable: "WL_WINDOWS", What: "has no window of 24h or more, for which rejected input is sealed", Hint: "24h,72h,168h"})
	}
	if _, err := seal.ParseWindow(c.Diagnostic); err != nil {
		problems = append(problems, boot.Problem{Variable: "WL_DIAGNOSTIC_WINDOW", What: "is not a window", Hint: "whole hours, as 72h; 0s for none"})
	}
	if c.Partitions < 1 {
		problems = append(problems, boot.Problem{Variable: "WL_PARTITIONS", What: "is under 1"})
	}
	if c.Replication < 1 {
		problems = append(problems, boot.Problem{Variable: "WL_REPLICATION", What: "is under 1"})
	}
	return problems
}

func (c *operatorConfig) windows() ([]time.Duration, error) {
	var windows []time.Duration
	for name := range strings.SplitSeq(c.Windows, ",") {
		w, err := seal.ParseWindow(strings.TrimSpace(name))
		if err != nil || w <= 0 {
			return nil, errors.New("not a window: " + strconv.Quote(name))
		}
		windows = append(windows, w)
	}
	return windows, nil
}

// plan is the deployment that the environment asks for. `routed` and its companions get four times the partitions:
// a tenant's ceiling is one of them.
func (c *operatorConfig) plan() wire.Plan {
	windows, _ := c.windows()
	return wire.Plan{Windows: windows, Partitions: c.Partitions, Routed: 4 * c.Partitions, Replication: c.Replication}
}

// operator is a configured wlctl.
type operator struct {
	cfg     operatorConfig
	process *boot.Process
	db      *clickhouse.DB // once asked for
}

// newOperator reads the environment and connects to nothing.
func newOperator(s streams) (*operator, error) {
	return operatorFrom(env.ToMap(os.Environ()), s)
}

func operatorFrom(environment map[string]string, s streams) (*operator, error) {
	o := &operator{}
	if problems := boot.Parse(&o.cfg, environment); len(problems) > 0 {
		return nil, mistakes(problems)
	}
	var err error
	o.process, err = boot.NewProcess("wlctl", &o.cfg.Common, s.err)
	return o, err
}

// mistakes makes problems one error, of which report prints each.
func mistakes(problems []boot.Problem) error {
	errs := make([]error, len(problems))
	for i, p := range problems {
		errs[i] = p
	}
	return errors.Join(errs...)
}

// connectTimeout is how long Kafka may take to answer at all.
const connectTimeout = 10 * time.Second

// connected is newOperator for the verbs that need Kafka: where it does not answer, the error says where it was looked for.
func connected(ctx context.Context, s streams) (*operator, error) {
	o, err := newOperator(s)
	if err != nil {
		return nil, err
	}
	if err := o.connect(ctx); err != nil {
		o.close()
		return nil, err
	}
	return o, nil
}

func (o *operator) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	if _, err := o.process.Cluster.Topics(ctx); err != nil {
		return fmt.Errorf("no Kafka answers at %s, where WL_KAFKA_BROKERS says it is: %w", strings.Join(o.cfg.Brokers, ","), err)
	}
	return nil
}

// clickHouse opens the database, for as long as the operator is. Opening connects to nothing.
func (o *operator) clickHouse() (db *clickhouse.DB, err error) {
	if o.db == nil {
		o.db, err = o.cfg.ClickHouse.Open()
	}
	return o.db, err
}

func (o *operator) close() {
	o.process.Cluster.Close()
	if o.db != nil {
		_ = o.db.Close()
	}
}
