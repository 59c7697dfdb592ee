package pipeline_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/whatsapplink/cloud/pipeline"
)

// gathered returns the values of one metric by its label values, in the order of the label names.
func gathered(t *testing.T, r *prometheus.Registry, name string) map[string]float64 {
	t.Helper()
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := make(map[string]float64)
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			var labels []string
			for _, l := range m.GetLabel() {
				labels = append(labels, l.GetValue())
			}
			values[strings.Join(labels, " ")] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return values
}

// Goal: records and rejections are counted once committed, and the lag shows what waits and how old it is, until the
// partition is given up. Method: virtual time; a target that blocks on the second batch.
func TestBatchCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		l := input(t, "a", "reject 1", "b", "panic 1")
		b, _, _ := textBatch()
		b.Metrics = pipeline.NewMetrics(registry)
		release := make(chan struct{})
		b.Target = pipeline.TargetFunc[string](func(_ context.Context, s pipeline.Span, _ []string) error {
			if s.First == 4 {
				<-release
			}
			return nil
		})
		loop := start(runOn(l, b))
		time.Sleep(time.Minute)
		publish(t, l, "in", 0, "c", "d")
		time.Sleep(11 * time.Second)
		synctest.Wait()
		equal(t, "records", gathered(t, registry, "wl_records_total"), map[string]float64{"passed text": 2, "rejected text": 2})
		equal(t, "rejections", gathered(t, registry, "wl_rejections_total"), map[string]float64{"asked_for text": 1, "panic text": 1})
		equal(t, "batches", gathered(t, registry, "wl_stage_seconds"), map[string]float64{"text": 1})
		equal(t, "lag in records", gathered(t, registry, "wl_lag_records"), map[string]float64{"0 in": 2})
		equal(t, "lag in seconds", gathered(t, registry, "wl_lag_seconds"), map[string]float64{"0 in": 10})
		equal(t, "stuck for 10 s", b.Metrics.Progress.Stuck(10*time.Second), []string{"text write outputs"})
		equal(t, "stuck for a minute", b.Metrics.Progress.Stuck(time.Minute), nil)
		close(release)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		equal(t, "lag in records", gathered(t, registry, "wl_lag_records"), map[string]float64{"0 in": 0})
		equal(t, "lag in seconds", gathered(t, registry, "wl_lag_seconds"), map[string]float64{"0 in": 0})
		equal(t, "stuck", b.Metrics.Progress.Stuck(0), nil)
		if err := loop.stop(); err != nil {
			t.Fatal(err)
		}
		equal(t, "lag of a partition given up", gathered(t, registry, "wl_lag_records"), map[string]float64{})
	})
}

// Goal: the same of the keyed loop; an effect that hangs shows as stuck.
func TestKeyedCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		k, d, l := keyed(t)
		k.Metrics = pipeline.NewMetrics(registry)
		d.answer = func(in pipeline.Input) pipeline.Next[string] {
			if describe(in) == "in hang" {
				return pipeline.Next[string]{Effects: []string{"hang"}}
			}
			return finishAll(in)
		}
		k.Perform = func(ctx context.Context, _ string) (any, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		publish(t, l, "in", 0, "a", "b", "hang", "c")
		loop := start(k.Run)
		time.Sleep(time.Minute)
		synctest.Wait()
		equal(t, "records", gathered(t, registry, "wl_records_total"), map[string]float64{"finished diary": 3})
		equal(t, "lag in records", gathered(t, registry, "wl_lag_records"), map[string]float64{"0 back": 0, "0 in": 2})
		equal(t, "lag in seconds", gathered(t, registry, "wl_lag_seconds"), map[string]float64{"0 back": 0, "0 in": 60})
		equal(t, "stuck", k.Metrics.Progress.Stuck(50*time.Second), []string{"diary perform string"})
		if err := loop.stop(); err != nil {
			t.Fatal(err)
		}
		equal(t, "stuck after the end", k.Metrics.Progress.Stuck(0), nil)
		equal(t, "lag of a partition given up", gathered(t, registry, "wl_lag_records"), map[string]float64{})
	})
}
