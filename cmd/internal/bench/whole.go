package main

import (
	"context"
	"fmt"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/deployment"
	"github.com/whatsapplink/cloud/sinks/clickhouse"
	"github.com/whatsapplink/cloud/sinks/cloudapi/simulator"
)

// whole runs every binary as one process each with the simulator and its callbacks, publishes n requests at once, and
// measures sends a second over the middle. In the end everything must be settled and recorded, and nothing sent twice.
func (w *world) whole(ctx context.Context, n int) ([]figure, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	say("the whole pipeline, %d messages", n)
	url, err := w.database(ctx, "whole")
	if err != nil {
		return nil, err
	}
	db, err := clickhouse.Open(clickhouse.Config{URL: url})
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	callbacks := deployment.FreeAddress()
	d, err := w.deploy(ctx, "whole.", map[string]string{
		"WL_PARTITIONS": "2", "WL_WINDOWS": "60s,600s", "WL_DELIVERY_WINDOW": "600s", "WL_DIAGNOSTIC_WINDOW": "60s", "WL_LISTEN": callbacks,
		"WL_CLICKHOUSE_URL": url,
	})
	if err != nil {
		return nil, err
	}
	defer d.Close()
	sim, err := d.Simulate([]string{"http://" + callbacks + "/webhooks/whatsapp"}, "--latency", "20ms")
	if err != nil {
		return nil, err
	}
	processes, err := startAll(ctx, d)
	if err != nil {
		return nil, err
	}
	if _, err := d.Wlctl(ctx, "send", "--sample", fmt.Sprint(n)); err != nil {
		return nil, err
	}
	m := middle{total: int64(n)}
	cpuAt := map[*deployment.Process][2]time.Duration{}
	for !m.over() {
		l, err := d.Ledger(ctx)
		if err != nil {
			return nil, err
		}
		begun := !m.from.at.IsZero()
		m.see(point{time.Now(), int64(l.Accepted), 0})
		for _, p := range processes {
			cpu, _ := p.Usage()
			at := cpuAt[p]
			if at[1] = cpu; !begun {
				at[0] = cpu
			}
			cpuAt[p] = at
		}
		if err := pause(ctx); err != nil {
			return nil, fmt.Errorf("%d of %d are sent: %w", l.Accepted, n, err)
		}
	}
	all := m.figure()
	all.what, all.floor = "whole pipeline, simulator and callbacks", wholeFloor
	figures := []figure{all}
	for _, p := range processes {
		at := cpuAt[p]
		f := figure{what: "  " + p.Name, rate: all.rate, cpu: (at[1] - at[0]) / time.Duration(m.to.done-m.from.done)}
		figures[0].cpu += f.cpu
		figures = append(figures, f)
	}
	err = settled(ctx, d, db, n)
	for i, p := range processes {
		_, figures[i+1].rss = p.Usage()
	}
	if err != nil {
		return figures, err
	}
	return figures, deployment.Stop(append(processes, sim)...)
}

func startAll(ctx context.Context, d *deployment.Deployment) (all []*deployment.Process, err error) {
	for _, stage := range deployment.Stages {
		p, err := d.Start(stage, nil)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	for _, p := range all {
		if err := p.Ready(ctx); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// settled waits until ClickHouse has the fate of every message as the ledger has it.
func settled(ctx context.Context, d *deployment.Deployment, db *clickhouse.DB, n int) error {
	for {
		c, err := db.Conservation(ctx)
		if err != nil {
			return err
		}
		l, err := d.Ledger(ctx)
		if err != nil {
			return err
		}
		if l.Doubles > 0 || len(l.LimitErrors) > 0 || len(l.Violations) > 0 {
			return fmt.Errorf("the simulator complains: %d doubles, limits %v, violations %v", l.Doubles, l.LimitErrors, l.Violations)
		}
		if c.Accepted+c.Rejected == uint64(n) && c.Open == 0 && l.CallbacksPending == 0 && same(c, l) {
			return nil
		}
		if pause(ctx) != nil {
			return fmt.Errorf("not settled: ClickHouse %+v, ledger %v of %d", c, l.Fates, l.Accepted)
		}
	}
}

// same says whether sends ended in ClickHouse as they did at the simulator.
func same(c clickhouse.Conservation, l simulator.Counts) bool {
	for fate, count := range l.Fates {
		if c.Final[string(fate)] != uint64(count) {
			return false
		}
	}
	return true
}
