package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/whatsapplink/cloud/cmd/internal/deployment"
	"github.com/whatsapplink/cloud/cmd/internal/wire"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/schemas"
)

// few is how many records each stage gets to work on.
const few = 10

const (
	content    = "Your parcel is on its way, neighbour."
	tenantID   = "acme-shop"
	callbackIn = "/webhooks/whatsapp"
)

// lone runs one stage alone: on topics under a prefix of its own, which hold only what the stage reads and writes.
type lone struct {
	*world
	stage   string
	cluster *kafka.Cluster
	records map[string][]pipeline.Record // of all stages so far, by topic
}

// topicsOf are the topics that each stage reads, which get what the stages before left there, and those it writes. A name
// that ends with a dot stands for all that begin with it.
var topicsOf = map[string]struct{ reads, writes []string }{
	"validate": {[]string{"requests", "tenants", "suppressions", "stops"}, []string{"validated", "rejected", "keys.", "delivered.", "events"}},
	"route":    {[]string{"validated", "tenants", "suppressions", "stops"}, []string{"routed", "rejected", "events"}},
	"deliver": {[]string{"routed", "retry.", "status", "keys.", "tenants", "suppressions", "stops"},
		[]string{"attempts", "delivered.", "rejected", "events", "outcomes."}},
	"redact":  {[]string{"delivered."}, []string{"redacted", "receipts", "rejected", "events"}},
	"listen":  {[]string{"tenants", "suppressions", "stops"}, []string{"status", "events", "outcomes."}},
	"record":  {[]string{"events", "receipts", "audit"}, nil},
	"custody": {[]string{"controls", "keys.", "delivered.", "tenants", "suppressions", "stops"}, []string{"answers", "audit", "rejected", "events"}},
}

// among says whether a topic is one of names.
func among(topic string, names []string) bool {
	return slices.ContainsFunc(names, func(n string) bool {
		return topic == n || strings.HasSuffix(n, ".") && strings.HasPrefix(topic, n)
	})
}

// variablesOf are the variables of each stage, besides those of Kafka.
var variablesOf = map[string][]string{
	"validate": {"WL_KEYS_URL", "WL_REFS_URL", "WL_DELIVERY_WINDOW", "WL_DIAGNOSTIC_WINDOW"},
	"deliver":  {"WL_KEYS_URL", "WL_REFS_URL", "WL_CREDENTIALS_DIR", "WL_CLOUD_API_URL"},
	"listen":   {"WL_REFS_URL", "WL_APP_SECRET_FILE", "WL_VERIFY_TOKEN_FILE", "WL_LISTEN"},
	"record":   {"WL_CLICKHOUSE_URL"},
	"custody":  {"WL_KEYS_URL"},
}

// Goal: any stage runs with nothing of ours beside it but its own topics and variables: it becomes ready, does its work,
// drains when asked to stop and exits with 0. Method: one stage after the other on topics under a prefix of its own;
// what one left behind is copied to the next.
func TestAnyStageRunsAlone(t *testing.T) {
	w := newWorld(t, "alone.", 4*time.Minute, map[string]string{
		"WL_WINDOWS": "60s,120s", "WL_DELIVERY_WINDOW": "120s", "WL_DIAGNOSTIC_WINDOW": "60s", "WL_LISTEN": deployment.FreeAddress(),
	})
	db := w.engine()
	_, err := w.Wlctl(w.ctx, "setup", "--apply", "--tenants", w.Tenants())
	w.must(err)
	simulation, err := w.Simulate([]string{"http://" + w.Environment["WL_LISTEN"] + callbackIn}, "--delay", "10ms")
	w.must(err)
	l := &lone{world: w, records: map[string][]pipeline.Record{}}
	l.keep(w.cluster(w.prefix()), "tenants")

	l.run("validate", l.publish, func() {
		l.see("validated", few)
		l.see("events", few)
		l.keep(l.cluster, "keys.60s", "keys.120s")
	})
	l.run("route", nil, func() { l.see("routed", few); l.see("events", few) })
	l.run("deliver", nil, func() {
		l.see("delivered.60s", few)
		l.see("attempts", 2*few) // a claim and an outcome each
		l.keep(l.cluster, "keys.60s", "events")
	})
	ledger, err := w.Ledger(w.ctx)
	w.must(err)
	if ledger.Accepted != few || ledger.Doubles != 0 {
		t.Errorf("the simulator accepted %d sends, %d twice", ledger.Accepted, ledger.Doubles)
	}
	l.run("custody", nil, func() { l.show(); l.keep(l.cluster, "audit") })
	l.run("redact", l.makeDue, func() {
		l.see("redacted", few)
		l.see("events", few)
		l.keep(l.cluster, "receipts")
	})
	l.run("listen", nil, func() { l.forge(); l.see("status", few); l.keep(l.cluster, "events") })
	w.must(deployment.Stop(simulation))
	l.run("record", nil, func() {
		w.await("events are in ClickHouse", 200*time.Millisecond, func() error {
			rows, err := db.Query(w.ctx, "SELECT count(DISTINCT message_id), countIf(kind = 'redacted') FROM events FINAL")
			return unless(err == nil && fmt.Sprint(rows.Values) == fmt.Sprintf("[[%d %d]]", few, few), "%v, %v", rows.Values, err)
		})
	})
}

// run runs a stage: topics with what was kept for them, the stage, its work, its end.
func (l *lone) run(stage string, prepare, work func()) {
	l.t.Helper()
	prefix := l.prefix() + stage + "."
	l.stage, l.cluster = stage, l.world.cluster(prefix)
	var specs []kafka.TopicSpec
	plan := wire.Plan{Windows: []time.Duration{time.Minute, 2 * time.Minute}, Outcomes: []string{tenantID, "cargo-india"}, Partitions: 2, Routed: 2, Replication: 1}
	for _, spec := range plan.Topics() {
		clock := spec.Name == wire.Notices // by a marker in it each stage learns the broker's time
		if clock || among(spec.Name, topicsOf[stage].reads) || among(spec.Name, topicsOf[stage].writes) {
			specs = append(specs, spec)
		}
	}
	l.must(l.cluster.CreateTopics(l.ctx, specs))
	for _, spec := range specs {
		if among(spec.Name, topicsOf[stage].reads) {
			l.append(spec.Name, l.records[spec.Name])
		}
	}
	if prepare != nil {
		prepare()
	}
	alone := deployment.Deployment{Bin: l.Bin, Dir: l.t.TempDir(), Environment: map[string]string{"WL_TOPIC_PREFIX": prefix}}
	for _, name := range append([]string{"WL_KAFKA_BROKERS"}, variablesOf[stage]...) {
		alone.Environment[name] = l.Environment[name]
	}
	defer alone.Close()
	p, err := alone.Start(stage, nil)
	l.must(err)
	l.must(p.Ready(l.ctx))
	work()
	l.must(deployment.Stop(p))
	l.log("%s ran alone", stage)
}

// append puts records into a topic of the stage.
func (l *lone) append(topic string, records []pipeline.Record) {
	l.t.Helper()
	var outputs []pipeline.Output
	for _, r := range records {
		outputs = append(outputs, pipeline.Output{Topic: topic, Partition: pipeline.AnyPartition, Key: r.Key, Value: r.Value})
	}
	_, err := l.cluster.Log().Append(l.ctx, outputs)
	l.must(err)
}

// keep adds what a topic holds to what later stages get.
func (l *lone) keep(c *kafka.Cluster, topics ...string) {
	l.t.Helper()
	for _, topic := range topics {
		records, err := l.read(c, topic)
		l.must(err)
		l.records[topic] = append(l.records[topic], records...)
	}
}

// see waits until a topic of the stage holds so many records, and keeps them.
func (l *lone) see(topic string, n int) {
	l.t.Helper()
	l.await(l.stage+" wrote "+topic, 100*time.Millisecond, func() error {
		records, err := l.read(l.cluster, topic)
		return unless(err == nil && len(records) >= n, "%d of %d, %v", len(records), n, err)
	})
	l.keep(l.cluster, topic)
}

// read reads a topic from its beginning to its end.
func (w *world) read(c *kafka.Cluster, topic string) (all []pipeline.Record, err error) {
	topics, err := c.Topics(w.ctx)
	for partition := range topics[topic] {
		if err == nil {
			err = wire.Scan(w.ctx, c.Tail(topic, partition, kafka.Beginning), func(r pipeline.Record) error {
				all = append(all, r)
				return nil
			})
		}
	}
	return all, err
}

// publish appends good requests.
func (l *lone) publish() {
	for range few {
		r := schemas.MessageRequest{
			MessageID: ulid.Make().String(), TenantID: tenantID, Recipient: schemas.Recipient{Phone: "+4915112345678"},
			Category: schemas.Utility, Content: schemas.Text{Body: content}, CreatedAt: time.Now(), Labels: map[string]string{},
		}
		value, err := schemas.MessageRequests.Encode(&r)
		l.must(err)
		l.append(wire.Requests, []pipeline.Record{{Key: []byte(r.Recipient.Phone), Value: value}})
	}
}

// makeDue replaces the waiting copies by copies that are due.
func (l *lone) makeDue() {
	var due []pipeline.Record
	for _, r := range l.records["delivered.60s"] {
		d, err := schemas.Delivereds.Decode(r.Value)
		l.must(err)
		d.DueAt = time.Now()
		value, err := schemas.Delivereds.Encode(&d)
		l.must(err)
		due = append(due, pipeline.Record{Key: r.Key, Value: value})
	}
	l.append("delivered.120s", due) // another lane: the head of this one is not due
}

// show asks custody for the content of one message, as an operator does.
func (l *lone) show() {
	l.t.Helper()
	operator := deployment.Deployment{Bin: l.Bin, Dir: l.Dir, Environment: map[string]string{
		"WL_KAFKA_BROKERS": l.Environment["WL_KAFKA_BROKERS"], "WL_TOPIC_PREFIX": l.prefix() + "custody.",
	}}
	id := string(l.records["delivered.60s"][0].Key)
	out, err := operator.Wlctl(l.ctx, "content", "show", id, "--tenant", tenantID, "--purpose", "debug", "--incident", "INC-1")
	l.must(err)
	if !strings.Contains(out, content) || !strings.Contains(out, "wamid.") {
		l.t.Errorf("custody showed neither content nor diagnostics:\n%s", out)
	}
}

// forge posts a callback that Meta did not sign.
func (l *lone) forge() {
	l.t.Helper()
	r, err := http.NewRequestWithContext(l.ctx, http.MethodPost, "http://"+l.Environment["WL_LISTEN"]+callbackIn, bytes.NewReader([]byte(`{"object":"whatsapp_business_account","entry":[]}`)))
	l.must(err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-Hub-Signature-256", "sha256="+strings.Repeat("0", 64))
	answer, err := http.DefaultClient.Do(r)
	l.must(err)
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusUnauthorized {
		l.t.Errorf("a forged callback was answered with %d", answer.StatusCode)
	}
}
