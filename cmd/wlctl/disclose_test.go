package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/wire"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/sinks/clickhouse"
	engine "github.com/whatsapplink/cloud/sinks/clickhouse/embedded"
)

// disclosed runs the verb and reads its JSON.
func disclosed(t *testing.T) (d disclosure, code int) {
	t.Helper()
	code, out, errs := wlctl("", "disclose", "--json")
	if err := json.Unmarshal([]byte(out), &d); err != nil {
		t.Fatalf("exit %d, %v: %s%s", code, err, out, errs)
	}
	return d, code
}

// Goal: the terms are those of the topics that exist, lateness and plaintext are measured, and each thing that lengthens
// the promise is named with what is wanted and had, and fails the command; what shortens it is shown. Method: the verb on
// a small deployment with an engine, then settings, a topic and a table changed by hand.
func TestDiscloseTellsTermsMeasuresAndDrift(t *testing.T) {
	o := deployed(t)
	url := engine.ForTest(t)
	t.Setenv("WL_CLICKHOUSE_URL", url)
	must(t, "", "setup", "--apply")
	put := func(topic string, value []byte) {
		t.Helper()
		if _, err := o.process.Cluster.Log().Append(within(t), []pipeline.Output{{Topic: topic, Partition: 0, Key: []byte("k"), Value: value}}); err != nil {
			t.Fatal(err)
		}
	}
	deadline := time.Now().Add(-time.Minute).Truncate(time.Microsecond)
	receipt := schemas.Receipt{State: "expired", Lane: "delivered.20s", Bucket: deadline, Deadline: deadline, ObservedAt: deadline.Add(1500 * time.Millisecond)}
	value, err := schemas.Receipts.Encode(&receipt)
	if err != nil {
		t.Fatal(err)
	}
	put(wire.ReceiptsT, value)
	put(wire.Requests, []byte("CANARY"))

	d, code := disclosed(t)
	if code != 0 || len(d.Drift) > 0 {
		t.Errorf("as planned: exit %d, %+v", code, d.Drift)
	}
	if len(d.Windows) != 2 || d.Windows[0].Window != "20s" || d.Windows[0].Seconds != 20 || d.Windows[0].Bound < 22 || d.Windows[0].Restart != d.Windows[0].Bound+30 || d.Windows[0].Retained != "21000" {
		t.Errorf("windows %+v", d.Windows)
	}
	if l := d.Lateness["expired"]; l.Receipts != 1 || l.Max != 1.5 || l.P50 != 1.5 {
		t.Errorf("lateness %+v", d.Lateness)
	}
	if len(d.Plaintext) != 1 || d.Plaintext[0].Topic != wire.Requests || d.Plaintext[0].Seconds <= 0 {
		t.Errorf("plaintext %+v", d.Plaintext)
	}
	i := slices.IndexFunc(d.Tables, func(t tableTerms) bool { return t.Table == "events" })
	if i < 0 || d.Tables[i].TTL == "" || !strings.Contains(d.Tables[i].From, "400") || len(d.Tables) < len(keptDays) {
		t.Errorf("tables %+v", d.Tables)
	}

	alter := func(topic, setting, value string) {
		t.Helper()
		if err := o.process.Cluster.AlterConfigs(within(t), topic, map[string]string{setting: value}); err != nil {
			t.Fatal(err)
		}
	}
	alter(wire.EventsT, "retention.ms", "1000")
	if d, code := disclosed(t); code != 0 || len(d.Drift) != 1 || d.Drift[0].Weakens || d.Drift[0].Have != "1000" {
		t.Errorf("a shorter one: exit %d, %+v", code, d.Drift)
	}
	alter("keys.20s", "retention.ms", "86400000")
	if err := o.process.Cluster.CreateTopics(within(t), []kafka.TopicSpec{{Name: "copy-of-requests", Partitions: 1, Replication: 1, Configs: map[string]string{"retention.ms": "-1"}}}); err != nil {
		t.Fatal(err)
	}
	db, err := clickhouse.Open(clickhouse.Config{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	for _, sql := range []string{"ALTER TABLE receipts REMOVE TTL", "ALTER TABLE delivery_hourly MODIFY TTL hour + toIntervalDay(4000) DELETE"} {
		if _, err := db.Query(within(t), sql); err != nil {
			t.Fatal(err)
		}
	}
	d, code = disclosed(t)
	var weakens []string
	for _, x := range d.Drift {
		if x.Weakens {
			weakens = append(weakens, x.Topic+" "+x.Setting+" "+x.Want)
		}
	}
	want := []string{"keys.20s retention.ms 21000", "copy-of-requests topic none of this name", "table delivery_hourly TTL 400 d", "table receipts TTL retain_until"}
	if code != 1 || !slices.Equal(weakens, want) {
		t.Errorf("exit %d, %q, want %q", code, weakens, want)
	}
	code, out, _ := wlctl("", "disclose")
	if code != 1 || !strings.Contains(out, "keys.20s") || !strings.Contains(out, "86400000") || strings.Contains(out, "CANARY") {
		t.Errorf("for people: exit %d\n%s", code, out)
	}
}

// Goal: a ClickHouse that does not answer is told, not taken for drift. Method: the address of nothing.
func TestDiscloseSaysThatTablesWereNotRead(t *testing.T) {
	deployed(t)
	if d, code := disclosed(t); code != 0 || d.TablesUnread == "" || len(d.Tables) > 0 {
		t.Errorf("exit %d, %q", code, d.TablesUnread)
	}
}
