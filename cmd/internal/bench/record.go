package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/deployment"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/sinks/clickhouse"
)

// What `bench record` asks of record and of the engine, on two cores with the broker beside it.
const (
	sinkerRate  = 142_000 // rows/s, published by clickhouse_sinker
	freshRate   = 5_000   // events/s
	freshWithin = 2 * time.Second
)

// record measures record alone on a filled topic of twelve partitions, then how fresh the table is at a steady rate.
func (w *world) record(ctx context.Context, n int) ([]figure, error) {
	url, err := w.database(ctx, "alone")
	if err != nil {
		return nil, err
	}
	d, err := w.deploy(ctx, "record.", map[string]string{"WL_PARTITIONS": "12", "WL_WINDOWS": "24h,72h", "WL_CLICKHOUSE_URL": url})
	if err != nil {
		return nil, err
	}
	defer d.Close()
	c := w.cluster("record.")
	defer c.Close()
	db, err := clickhouse.Open(clickhouse.Config{URL: url})
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	say("%d events", n)
	if err := publish(ctx, c, n); err != nil {
		return nil, err
	}
	say("record")
	engine := ownCPU()
	f, err := catchUp(ctx, d, c, "record", "events")
	if err != nil {
		return nil, err
	}
	f.what, f.floor = "record, 12 partitions in one process", recordFloor
	beside := micros(ownCPU()-engine, n)
	f.comment += fmt.Sprintf(", engine %.1f CPU µs/event, together %.0f rows/s a core; peer clickhouse_sinker publishes %d rows/s for one partition on its rig",
		beside, 1e6/(beside+float64(f.cpu)/1e3), sinkerRate)
	figures := []figure{f}
	say("freshness")
	fresh, err := freshness(ctx, d, c, db)
	if err != nil {
		return figures, err
	}
	figures = append(figures, fresh)
	return figures, err
}

// refreshed waits until what depends on the events that were there is computed: the steady state begins then.
func refreshed(ctx context.Context, db *clickhouse.DB) error {
	for start := time.Now().UTC(); ; {
		rows, err := db.Query(ctx, "SELECT max(through) > ? FROM refreshes", start)
		if err != nil {
			return err
		}
		if rows.Values[0][0] == "1" {
			return nil
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}

func micros(d time.Duration, n int) float64 { return float64(d.Microseconds()) / float64(n) }

// told are the events of a message that goes well.
var told = []schemas.Kind{schemas.KindAccepted, schemas.KindRouted, schemas.KindClaimed, schemas.KindSent, schemas.KindDelivered}

// message makes the events of one message with a random id.
func message(r *rand.Rand, n int, at time.Time) []schemas.Event {
	random := func(size int) []byte {
		b := make([]byte, size)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	}
	u, ref := random(16), random(16)
	id := fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
	events := make([]schemas.Event, len(told))
	for i, k := range told {
		e := &events[i]
		*e = schemas.Event{
			Identity: schemas.Identity{TenantID: []string{"acme", "globex", "initech"}[n%3], MessageID: id, AcceptedAt: at.Truncate(time.Millisecond)},
			Kind:     k, At: at.Add(time.Duration(i)*200*time.Millisecond + time.Duration(r.IntN(100_000))*time.Microsecond), Stage: "deliver",
			Country: []string{"DE", "BR", "IN", "US"}[r.IntN(4)], Category: "utility", ContentType: "text", SizeClass: "256",
			RecipientRef: ref, Window: "72h", Labels: map[string]string{"campaign": "autumn"}, PolicyVersion: "2026-11",
		}
		switch k {
		case schemas.KindAccepted:
			e.Stage, e.Detail = "validate", fmt.Sprintf("requests/%d/%d", n%12, n/12)
		case schemas.KindRouted:
			e.Stage = "route"
		case schemas.KindClaimed:
			e.Detail = fmt.Sprintf("claim-%x", random(8))
		case schemas.KindDelivered:
			e.Stage, e.PricingCategory, e.At = "listen", "utility", e.At.Truncate(time.Second)
			fallthrough
		case schemas.KindSent:
			e.ProviderRef = random(16)
		}
		if i >= 2 {
			e.Attempt, e.SenderID, e.Region, e.Processor, e.TransferBasis, e.LatencyUS = 1, "106540352242922", "eu", "meta", "same_region", int64(r.IntN(80_000))
		}
	}
	return events
}

// publish fills the topic events with n events.
func publish(ctx context.Context, c *kafka.Cluster, n int) error {
	r, now := rand.New(rand.NewPCG(1, 2)), time.Now().UTC()
	for i := 0; i < n; i += 10_000 {
		var outputs []pipeline.Output
		for j := range 10_000 / len(told) {
			for _, e := range message(r, i/len(told)+j, now.Add(time.Duration(i/len(told)+j)*time.Millisecond/10)) {
				output, err := eventOutput(&e)
				if err != nil {
					return err
				}
				outputs = append(outputs, output)
			}
		}
		if _, err := c.Log().Append(ctx, outputs); err != nil {
			return err
		}
	}
	return nil
}

func eventOutput(e *schemas.Event) (pipeline.Output, error) {
	value, err := schemas.Events.Encode(e)
	return pipeline.Output{Topic: "events", Partition: pipeline.AnyPartition, Key: []byte(e.MessageID), Value: value}, err
}

// freshness publishes all events of messages at a steady rate in beats of a tenth of a second and watches, in the table, when
// all of each beat are there. The beat's number is the partition of the copy that its events tell of.
func freshness(ctx context.Context, d *deployment.Deployment, c *kafka.Cluster, db *clickhouse.DB) (f figure, err error) {
	const beats, lead = 900, 50 // those of the lead are not counted: the group is being joined
	p, err := d.Start("record", nil)
	if err != nil {
		return f, err
	}
	if err := p.Ready(ctx); err != nil {
		return f, err
	}
	if err := refreshed(ctx, db); err != nil {
		return f, err
	}
	r := rand.New(rand.NewPCG(3, 4))
	var acknowledged [beats + 1]time.Time
	var late []time.Duration
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	start, cpu := time.Now(), time.Duration(0)
	for beat := 1; len(late) < beats; {
		for beat <= beats && time.Since(start) >= time.Duration(beat)*100*time.Millisecond {
			var outputs []pipeline.Output
			for len(outputs) < freshRate/10 {
				for _, e := range message(r, len(outputs), time.Now().UTC()) {
					e.Copy = &schemas.Copy{Topic: "delivered.72h", Partition: int32(beat)}
					output, err := eventOutput(&e)
					if err != nil {
						return f, err
					}
					outputs = append(outputs, output)
				}
			}
			if _, err := c.Log().Append(ctx, outputs); err != nil {
				return f, err
			}
			acknowledged[beat] = time.Now()
			beat++
		}
		since := start // of the beats that are not there yet
		if len(late) > 0 {
			since = acknowledged[len(late)].Add(-time.Second)
		}
		rows, err := db.Query(ctx, `SELECT copy_partition FROM events WHERE accepted_at >= ? AND copy_partition > ?
GROUP BY copy_partition HAVING count() = ? ORDER BY copy_partition`, since.UTC().Truncate(time.Second), len(late), freshRate/10)
		if err != nil {
			return f, err
		}
		for i := 0; i < len(rows.Values) && rows.Values[i][0] == strconv.Itoa(len(late)+1); i++ {
			late = append(late, time.Since(acknowledged[len(late)+1]))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return f, ctx.Err()
		}
	}
	published := float64(beats*freshRate/10) / acknowledged[beats].Sub(start).Seconds()
	cpu, f.rss = p.Usage()
	f.cpu = cpu / (beats * freshRate / 10)
	refreshes, err := db.Query(ctx, "SELECT count() FROM refreshes WHERE through >= ?", start.UTC())
	if err != nil {
		return f, err
	}
	late = late[lead:]
	slices.Sort(late)
	f.what, f.rate, f.unit, f.ceiling = "acknowledged to visible, p99", ms(late[len(late)*99/100]), "ms", ms(freshWithin)
	f.comment = fmt.Sprintf("(p50 %.0f, %.0f events/s, %s refreshes beside it)", ms(late[len(late)/2]), published, refreshes.Values[0][0])
	return f, deployment.Stop(p)
}
