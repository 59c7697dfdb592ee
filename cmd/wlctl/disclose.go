package main

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/wire"
	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/pipeline/seal"
)

type discloseCmd struct {
	JSON bool `help:"One JSON object." name:"json"`
}

// disclosure is what is promised of content and what stands behind it, as read back from Kafka and ClickHouse.
type disclosure struct {
	PolicyVersion string              `json:"policy_version"`
	Windows       []windowTerms       `json:"windows"`
	Topics        []topicTerms        `json:"topics"`
	Tables        []tableTerms        `json:"tables"`
	TablesUnread  string              `json:"tables_unread,omitempty"` // why there are none
	Brokers       []brokerTerms       `json:"brokers"`
	Lateness      map[string]lateness `json:"redaction_lateness"` // by receipt state, of the last day
	Plaintext     []plaintext         `json:"oldest_plaintext"`
	Readers       []reader            `json:"readers"`
	Look          []string            `json:"look"` // what no client of Kafka sees
	Drift         []wire.Drift        `json:"drift"`
}

// windowTerms say how long content can be read under a window, and the most it takes until nobody can.
type windowTerms struct {
	Window   string  `json:"window"`
	Seconds  float64 `json:"window_seconds"`
	Bucket   float64 `json:"bucket_seconds"`
	Bound    float64 `json:"bound_seconds"`         // window + 2 buckets + the brokers' check interval
	Restart  float64 `json:"bound_restart_seconds"` // the same across a broker's restart: + initialDelay
	Topic    string  `json:"key_topic"`
	Retained string  `json:"key_retention_ms"` // as read back
}

// topicTerms are a topic's settings that the schedule fixes, as read back.
type topicTerms struct {
	Topic    string            `json:"topic"`
	Settings map[string]string `json:"settings"`
}

// brokerTerms are a broker's settings that bear on the bound.
type brokerTerms struct {
	ID       int               `json:"id"`
	Settings map[string]string `json:"settings"`
}

// brokerSettings by Kafka's names.
var brokerSettings = []string{
	"log.retention.check.interval.ms", "auto.create.topics.enable", "unclean.leader.election.enable", "log.segment.delete.delay.ms", "log.dirs",
}

// initialDelay is how long a restarted broker waits before it looks for expired segments: log.initial.task.delay.ms, which
// brokers do not tell (Kafka 4.1), by its default.
const initialDelay = 30 * time.Second

// reader says who reads a class of data, by the table of binaries.
type reader struct {
	Class string `json:"class"`
	Where string `json:"where"`
	Who   string `json:"who"`
}

var readers = []reader{
	{"content and recipient, plain", "requests*", "producers, validate; deliver in memory for one call"},
	{"content and recipient, sealed", "validated routed retry.* delivered.* rejected", "opened by deliver for one call and by custody for an audited asker; route and redact pass ciphertext on"},
	{"keys, wrapped", "keys.*", "validate, deliver and custody through the keeper of WL_KEYS_URL; redact sees them wrapped"},
	{"pseudonyms and metadata", "attempts status events outcomes.* redacted, ClickHouse", "stages, analysts by views, each tenant its own outcomes"},
	{"evidence", "receipts audit controls", "record, custody, auditors"},
}

// Run prints the disclosure, and exits 1 where something is kept longer than promised or a guard is off.
func (c *discloseCmd) Run(ctx context.Context, s streams) error {
	o, err := connected(ctx, s)
	if err != nil {
		return err
	}
	defer o.close()
	d, err := o.disclose(ctx)
	if err != nil {
		return err
	}
	if c.JSON {
		err = printObject(s.out, d)
	} else {
		err = printDisclosure(s.out, d)
	}
	if err != nil {
		return err
	}
	if slices.ContainsFunc(d.Drift, func(d wire.Drift) bool { return d.Weakens }) {
		return exit(1)
	}
	return nil
}

func (o *operator) disclose(ctx context.Context) (*disclosure, error) {
	d := &disclosure{PolicyVersion: wire.PolicyVersion, Readers: readers, Drift: []wire.Drift{}}
	existing, err := o.process.Cluster.Topics(ctx)
	if err != nil {
		return nil, err
	}
	actual, err := o.process.Cluster.Settings(ctx, slices.Collect(maps.Keys(existing))...)
	if err != nil {
		return nil, err
	}
	brokers, err := o.process.Cluster.BrokerConfigs(ctx)
	if err != nil {
		return nil, err
	}
	planned := wire.Scheduled(existing)
	d.Drift = append(d.Drift, wire.Drifts(planned, actual)...)
	d.Drift = append(d.Drift, unplanned(planned, actual)...)
	d.topics(planned, actual)
	d.brokers(brokers, o.cfg.Prefix)
	d.windows(existing, actual)
	if d.Lateness, err = o.latenesses(ctx, existing[wire.ReceiptsT]); err != nil {
		return nil, err
	}
	if d.Plaintext, err = o.oldestPlaintext(ctx, existing); err != nil {
		return nil, err
	}
	o.tables(ctx, d)
	return d, nil
}

// unplanned are topics under our prefix that are none of the contract: nobody watches their end. A hold's has its own.
func unplanned(planned []kafka.TopicSpec, actual map[string]map[string]string) []wire.Drift {
	var all []wire.Drift
	for _, topic := range slices.Sorted(maps.Keys(actual)) {
		if strings.HasPrefix(topic, "held.") || slices.ContainsFunc(planned, func(s kafka.TopicSpec) bool { return s.Name == topic }) {
			continue
		}
		have := actual[topic]
		endless := have["cleanup.policy"] != "delete" || strings.HasPrefix(have["retention.ms"], "-")
		all = append(all, wire.Drift{Topic: topic, Setting: "topic", Want: "none of this name", Have: have["cleanup.policy"] + ", retention.ms=" + have["retention.ms"], Weakens: endless})
	}
	return all
}

func (d *disclosure) topics(planned []kafka.TopicSpec, actual map[string]map[string]string) {
	for _, spec := range planned {
		t := topicTerms{Topic: spec.Name, Settings: map[string]string{}}
		for setting := range spec.Configs {
			t.Settings[setting] = actual[spec.Name][setting]
		}
		d.Topics = append(d.Topics, t)
	}
	slices.SortFunc(d.Topics, func(a, b topicTerms) int { return strings.Compare(a.Topic, b.Topic) })
}

func (d *disclosure) brokers(brokers map[int]map[string]string, prefix string) {
	for _, id := range slices.Sorted(maps.Keys(brokers)) {
		b := brokerTerms{ID: id, Settings: map[string]string{}}
		for _, name := range brokerSettings {
			if value, ok := brokers[id][name]; ok && value != "" {
				b.Settings[name] = value
			}
		}
		d.Brokers = append(d.Brokers, b)
		d.Drift = append(d.Drift, wire.BrokerDrifts(id, brokers[id])...)
		dirs := brokers[id]["log.dirs"]
		if dirs == "" {
			dirs = brokers[id]["log.dir"]
		}
		for dir := range strings.SplitSeq(dirs, ",") {
			if dir = strings.TrimSpace(dir); dir != "" {
				d.Look = append(d.Look, "on broker "+number(int64(id))+": find "+dir+" -maxdepth 1 -name '"+prefix+"*-stray' -o -name '"+prefix+"*-delete'")
			}
		}
	}
	d.Look = append(d.Look, "replicas that were offline, mirrors, backups, disk snapshots: what Kafka deletes there is not deleted here")
}

// windows are those that topics exist for; the slowest broker counts.
func (d *disclosure) windows(existing map[string]int, actual map[string]map[string]string) {
	var check time.Duration
	for _, b := range d.Brokers {
		check = max(check, milliseconds(b.Settings["log.retention.check.interval.ms"]))
	}
	seen := map[time.Duration]bool{}
	for topic := range existing {
		if w := wire.WindowOf(topic); w > 0 {
			seen[w] = true
		}
	}
	for _, w := range slices.Sorted(maps.Keys(seen)) {
		shortest := wire.MinBucket(w)
		keys := seal.KeyTopic(seal.WindowName(w))
		bound := seal.Bound(w, shortest, check)
		d.Windows = append(d.Windows, windowTerms{
			Window: seal.WindowName(w), Seconds: w.Seconds(), Bucket: seal.Bucket(w, shortest).Seconds(), Bound: bound.Seconds(),
			Restart: (bound + initialDelay).Seconds(), Topic: keys, Retained: actual[keys]["retention.ms"],
		})
	}
}
