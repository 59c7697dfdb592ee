package kafka_test

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
)

// keyedOwn is an Own that runs a keyed loop over a partition of "a" and its companion "b". Each record is one effect, which
// is counted, waits for the gate and is then taken into s. asked is called when the loop is asked to let go.
func keyedOwn(s *seen, begun *atomic.Int64, gate <-chan struct{}, asked func()) func(context.Context, *kafka.Owned) error {
	return func(ctx context.Context, o *kafka.Owned) error {
		defer context.AfterFunc(ctx, asked)()
		draining := false
		k := pipeline.Keyed[pipeline.Record]{
			Name: "keyed", Drain: time.Minute,
			Lanes: []pipeline.Lane{{Source: o.Source(), ReadAhead: 20}, {Source: o.Companion("b"), ReadAhead: 20}},
			Step: func(_ time.Time, in pipeline.Input) (next pipeline.Next[pipeline.Record]) {
				switch in := in.(type) {
				case pipeline.Arrived:
					if !draining {
						next.Effects = []pipeline.Record{in.Record}
					}
				case pipeline.Performed[pipeline.Record]:
					next.Finished = []pipeline.Position{in.Effect.Position}
				case pipeline.Draining:
					draining = true
				}
				return next
			},
			Perform: func(ctx context.Context, r pipeline.Record) (any, error) {
				begun.Add(1)
				select {
				case <-gate:
				case <-ctx.Done():
					return nil, ctx.Err()
				}
				s.add([]pipeline.Record{{Position: r.Position, Value: []byte(r.Topic + string(r.Value))}})
				return nil, nil
			},
		}
		return k.Run(ctx)
	}
}

func TestKeyedLoopsHandOverWhatTheyBegan(t *testing.T) {
	// Goal: a rebalance in mid-work loses nothing and repeats nothing: what was begun is finished and committed before the
	// partition is let go, companions included, and what was only read is left to the next owner. Method: a member whose effects
	// all wait until it is asked to let go; another joins; in the end each record was performed once and all is committed.
	onBoth(t, func(t *testing.T, c *kafka.Cluster) {
		create(t, c, kafka.TopicSpec{Name: "a", Partitions: 2}, kafka.TopicSpec{Name: "b", Partitions: 2})
		for p := range 2 {
			put(t, c, append(numbered("a", p, 60), numbered("b", p, 30)...))
		}
		s, id, gate := newSeen(), prefix(), make(chan struct{})
		var begun atomic.Int64
		open := sync.OnceFunc(func() { close(gate) })
		member := func() *kafka.Group {
			return &kafka.Group{Cluster: c, ID: id, Topics: topics("a"), Own: keyedOwn(s, &begun, gate, open)}
		}
		leave := join(t, member())
		eventually(t, "the first member has begun as much as it may", func() bool { return begun.Load() == 80 })
		join(t, member())
		eventually(t, "all are performed", func() bool { return s.count() == 180 })
		if err := leave(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "all are committed", func() bool {
			offsets, err := c.GroupOffsets(within(t), id, "a", "b")
			return err == nil && maps.Equal(offsets["a"], map[int]int64{0: 60, 1: 60}) && maps.Equal(offsets["b"], map[int]int64{0: 30, 1: 30})
		})
		if n := s.repeated(); n != 0 {
			t.Errorf("%d records were performed again", n)
		}
	})
}
