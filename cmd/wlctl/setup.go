package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"

	"github.com/whatsapplink/cloud/cmd/internal/wire"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
)

type setupCmd struct {
	Apply      bool   `help:"Do it; without, only print the plan."`
	Check      bool   `help:"Report drift only; exit 1 when there is some."`
	Partitions int    `help:"Raise topics to this many partitions (routed and its companions to four times that)."`
	Tenants    string `help:"A tenants.yaml to put after the topics are there." type:"existingfile"`
	NewKey     bool   `help:"Print a new local keeper URL (base64key://…) and do nothing else."`
	Local      string `help:"Write secrets and sample tenants for one machine into this folder, unless they are there, and do nothing else." placeholder:"DIR"`
}

// Run creates what is missing and alters what differs: topics first, then tables and who may read them, then tenants.
func (c *setupCmd) Run(ctx context.Context, s streams) error {
	if c.NewKey {
		_, err := fmt.Fprintln(s.out, newKeyURL())
		return err
	}
	if c.Local != "" {
		return writeLocal(c.Local, s.out)
	}
	o, err := connected(ctx, s)
	if err != nil {
		return err
	}
	defer o.close()
	if c.Partitions > 0 {
		o.cfg.Partitions = c.Partitions
	}
	return c.setup(ctx, o, s)
}

func (c *setupCmd) setup(ctx context.Context, o *operator, s streams) error {
	changes, err := o.drift(ctx)
	if err != nil {
		return err
	}
	for _, change := range changes {
		_, _ = fmt.Fprintln(s.out, change.what)
	}
	if c.Check {
		roles := o.accessDrift(ctx, s.out)
		if len(changes) > 0 || roles > 0 {
			return exit(1)
		}
		_, err := fmt.Fprintln(s.out, "topics are as planned")
		return err
	}
	if err := o.raisable(ctx, changes); err != nil {
		return err
	}
	if !c.Apply {
		_, err := fmt.Fprintf(s.out, "%d changes to topics; --apply makes them, migrates the tables and grants the roles\n", len(changes))
		return err
	}
	if err := o.apply(ctx, changes); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(s.out, "topics: %d changes made\n", len(changes))
	if err := o.migrate(ctx, s.out); err != nil {
		return err
	}
	if c.Tenants == "" {
		return nil
	}
	err = pipeline.Retry(ctx, pipeline.Backoff{}, "wait for the leader of "+wire.TenantsT, func(ctx context.Context) error {
		_, _, err := o.process.Cluster.Bounds(ctx, wire.TenantsT, 0) // a busy broker makes a topic before it leads it
		return err
	})
	if err != nil {
		return err
	}
	return putTenants(ctx, o, c.Tenants, s.out)
}

// change is one difference between plan and cluster, and how to end it: a topic to create, or an alteration.
type change struct {
	what   string
	create *kafka.TopicSpec
	alter  func(context.Context) error
	raises string // the topic whose partitions it raises
}

// apply creates all that is missing in one request, since a stage that waits for its deployment takes the windows it
// sees first; then it alters what differs.
func (o *operator) apply(ctx context.Context, changes []change) error {
	var missing []kafka.TopicSpec
	for _, c := range changes {
		if c.create != nil {
			missing = append(missing, *c.create)
		}
	}
	if err := o.process.Cluster.CreateTopics(ctx, missing); err != nil {
		return fmt.Errorf("with WL_REPLICATION=%d, which is at most the number of brokers: %w", o.cfg.Replication, err)
	}
	for _, c := range changes {
		if c.alter == nil {
			continue
		}
		if err := c.alter(ctx); err != nil {
			return err
		}
	}
	return nil
}

// planned is the plan with the topics of registered tenants: outcomes of those that hear back, and the ingress topics
// that exist, which hold plaintext.
func (o *operator) planned(ctx context.Context, existing map[string]int) (wire.Plan, error) {
	plan := o.cfg.plan()
	tenants, err := o.tenants(ctx)
	if err != nil {
		return plan, err
	}
	for _, id := range slices.Sorted(maps.Keys(tenants)) {
		if _, there := existing[wire.OutcomesOf(id)]; there || (tenants[id].Outcomes && tenants[id].Status != "closed") {
			plan.Outcomes = append(plan.Outcomes, id)
		}
		if _, there := existing[wire.RequestsOf(id)]; there {
			plan.Tenants = append(plan.Tenants, id)
		}
	}
	return plan, nil
}

// drift compares the plan with the cluster.
func (o *operator) drift(ctx context.Context) ([]change, error) {
	cluster := o.process.Cluster
	existing, err := cluster.Topics(ctx)
	if err != nil {
		return nil, err
	}
	plan, err := o.planned(ctx, existing)
	if err != nil {
		return nil, err
	}
	var changes []change
	for _, spec := range plan.Topics() {
		partitions, ok := existing[spec.Name]
		if !ok {
			changes = append(changes, change{what: fmt.Sprintf("create %s with %d partitions", spec.Name, spec.Partitions), create: &spec})
			continue
		}
		if partitions < spec.Partitions {
			changes = append(changes, change{
				what:   fmt.Sprintf("raise %s from %d to %d partitions", spec.Name, partitions, spec.Partitions),
				alter:  func(ctx context.Context) error { return cluster.AddPartitions(ctx, spec.Name, spec.Partitions) },
				raises: spec.Name,
			})
		}
		altered, err := o.altered(ctx, spec)
		if err != nil {
			return nil, err
		}
		changes = append(changes, altered...)
	}
	return changes, nil
}

// altered lists the settings of a topic that differ from the plan.
func (o *operator) altered(ctx context.Context, spec kafka.TopicSpec) ([]change, error) {
	actual, err := o.process.Cluster.Settings(ctx, spec.Name)
	if err != nil {
		return nil, err
	}
	var changes []change
	for _, d := range wire.Drifts([]kafka.TopicSpec{spec}, actual) {
		if d.Setting == "remote.storage.enable" {
			return nil, fmt.Errorf("%s has tiered storage, where content would outlive its window (set remote.storage.enable=false)", d.Topic)
		}
		changes = append(changes, change{
			what: fmt.Sprintf("set %s of %s to %s (is %q)", d.Setting, d.Topic, d.Want, d.Have),
			alter: func(ctx context.Context) error {
				return o.process.Cluster.AlterConfigs(ctx, d.Topic, map[string]string{d.Setting: d.Want})
			},
		})
	}
	return changes, nil
}

// newKeyURL is a fresh local root key.
func newKeyURL() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	return "base64key://" + base64.URLEncoding.EncodeToString(key)
}

// tenantTopics creates the topics of one tenant's own: outcomes where it hears back. They stand before the tenant's
// record does, so that no stage meets a tenant without its topics.
func (o *operator) tenantTopics(ctx context.Context, id string, outcomes, own bool) error {
	plan := o.cfg.plan()
	plan.Windows = nil
	if outcomes {
		plan.Outcomes = []string{id}
	}
	if own {
		plan.Tenants = []string{id}
	}
	var specs []kafka.TopicSpec
	for _, spec := range plan.Topics() {
		if spec.Name == wire.OutcomesOf(id) || spec.Name == wire.RequestsOf(id) {
			specs = append(specs, spec)
		}
	}
	return o.process.Cluster.CreateTopics(ctx, specs)
}
