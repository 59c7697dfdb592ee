package wire

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/whatsapplink/cloud/cmd/internal/boot"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/pipeline/seal"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/stages/redact"
)

// RedactConfig is the configuration of redact.
type RedactConfig struct {
	boot.Common
	Keyless
}

// Check names what single variables cannot show.
func (c *RedactConfig) Check() []boot.Problem { return c.Keyless.check() }

// redactor is delivered.* -> redacted, receipts.
type redactor struct {
	process  *boot.Process
	log      pipeline.Log
	late     prometheus.Histogram
	standing *ages
}

// Redact wires delivered.* -> redacted, receipts. It holds no key.
func Redact(p *boot.Process, _ *RedactConfig) (boot.Service, error) {
	r := &redactor{process: p, log: p.Cluster.Log(), late: prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "wl_redaction_lateness_seconds", Help: "From the end of a copy's window to its stripped record and receipt.",
		Buckets: prometheus.ExponentialBuckets(0.01, 4, 10),
	})}
	p.Registry.MustRegister(r.late)
	r.standing = newAges(p.Registry, "wl_oldest_unredacted_seconds", "Age of the oldest copy read and not trimmed, by its lane's window.", "window")
	group := kafka.Group{
		Cluster: p.Cluster, ID: "wl.redact", Logger: p.Log, Topics: topicsWith(p.Cluster, "delivered."),
		Own: r.own,
	}
	return boot.Service{Ready: func() error { return nil }, Run: func(ctx context.Context) error {
		windows, err := awaitWindows(ctx, p)
		if err != nil {
			return nil // asked to stop before the deployment was there
		}
		if err := refuse(ctx, p.Cluster, windows, "delivered."); err != nil {
			return err
		}
		return group.Run(ctx)
	}}, nil
}

// own redacts one partition of one lane.
func (r *redactor) own(ctx context.Context, o *kafka.Owned) error {
	src := o.Source()
	lane, err := seal.ParseWindow(strings.TrimPrefix(src.Topic(), "delivered."))
	if err != nil {
		return fmt.Errorf("lane %s: %w", src.Topic(), err)
	}
	bucket := seal.Bucket(lane, MinBucket(lane))
	var prior map[string]schemas.Receipt
	err = pipeline.Retry(ctx, pipeline.Backoff{}, "read back receipts", func(ctx context.Context) (err error) {
		prior, err = r.standingReceipts(ctx, src, bucket)
		return err
	})
	if err != nil {
		return err
	}
	cut := behind(r.process.Cluster, src)
	defer r.standing.of(cut, seal.WindowName(lane))()
	return r.batch(&laneReceipts{redactor: r, bucket: bucket, prior: prior}).Run(ctx, cut)
}

func (r *redactor) batch(target pipeline.Target[redact.Stripped]) *pipeline.Batch[redact.Due, redact.Stripped] {
	stage := redact.Stage{PolicyVersion: PolicyVersion}
	return &pipeline.Batch[redact.Due, redact.Stripped]{
		Name: "redact", Decode: r.decode, Due: due, Limits: batchLimits, Metrics: r.process.Metrics, Target: r.timed(target),
		Step: func(d redact.Due) ([]redact.Stripped, error) {
			d.Now = time.Now() // of the step: decoding runs ahead of the wait for the head of the lane
			return stage.Step(d)
		},
		DeadLetters: &pipeline.Topics[pipeline.DeadLetter[redact.Due]]{Encode: r.rejected, Log: r.log},
	}
}

// timed measures how long after the end of their windows copies were stripped and told of.
func (r *redactor) timed(target pipeline.Target[redact.Stripped]) pipeline.Target[redact.Stripped] {
	return pipeline.TargetFunc[redact.Stripped](func(ctx context.Context, span pipeline.Span, all []redact.Stripped) error {
		err := target.Write(ctx, span, all)
		for i := range all {
			if err == nil {
				r.late.Observe(max(0, time.Since(all[i].Redacted.DueAt)).Seconds())
			}
		}
		return err
	})
}

func due(d redact.Due) time.Time { return d.DueAt }

func (r *redactor) decode(rec pipeline.Record) (redact.Due, error) {
	d, err := schemas.Delivereds.Decode(rec.Value)
	if err != nil {
		return redact.Due{}, undecodable(err)
	}
	return redact.Due{Delivered: d, Position: rec.Position}, nil
}

func (r *redactor) stripped(_ context.Context, s redact.Stripped) ([]pipeline.Output, error) {
	return encodeAll(
		record(RedactedT, []byte(s.Redacted.MessageID), schemas.Redacteds, &s.Redacted),
		record(EventsT, []byte(s.Redacted.MessageID), schemas.Events, &s.Event),
	)
}

func (r *redactor) rejected(_ context.Context, d pipeline.DeadLetter[redact.Due]) ([]pipeline.Output, error) {
	return envelope("redact", d.Record, d.Reason, nil)
}
