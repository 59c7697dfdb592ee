package wire

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/pipeline/seal"
)

// row is a row of the contract's table of topics: how a topic is cleaned up, how its segments roll, its partitions.
type row struct {
	policy     string
	retention  time.Duration // of delete
	segment    time.Duration // 0: no content, the broker's default
	partitions string        // n: of most topics; r: of routed; 1
}

// contractTable is written out from the contract, not computed, so that a changed setting shows here.
var contractTable = map[string]row{
	"requests":           {"delete", 24 * time.Hour, 5 * time.Minute, "n"},
	"requests.acme-shop": {"delete", 24 * time.Hour, 5 * time.Minute, "n"},
	"validated":          {"delete", 48 * time.Hour, 5 * time.Minute, "n"},
	"routed":             {"delete", 48 * time.Hour, 5 * time.Minute, "r"},
	"retry.10s":          {"delete", 48 * time.Hour, 5 * time.Minute, "r"},
	"retry.1m":           {"delete", 48 * time.Hour, 5 * time.Minute, "r"},
	"retry.10m":          {"delete", 48 * time.Hour, 5 * time.Minute, "r"},
	"retry.1h":           {"delete", 48 * time.Hour, 5 * time.Minute, "r"},
	"attempts":           {"delete", 48 * time.Hour, 0, "r"},
	"status":             {"delete", 8 * 24 * time.Hour, 0, "r"},
	"delivered.24h":      {"delete", 48 * time.Hour, 5 * time.Minute, "n"},
	"delivered.72h":      {"delete", 96 * time.Hour, 15 * time.Minute, "n"},
	"delivered.20s":      {"delete", 24*time.Hour + 20*time.Second, time.Second, "n"},
	"redacted":           {"delete", 30 * 24 * time.Hour, 0, "n"},
	"rejected":           {"delete", 48 * time.Hour, 5 * time.Minute, "n"},
	"keys.24h":           {"delete", 24*time.Hour + 5*time.Minute, 5 * time.Minute, "1"},
	"keys.72h":           {"delete", 72*time.Hour + 15*time.Minute, 15 * time.Minute, "1"},
	"keys.20s":           {"delete", 21 * time.Second, time.Second, "1"},
	"events":             {"delete", 30 * 24 * time.Hour, 0, "n"},
	"outcomes.acme-shop": {"delete", 7 * 24 * time.Hour, 0, "n"},
	"receipts":           {"delete", 2 * 365 * 24 * time.Hour, 0, "n"},
	"tenants":            {policy: "compact", partitions: "any"},
	"suppressions":       {policy: "compact", partitions: "1"}, // a register reads the partitions it finds at its start
	"stops":              {policy: "compact", partitions: "any"},
	"controls":           {"delete", 400 * 24 * time.Hour, 0, "1"},
	"answers":            {"delete", 10 * time.Minute, time.Minute, "any"},
	"audit":              {"delete", 400 * 24 * time.Hour, 0, "1"},
	"notices":            {"delete", 30 * 24 * time.Hour, 0, "any"},
}

var contractPlan = Plan{
	Windows: []time.Duration{20 * time.Second, 24 * time.Hour, 72 * time.Hour}, Tenants: []string{"acme-shop"}, Outcomes: []string{"acme-shop"},
	Partitions: 12, Routed: 48, Replication: 3,
}

// Goal: the plan is the contract's table. Method: compare every topic and setting with the table written out above.
func TestEveryTopicIsPlannedAsTheContractSays(t *testing.T) {
	seen := map[string]bool{}
	for _, spec := range contractPlan.Topics() {
		want, ok := contractTable[spec.Name]
		if !ok || seen[spec.Name] {
			t.Errorf("%s: not of the contract, or planned twice", spec.Name)
			continue
		}
		seen[spec.Name] = true
		check := func(setting, want string) {
			if got := spec.Configs[setting]; got != want {
				t.Errorf("%s: %s is %q, want %q", spec.Name, setting, got, want)
			}
		}
		check("message.timestamp.type", "LogAppendTime")
		check("min.insync.replicas", "2")
		check("cleanup.policy", want.policy)
		if want.policy == "delete" {
			check("retention.ms", millis(want.retention))
		}
		if want.segment > 0 {
			check("segment.ms", millis(want.segment))
			check("file.delete.delay.ms", "0")
		}
		if n, ok := map[string]int{"n": 12, "r": 48, "1": 1}[want.partitions]; ok && spec.Partitions != n {
			t.Errorf("%s: %d partitions, want %d", spec.Name, spec.Partitions, n)
		}
		if spec.Replication != 3 {
			t.Errorf("%s: %d replicas", spec.Name, spec.Replication)
		}
		if strings.HasPrefix(spec.Name, "requests") {
			check("max.message.bytes", fmt.Sprint(4<<20))
		}
		if spec.Name == "tenants" {
			check("max.compaction.lag.ms", millis(time.Hour))
		}
	}
	for name := range contractTable {
		if !seen[name] {
			t.Errorf("%s: not planned", name)
		}
	}
}

// Goal: what is acknowledged is on as many disks as promised. Method: each number of replicas.
func TestMinInsyncReplicasIsTwoExceptOnASingleBroker(t *testing.T) {
	for replication, want := range map[int]string{1: "1", 2: "2", 3: "2", 5: "2"} {
		p := contractPlan
		p.Replication = replication
		for _, spec := range p.Topics() {
			if got := spec.Configs["min.insync.replicas"]; got != want {
				t.Errorf("%d replicas: min.insync.replicas of %s is %s, want %s", replication, spec.Name, got, want)
			}
		}
	}
}

// Goal: seeds vanish by the broker's retention no later than promised. Method: compare each key topic with the bound that
// the seal package states.
func TestKeyTopicsKeepSeedsForTheirWindowAndOneBucket(t *testing.T) {
	for _, spec := range contractPlan.Topics() {
		name, ok := strings.CutPrefix(spec.Name, "keys.")
		if !ok {
			continue
		}
		w, err := seal.ParseWindow(name)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := spec.Configs["retention.ms"], millis(seal.KeyRetention(w, MinBucket(w))); got != want {
			t.Errorf("%s: retention.ms %s, want %s", spec.Name, got, want)
		}
	}
}

// Goal: a plan reaches a broker whole. Method: create it, read settings and partitions back.
func TestPlanIsWhatTheBrokerThenShows(t *testing.T) {
	t.Parallel()
	d := deploy(t)
	partitions, err := d.cluster.Topics(within(t))
	if err != nil {
		t.Fatal(err)
	}
	specs := testPlan().Topics()
	if len(partitions) != len(specs) {
		t.Errorf("%d topics, want %d", len(partitions), len(specs))
	}
	for _, spec := range specs {
		if partitions[spec.Name] != spec.Partitions {
			t.Errorf("%s: %d partitions, want %d", spec.Name, partitions[spec.Name], spec.Partitions)
		}
		actual, err := d.cluster.Configs(within(t), spec.Name)
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range spec.Configs {
			if actual[name] != want {
				t.Errorf("%s: %s is %q, want %q", spec.Name, name, actual[name], want)
			}
		}
	}
}
