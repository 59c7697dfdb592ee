package wire

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/stages/deliver"
)

// Headers of a parked record, so that a lane need not decode its head to wait for it, nor a gauge to count it.
const (
	dueHeader     = "wl-due"      // Unix milliseconds
	inDoubtHeader = "wl-in-doubt" // present on a message in doubt
)

// dueOf reads the due time of a parked record; one without is due at once.
func dueOf(r pipeline.Record) time.Time {
	if ms, err := strconv.ParseInt(string(header(r, dueHeader)), 10, 64); err == nil {
		return time.UnixMilli(ms)
	}
	return time.Time{}
}

func header(r pipeline.Record, key string) []byte {
	for _, h := range r.Headers {
		if h.Key == key {
			return h.Value
		}
	}
	return nil
}

func (d *deliverPart) park(ctx context.Context, e deliver.Park) (any, error) {
	value, err := schemas.Routeds.Encode(&e.Routed)
	if err != nil {
		return nil, pipeline.Permanent(err)
	}
	headers := []pipeline.Header{{Key: dueHeader, Value: strconv.AppendInt(nil, e.Routed.DueAt.UnixMilli(), 10)}}
	if e.Routed.InDoubt != "" {
		headers = append(headers, pipeline.Header{Key: inDoubtHeader, Value: []byte{1}})
	}
	out := pipeline.Output{Topic: e.Lane, Partition: d.number, Key: []byte(e.Routed.TenantID), Value: value, Headers: headers}
	appended, err := d.log.Append(ctx, []pipeline.Output{out})
	if err != nil {
		return nil, err
	}
	d.lies(pipeline.Record{Headers: headers}, 1)
	return appended[0].Position, nil
}

// lies counts a record that was put in a lane (1) or came out of it (-1).
func (d *deliverPart) lies(r pipeline.Record, n int64) {
	d.parked.Add(n)
	d.metrics.parked.Add(float64(n))
	if header(r, inDoubtHeader) != nil {
		d.inDoubt.Add(n)
		d.metrics.inDoubt.Add(float64(n))
	}
}

// left takes what lies in a lost partition's lanes out of this process's gauges.
func (d *deliverPart) left() {
	d.metrics.parked.Sub(float64(d.parked.Load()))
	d.metrics.inDoubt.Sub(float64(d.inDoubt.Load()))
}

type step func(now time.Time, in pipeline.Input) pipeline.Next[deliver.Effect]

// counted is a step that counts what comes out of the lanes.
func (d *deliverPart) counted(next step) step {
	return func(now time.Time, in pipeline.Input) pipeline.Next[deliver.Effect] {
		if a, ok := in.(pipeline.Arrived); ok && strings.HasPrefix(a.Topic, "retry.") {
			d.lies(a.Record, -1)
		}
		return next(now, in)
	}
}
