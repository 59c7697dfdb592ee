package kafka

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/createtopics"
	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"

	"github.com/whatsapplink/cloud/pipeline"
)

// requestTimeout bounds every request. It is long because a request that times out may have been carried out: short
// bounds turn a broker's pause into duplicates.
const requestTimeout = 60 * time.Second

// Config says how to reach a Kafka cluster.
type Config struct {
	Brokers  []string       // host:port, at least one
	Prefix   string         // put before every topic name on the wire, and stripped again
	ClientID string         // shown in the broker's logs and quotas
	TLS      *tls.Config    // nil: plain TCP; else TLS 1.2 or later with the broker's name verified
	SASL     sasl.Mechanism // nil: none; see SASL
	Logger   *slog.Logger   // nil: slog.Default
}

// Cluster is a connection pool to a Kafka cluster. Safe for concurrent use.
type Cluster struct {
	brokers   []string
	prefix    string
	log       *slog.Logger
	transport *kafka.Transport
	dialer    *kafka.Dialer
	client    *kafka.Client
	producer  *producer

	refreshing chan struct{} // held while one refreshes
	refreshed  time.Time     // when the last successful refresh began
}

// New returns a Cluster. It opens nothing: the first request does.
func New(cfg Config) *Cluster {
	log := cfg.Logger
	if log == nil {
		log = slog.Default()
	}
	secure := verified(cfg.TLS)
	transport := &kafka.Transport{ClientID: cfg.ClientID, TLS: secure, SASL: cfg.SASL}
	c := &Cluster{
		brokers:    cfg.Brokers,
		prefix:     cfg.Prefix,
		log:        log,
		transport:  transport,
		refreshing: make(chan struct{}, 1),
		dialer: &kafka.Dialer{
			ClientID: cfg.ClientID, TLS: secure, SASLMechanism: cfg.SASL, Timeout: 5 * time.Second, DualStack: true,
		},
		client: &kafka.Client{Addr: kafka.TCP(cfg.Brokers...), Timeout: requestTimeout, Transport: transport},
	}
	c.producer = newProducer(c)
	return c
}

// verified returns cfg with the two things nobody may switch off: TLS 1.2 and the check of the broker's name.
func verified(cfg *tls.Config) *tls.Config {
	if cfg == nil {
		return nil
	}
	cfg = cfg.Clone()
	cfg.MinVersion = max(cfg.MinVersion, tls.VersionTLS12)
	cfg.InsecureSkipVerify = false
	return cfg
}

// SASL returns the mechanism of that name (plain, scram-sha-256, scram-sha-512, or none: nil), so that callers need not
// know the library.
func SASL(mechanism, user, password string) (sasl.Mechanism, error) {
	switch mechanism {
	case "none":
		return nil, nil
	case "plain":
		return plain.Mechanism{Username: user, Password: password}, nil
	case "scram-sha-256":
		return scram.Mechanism(scram.SHA256, user, password)
	case "scram-sha-512":
		return scram.Mechanism(scram.SHA512, user, password)
	}
	return nil, fmt.Errorf("sasl mechanism %q is none of none, plain, scram-sha-256, scram-sha-512", mechanism)
}

// Close closes the connections that are idle; those in use close when their request is answered.
func (c *Cluster) Close() { c.transport.CloseIdleConnections() }

// Log returns the cluster as a log to append to.
func (c *Cluster) Log() pipeline.Log { return c.producer }

// wire is a topic's name at the broker.
func (c *Cluster) wire(topic string) string { return c.prefix + topic }

// ours strips the prefix; false when the topic is not one of ours.
func (c *Cluster) ours(wire string) (string, bool) {
	topic, ok := strings.CutPrefix(wire, c.prefix)
	return topic, ok && topic != ""
}

// refresh makes the transport read the cluster's metadata anew. The transport offers no call for it, but does it after
// every CreateTopics answer, so an empty one, which changes nothing, is that call. Many partitions lose their leader at
// once: who finds that another's refresh began after it asked is served by that.
func (c *Cluster) refresh(ctx context.Context) error {
	asked := time.Now()
	select {
	case c.refreshing <- struct{}{}:
		defer func() { <-c.refreshing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if c.refreshed.After(asked) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	began := time.Now()
	if _, err := c.transport.RoundTrip(ctx, c.client.Addr, &createtopics.Request{TimeoutMs: 1000}); err != nil {
		return err
	}
	c.refreshed = began
	return nil
}
