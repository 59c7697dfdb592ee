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
	tail     func(topic string, partition int, from int64) pipeline.Source
	lateness *prometheus.HistogramVec
	standing *ages
	eraser   *eraser
}

// Redact wires delivered.* -> redacted, receipts, and key topics -> receipts. It holds no key: seeds are wrapped, and it looks
// at their ids and sizes only.
func Redact(p *boot.Process, _ *RedactConfig) (boot.Service, error) {
	r := newRedactor(p)
	group := kafka.Group{
		Cluster: p.Cluster, ID: "wl.redact", Logger: p.Log, Topics: topicsWith(p.Cluster, "delivered."),
		Own: r.own,
	}
	return guarded(p, boot.Service{Ready: func() error { return nil }, Run: func(ctx context.Context) error {
		windows, err := awaitWindows(ctx, p)
		if err != nil {
			return nil // asked to stop before the deployment was there
		}
		return together(ctx, group.Run, func(ctx context.Context) error { return r.eraser.run(ctx, windows[0]) })
	}}), nil
}

func newRedactor(p *boot.Process) *redactor {
	r := &redactor{process: p, log: p.Cluster.Log(), tail: p.Cluster.Tail, lateness: prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "wl_redaction_lateness_seconds",
		Help:    "Logical: from the end of a copy's window to its stripped record and receipt. Physical: from the end of a bucket's last seed to its bytes seen gone.",
		Buckets: prometheus.ExponentialBuckets(0.01, 4, 10),
	}, []string{"kind"})}
	p.Registry.MustRegister(r.lateness)
	r.standing = newAges(p.Registry, "wl_oldest_unredacted_seconds", "Age of the oldest copy read and not trimmed, by its lane's window.", "window")
	r.eraser = &eraser{redactor: r, late: newLate(p.Registry, p.Log), disks: map[string]*kafka.Disk{}, lanes: map[*lane]struct{}{}}
	return r
}

// own redacts one partition of one lane.
func (r *redactor) own(ctx context.Context, o *kafka.Owned) error {
	cut := behind(r.process.Cluster, o.Source())
	l, err := r.lane(ctx, cut)
	if err != nil {
		return err
	}
	defer r.standing.of(cut, seal.WindowName(l.window))()
	defer r.eraser.of(l)()
	return r.batch(l, l.bucket).Run(ctx, cut)
}

// lane takes a lane partition over where its owner before ended.
func (r *redactor) lane(ctx context.Context, src *trimmed) (*lane, error) {
	window, err := seal.ParseWindow(strings.TrimPrefix(src.Topic(), "delivered."))
	if err != nil {
		return nil, fmt.Errorf("lane %s: %w", src.Topic(), err)
	}
	l := &lane{
		redactor: r, ctx: ctx, topic: src.Topic(), partition: src.Partition(), unredacted: src.oldest,
		window: window, bucket: seal.Bucket(window, MinBucket(window)),
	}
	return l, pipeline.Retry(ctx, pipeline.Backoff{}, "read back receipts", func(ctx context.Context) error { return l.readBack(ctx, lookBack) })
}

// stepsPerBucket is in how many steps at most a bucket is redacted while the lane is not behind: one record at a time would
// cost a receipt a record.
const stepsPerBucket = 30

func (r *redactor) batch(target pipeline.Target[redact.Stripped], bucket time.Duration) *pipeline.Batch[redact.Due, redact.Stripped] {
	stage := redact.Stage{PolicyVersion: PolicyVersion}
	return &pipeline.Batch[redact.Due, redact.Stripped]{
		Name: "redact", Decode: r.decode, Due: stepwise(bucket / stepsPerBucket), Limits: batchLimits, Metrics: r.process.Metrics, Target: r.timed(target),
		Step: func(d redact.Due) ([]redact.Stripped, error) {
			d.Now = time.Now() // of the step: decoding runs ahead of the wait for the head of the lane
			return stage.Step(d)
		},
		DeadLetters: &pipeline.Topics[pipeline.DeadLetter[redact.Due]]{Encode: r.rejected, Log: r.log},
	}
}

// timed measures how long after the end of their windows copies were stripped and told of.
func (r *redactor) timed(target pipeline.Target[redact.Stripped]) pipeline.Target[redact.Stripped] {
	logical := r.lateness.WithLabelValues("logical")
	return pipeline.TargetFunc[redact.Stripped](func(ctx context.Context, span pipeline.Span, all []redact.Stripped) error {
		err := target.Write(ctx, span, all)
		for i := range all {
			if err == nil {
				logical.Observe(max(0, time.Since(all[i].Redacted.DueAt)).Seconds())
			}
		}
		return err
	})
}

// stepwise is when a copy's turn comes: with the others due in the same step, at its end.
func stepwise(step time.Duration) func(redact.Due) time.Time {
	return func(d redact.Due) time.Time { return d.DueAt.Add(step - time.Nanosecond).Truncate(step) }
}

func (r *redactor) decode(rec pipeline.Record) (redact.Due, error) {
	d, err := schemas.Delivereds.Decode(rec.Value)
	if err != nil {
		return redact.Due{}, undecodable(err)
	}
	return redact.Due{Delivered: d, Position: rec.Position}, nil
}

func (r *redactor) stripped(_ context.Context, s redact.Stripped) ([]pipeline.Output, error) {
	outputs := []output{record(RedactedT, []byte(s.Redacted.MessageID), schemas.Redacteds, &s.Redacted)}
	if s.Event != nil {
		outputs = append(outputs, record(EventsT, []byte(s.Redacted.MessageID), schemas.Events, s.Event))
	}
	return encodeAll(outputs...)
}

func (r *redactor) rejected(ctx context.Context, d pipeline.DeadLetter[redact.Due]) ([]pipeline.Output, error) {
	return envelope(ctx, nil, "redact", d.Record, d.Reason, nil)
}
