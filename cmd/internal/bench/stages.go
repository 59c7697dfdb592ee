package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/deployment"
	"github.com/whatsapplink/cloud/pipeline/kafka"
)

const prefix = "bench."

// stages lets each stage catch up alone: validate on n sample requests, route on what it validated, record on the events of
// both. First, for comparison, the same bytes go through the broker by our fetch and append with nothing done to them.
func (w *world) stages(ctx context.Context, n int) ([]figure, error) {
	d, err := w.deploy(ctx, prefix, map[string]string{"WL_PARTITIONS": "4", "WL_WINDOWS": "24h,72h"})
	if err != nil {
		return nil, err
	}
	defer d.Close()
	c := w.cluster(prefix)
	defer c.Close()
	say("%d requests", n)
	if _, err := d.Wlctl(ctx, "send", "--sample", fmt.Sprint(n)); err != nil {
		return nil, err
	}
	peer, err := passThrough(ctx, c, "requests")
	if err != nil {
		return nil, err
	}
	figures := []figure{peer}
	for _, s := range []struct {
		stage, topic, what string
		floor              float64
	}{
		{"validate", "requests", "validate, with sealing", validateFloor},
		{"route", "validated", "route", routeFloor},
		{"record", "events", "record, events into the engine", recordFloor},
	} {
		say("%s", s.stage)
		f, err := catchUp(ctx, d, c, s.stage, s.topic)
		if err != nil {
			return figures, err
		}
		f.what, f.floor = s.what, s.floor
		figures = append(figures, f)
	}
	return figures, nil
}

// catchUp starts a stage on a filled topic and measures it from a fifth to four fifths of the way, by committed offsets.
func catchUp(ctx context.Context, d *deployment.Deployment, c *kafka.Cluster, stage, topic string) (f figure, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	total, err := end(ctx, c, topic)
	if err != nil {
		return f, err
	}
	p, err := d.Start(stage, nil)
	if err != nil {
		return f, err
	}
	m := middle{total: total}
	for !m.over() {
		done, err := committed(ctx, c, "wl."+stage, topic)
		if err != nil {
			return f, fmt.Errorf("%w; %s is at %d of %d, its log ends:\n%s", err, p.Name, m.to.done, total, p.Tail(5))
		}
		cpu, _ := p.Usage()
		m.see(point{time.Now(), done, cpu})
		if err := pause(ctx); err != nil {
			return f, fmt.Errorf("%s is at %d of %d: %w; its log ends:\n%s", p.Name, done, total, err, p.Tail(5))
		}
	}
	f = m.figure()
	_, f.rss = p.Usage()
	return f, deployment.Stop(p)
}

// point is how far something was at a time, and the CPU time it had taken.
type point struct {
	at   time.Time
	done int64
	cpu  time.Duration
}

// middle measures between the first points past a fifth and past four fifths of the way.
type middle struct {
	total    int64
	from, to point
}

func (m *middle) see(p point) {
	if m.from.at.IsZero() && p.done >= m.total/5 {
		m.from = p
	}
	if !m.from.at.IsZero() && !m.over() {
		m.to = p
	}
}

func (m *middle) over() bool { return m.to.done >= m.total/5*4 }

func (m *middle) figure() figure {
	n := m.to.done - m.from.done
	if n <= 0 {
		return figure{comment: "too fast to measure: raise -n"}
	}
	return figure{
		rate: float64(n) / m.to.at.Sub(m.from.at).Seconds(), cpu: (m.to.cpu - m.from.cpu) / time.Duration(n),
		comment: fmt.Sprintf("(%d in %s)", n, m.to.at.Sub(m.from.at).Round(100*time.Millisecond)),
	}
}

// end is how many records a topic has had.
func end(ctx context.Context, c *kafka.Cluster, topic string) (total int64, err error) {
	topics, err := c.Topics(ctx)
	if err != nil {
		return 0, err
	}
	for p := range topics[topic] {
		_, next, err := c.Bounds(ctx, topic, p)
		if err != nil {
			return 0, err
		}
		total += next
	}
	if total == 0 {
		return 0, errors.New(topic + " is empty")
	}
	return total, nil
}

// committed is how many records of a topic a group has committed.
func committed(ctx context.Context, c *kafka.Cluster, group, topic string) (total int64, err error) {
	offsets, err := c.GroupOffsets(ctx, group, topic)
	for _, next := range offsets[topic] {
		total += max(next, 0)
	}
	return total, err
}

func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(100 * time.Millisecond):
		return nil
	}
}
