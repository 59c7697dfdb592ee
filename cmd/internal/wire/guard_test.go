package wire

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/whatsapplink/cloud/cmd/internal/boot"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka/kafkatest"
)

// onRealKafka is a deployment on a broker of its own that brings deleted topics back.
func onRealKafka(t *testing.T) *deployment {
	t.Helper()
	if testing.Short() {
		t.Skip("a real broker takes seconds to start")
	}
	broker := kafkatest.Start(t, kafkatest.Options{Properties: map[string]string{"auto.create.topics.enable": "true"}})
	d := &deployment{t: t, logs: &safeBuffer{}, env: map[string]string{"WL_KAFKA_BROKERS": strings.Join(broker.Brokers(), ",")}}
	d.cluster = d.process("test").Cluster
	t.Cleanup(d.cluster.Close)
	if err := d.cluster.CreateTopics(within(t), testPlan().Topics()); err != nil {
		t.Fatal(err)
	}
	return d
}

// Goal: on a real broker, a retention lengthened by hand makes a stage unready and is told by the metric and the log, one
// shortened does not, and put back all is well; what cannot be made good stops a start; a fresh deployment has no drift.
// Method: settings changed one after another, a look after each.
func TestDriftOnARealBroker(t *testing.T) {
	t.Parallel()
	d := onRealKafka(t)
	p := d.process("redact")
	g := newGuard(p)
	set := func(topic, setting, value string) {
		t.Helper()
		if err := d.cluster.AlterConfigs(within(t), topic, map[string]string{setting: value}); err != nil {
			t.Fatal(err)
		}
	}
	look := func() error {
		t.Helper()
		if err := g.look(within(t)); err != nil {
			t.Fatal(err)
		}
		return g.ready()
	}
	if drifts, err := g.drifts(within(t)); err != nil || len(drifts) > 0 {
		t.Fatalf("as planned: %v, %v", drifts, err)
	}
	set(EventsT, "retention.ms", "5184000000")
	err := look()
	eventually(t, "the broker shows the change", func() bool { err = look(); return err != nil })
	if n := testutil.ToFloat64(g.gauge.WithLabelValues(EventsT)); n != 1 || !strings.Contains(err.Error(), "retention.ms of events is 5184000000, not 2592000000") {
		t.Errorf("wl_retention_drift %v, %v", n, err)
	}
	if err := g.topics(within(t)); err != nil {
		t.Errorf("a stage that would be unready must start: %v", err)
	}
	set(EventsT, "retention.ms", "1000")
	eventually(t, "ready with a shorter one", func() bool { return look() == nil })
	set(EventsT, "retention.ms", "2592000000")
	eventually(t, "as planned again", func() bool { drifts, err := g.drifts(within(t)); return err == nil && len(drifts) == 0 })
	if n := testutil.CollectAndCount(g.gauge); look() != nil || n != 0 {
		t.Errorf("put back: %v, %d series", g.ready(), n)
	}

	for setting, c := range map[string][3]string{
		"retention.ms": {"keys.3s", "86400000", "4000"}, "segment.ms": {"keys.60s", "604800000", "1000"}, "cleanup.policy": {RoutedT, "compact", "delete"},
		"message.timestamp.type": {"keys.3s", "CreateTime", "LogAppendTime"}, "file.delete.delay.ms": {"keys.3s", "60000", "0"},
		"unclean.leader.election.enable": {"delivered.3s", "true", "false"},
	} {
		set(c[0], setting, c[1])
		var problem boot.Problem
		eventually(t, "a refusal of "+setting, func() bool { return errors.As(g.topics(within(t)), &problem) })
		if problem.Variable != c[0] || !strings.HasPrefix(problem.What, setting) {
			t.Errorf("%s: %v", setting, problem)
		}
		set(c[0], setting, c[2])
		eventually(t, setting+" put back", func() bool { return g.topics(within(t)) == nil })
	}
	var problem boot.Problem
	if err := binary[RedactConfig](d, "redact", Redact).Run(within(t)); !errors.As(err, &problem) || problem.Variable != "auto.create.topics.enable" {
		t.Errorf("a start on brokers that create topics: %v", err)
	}
	if err := g.clock(within(t)); err != nil {
		t.Errorf("the broker's clock is this machine's: %v", err)
	}
}

// Goal: a whole service shows it. Method: a drift in the guard of a service whose own readiness is fine, and the other way.
func TestAServiceIsReadyOnlyWithoutDrift(t *testing.T) {
	p := (&deployment{t: t, logs: &safeBuffer{}, env: map[string]string{"WL_KAFKA_BROKERS": "127.0.0.1:9"}}).process("route")
	own := errors.New("not yet")
	g := newGuard(p)
	s := g.over(boot.Service{Ready: func() error { return own }, Run: func(context.Context) error { return nil }})
	if err := s.Ready(); !errors.Is(err, own) {
		t.Errorf("%v", err)
	}
	own = nil
	if err := s.Ready(); err != nil {
		t.Errorf("%v", err)
	}
	g.drifted = []Drift{{Topic: EventsT, Setting: "retention.ms", Want: "1", Have: "-1", Weakens: true}}
	if err := s.Ready(); pipeline.Class(err) != "retention drift: retention.ms of events is -1, not 1" {
		t.Errorf("%v", err)
	}
}
