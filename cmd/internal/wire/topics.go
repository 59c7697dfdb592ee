package wire

import (
	"strconv"
	"time"

	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/pipeline/seal"
	"github.com/whatsapplink/cloud/stages/deliver"
)

// Names of topics, without the prefix.
const (
	Requests     = "requests"
	ValidatedT   = "validated"
	RoutedT      = "routed"
	Attempts     = "attempts"
	StatusT      = "status"
	RedactedT    = "redacted"
	RejectedT    = "rejected"
	EventsT      = "events"
	ReceiptsT    = "receipts"
	TenantsT     = "tenants"
	Suppressions = "suppressions"
	StopsT       = "stops"
	ControlsT    = "controls"
	AnswersT     = "answers"
	AuditT       = "audit"
	Notices      = "notices"
)

// RequestsOf is a tenant's own ingress topic, guarded by an ACL.
func RequestsOf(tenant string) string { return Requests + "." + tenant }

// OutcomesOf is a tenant's topic of outcomes.
func OutcomesOf(tenant string) string { return "outcomes." + tenant }

// DeliveredLane is the lane of diagnostic copies of one window.
func DeliveredLane(window time.Duration) string { return "delivered." + seal.WindowName(window) }

// Plan says how a deployment's topics are to be.
type Plan struct {
	Windows     []time.Duration
	Tenants     []string // with a requests topic of their own
	Outcomes    []string // tenants that hear back
	Partitions  int      // of most topics
	Routed      int      // of routed and its companions
	Replication int
}

const (
	day       = 24 * time.Hour
	roll      = 5 * time.Minute // segment.ms of topics with plain or sealed content
	ingressMB = 4 << 20
	sealedMB  = 2 << 20
)

// Topics lists every topic of a plan with its settings: the contract's table as data.
func (p Plan) Topics() []kafka.TopicSpec {
	n, r := p.Partitions, p.Routed
	specs := []kafka.TopicSpec{
		p.topic(Requests, n, kept(day), content(roll), size(ingressMB)),
		p.topic(ValidatedT, n, kept(2*day), content(roll), size(sealedMB)),
		p.topic(RoutedT, r, kept(2*day), content(roll), size(sealedMB)),
		p.topic(Attempts, r, kept(2*day)),
		p.topic(StatusT, r, kept(8*day)),
		p.topic(RedactedT, n, kept(30*day)),
		p.topic(RejectedT, n, kept(2*day), content(roll), size(sealedMB)),
		p.topic(EventsT, n, kept(30*day)),
		p.topic(ReceiptsT, n, kept(730*day)),
		p.topic(TenantsT, 1, compacted(time.Hour)),
		p.topic(Suppressions, 1, compacted(0)),
		p.topic(StopsT, 1, compacted(0)),
		p.topic(ControlsT, 1, kept(400*day)),
		p.topic(AnswersT, 1, kept(10*time.Minute), content(time.Minute)),
		p.topic(AuditT, 1, kept(400*day)),
		p.topic(Notices, n, kept(30*day)),
	}
	for _, l := range deliver.Lanes {
		specs = append(specs, p.topic(l.Topic, r, kept(2*day), content(roll), size(sealedMB)))
	}
	for _, w := range p.Windows {
		bucket := seal.Bucket(w, MinBucket(w))
		specs = append(specs,
			p.topic(seal.KeyTopic(seal.WindowName(w)), 1, kept(w+bucket), content(bucket)),
			p.topic(DeliveredLane(w), n, kept(w+day), content(bucket), size(sealedMB)))
	}
	for _, t := range p.Tenants {
		specs = append(specs, p.topic(RequestsOf(t), n, kept(day), content(roll), size(ingressMB)))
	}
	for _, t := range p.Outcomes {
		specs = append(specs, p.topic(OutcomesOf(t), n, kept(7*day)))
	}
	return specs
}

// MinBucket is the smallest bucket of time: a minute, and a second for windows of demo and tests, named in seconds.
func MinBucket(window time.Duration) time.Duration {
	if window < time.Hour {
		return time.Second
	}
	return time.Minute
}

type setting func(map[string]string)

func (p Plan) topic(name string, partitions int, settings ...setting) kafka.TopicSpec {
	configs := map[string]string{
		"message.timestamp.type":         "LogAppendTime",
		"min.insync.replicas":            strconv.Itoa(min(2, p.Replication)),
		"unclean.leader.election.enable": "false",
	}
	for _, s := range settings {
		s(configs)
	}
	return kafka.TopicSpec{Name: name, Partitions: partitions, Replication: p.Replication, Configs: configs}
}

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// kept deletes records by age.
func kept(d time.Duration) setting {
	return func(c map[string]string) { c["cleanup.policy"], c["retention.ms"] = "delete", millis(d) }
}

// compacted keeps the last record of each key; lag bounds how long an older one may stay, 0 leaves the broker's default.
func compacted(lag time.Duration) setting {
	return func(c map[string]string) {
		c["cleanup.policy"] = "compact"
		if lag > 0 {
			c["max.compaction.lag.ms"] = millis(lag)
		}
	}
}

// content rolls segments and deletes their files at once: plain and sealed content must leave the disk on time.
func content(segment time.Duration) setting {
	return func(c map[string]string) { c["segment.ms"], c["file.delete.delay.ms"] = millis(segment), "0" }
}

func size(bytes int) setting {
	return func(c map[string]string) { c["max.message.bytes"] = strconv.Itoa(bytes) }
}
