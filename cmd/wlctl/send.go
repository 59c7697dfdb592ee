package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/whatsapplink/cloud/cmd/internal/wire"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
)

type sendCmd struct {
	Topic  string `help:"Publish to requests.<TENANT> instead of requests." placeholder:"TENANT"`
	Sample int    `help:"Publish N sample requests for the registered tenants instead of reading." placeholder:"N"`
	Seed   uint64 `help:"Seed of the samples; the same seed gives the same contents." default:"1"`
	Rate   int    `help:"At most so many a second; 0 for as fast as Kafka takes them."`
}

// sendBatch is how many requests go in one append.
const sendBatch = 500

// Run publishes requests and prints the message id of each line read, or a count of samples. A line needs at least
// tenant_id, recipient, category and content; message_id and created_at are filled in where they are missing.
func (c *sendCmd) Run(ctx context.Context, s streams) error {
	o, err := connected(ctx, s)
	if err != nil {
		return err
	}
	defer o.close()
	topic := wire.Requests
	if c.Topic != "" {
		topic = wire.RequestsOf(c.Topic)
	}
	if c.Sample == 0 {
		return o.sendLines(ctx, topic, s)
	}
	tenants, err := o.tenants(ctx)
	if err != nil {
		return err
	}
	samples, err := newSampler(c.Seed, tenants)
	if err != nil {
		return err
	}
	began := time.Now()
	for sent := 0; sent < c.Sample; {
		n := min(sendBatch, c.Sample-sent)
		batch := make([]schemas.MessageRequest, n)
		for i := range batch {
			batch[i] = samples.next(time.Now())
		}
		if err := o.publish(ctx, topic, batch); err != nil {
			return err
		}
		sent += n
		if err := paced(ctx, began, sent, c.Rate); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(s.out, "published %d requests to %s%s\n", c.Sample, o.cfg.Prefix, topic)
	return err
}

// paced waits until n requests are due at a rate.
func paced(ctx context.Context, began time.Time, n, rate int) error {
	if rate == 0 {
		return ctx.Err()
	}
	return pause(ctx, time.Until(began.Add(time.Duration(n)*time.Second/time.Duration(rate))))
}

func (o *operator) sendLines(ctx context.Context, topic string, s streams) error {
	lines := bufio.NewReaderSize(s.in, 64<<10)
	var batch []schemas.MessageRequest
	flush := func() error {
		if err := o.publish(ctx, topic, batch); err != nil {
			return err
		}
		for _, r := range batch {
			_, _ = fmt.Fprintln(s.out, r.MessageID)
		}
		batch = batch[:0]
		return nil
	}
	for number := 1; ; number++ {
		line, err := lines.ReadBytes('\n')
		if line = bytes.TrimSpace(line); len(line) > 0 {
			r, err := parseRequest(line)
			if err != nil {
				return fmt.Errorf("line %d: %w", number, err)
			}
			complete(&r)
			if batch = append(batch, r); len(batch) == sendBatch {
				if err := flush(); err != nil {
					return err
				}
			}
		}
		if err == io.EOF {
			return flush()
		}
		if err != nil {
			return fmt.Errorf("read standard input: %w", err)
		}
	}
}

// complete fills in what a person need not write.
func complete(r *schemas.MessageRequest) {
	if r.MessageID == "" {
		r.MessageID = ulid.Make().String()
	}
	if r.CreatedAt.IsZero() {
		r.CreatedAt = time.Now().UTC()
	}
	if r.Labels == nil {
		r.Labels = map[string]string{}
	}
}

// publish appends requests keyed by recipient, which keeps their order.
func (o *operator) publish(ctx context.Context, topic string, batch []schemas.MessageRequest) error {
	if len(batch) == 0 {
		return nil
	}
	outputs := make([]pipeline.Output, len(batch))
	for i := range batch {
		var err error
		if outputs[i], err = requestOutput(topic, &batch[i]); err != nil {
			return fmt.Errorf("request %s does not fit the schema", batch[i].MessageID)
		}
	}
	_, err := o.process.Cluster.Log().Append(ctx, outputs)
	return err
}

// requestOutput is a request as a record, keyed by recipient: order is kept per key.
func requestOutput(topic string, r *schemas.MessageRequest) (pipeline.Output, error) {
	value, err := schemas.MessageRequests.Encode(r)
	return pipeline.Output{
		Topic: topic, Partition: pipeline.AnyPartition, Value: value, Key: []byte(r.Recipient.Phone + r.Recipient.UserID),
	}, err
}
