package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/sourcegraph/conc/pool"

	"github.com/whatsapplink/cloud/cmd/internal/wire"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/stages/deliver"
)

const (
	parallelFloor      = 60 // times one in flight
	parallelPartitions = 4
	parallelKeys       = 500
	parallelRecords    = 20_000
	onePerPartition    = 40
	parallelCall       = 50 * time.Millisecond
)

// parallel runs deliver's keyed loop and its claims over a real log, with a door that waits and no HTTP: once with many keys
// and once with one key a partition, so one in flight.
func (w *world) parallel(ctx context.Context) ([]figure, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	say("the keyed loop, many in flight")
	many, err := w.loop(ctx, "many.", parallelRecords/parallelPartitions, parallelKeys/parallelPartitions)
	if err != nil {
		return nil, err
	}
	say("the keyed loop, one in flight a partition")
	one, err := w.loop(ctx, "one.", onePerPartition, 1)
	if err != nil {
		return nil, err
	}
	many.what, one.what = "keyed loop with claims, 500 keys, 50 ms a call", "  one in flight a partition"
	return []figure{many, one, {what: "  many against one", rate: many.rate / one.rate, unit: "times", floor: parallelFloor}}, nil
}

// loop works off records of keys on each partition.
func (w *world) loop(ctx context.Context, prefix string, records, keys int) (f figure, err error) {
	c := w.cluster(prefix)
	defer c.Close()
	var specs []kafka.TopicSpec
	for _, name := range []string{wire.RoutedT, wire.Attempts} {
		specs = append(specs, kafka.TopicSpec{
			Name: name, Partitions: parallelPartitions, Replication: 1, Configs: map[string]string{"message.timestamp.type": "LogAppendTime"},
		})
	}
	if err := c.CreateTopics(ctx, specs); err != nil {
		return f, err
	}
	for number := range parallelPartitions {
		if err := fillKeys(ctx, c, number, records, keys); err != nil {
			return f, err
		}
	}
	began, cpu := time.Now(), ownCPU()
	working, stop := context.WithCancel(ctx)
	defer stop()
	group := pool.New().WithContext(working).WithCancelOnError().WithFirstError()
	var left atomic.Int64
	left.Store(int64(records * parallelPartitions))
	for number := range parallelPartitions {
		l := &loop{cluster: c, number: number, began: began, log: pipeline.Batched(c.Log(), 2*time.Millisecond), next: map[string]int{}}
		l.ended = func(n int) {
			if left.Add(-int64(n)) == 0 {
				stop()
			}
		}
		group.Go(l.run)
	}
	if err := group.Wait(); err != nil {
		return f, err
	}
	if n := left.Load(); n != 0 {
		return f, fmt.Errorf("%d records are left: %w", n, ctx.Err())
	}
	n, took := records*parallelPartitions, time.Since(began)
	return figure{
		rate: float64(n) / took.Seconds(), cpu: (ownCPU() - cpu) / time.Duration(n),
		comment: fmt.Sprintf("(%d in %s, order per key intact)", n, took.Round(100*time.Millisecond)),
	}, nil
}

// fillKeys puts records of keys, in turn, on a partition of routed.
func fillKeys(ctx context.Context, c *kafka.Cluster, number, records, keys int) error {
	now := time.Now().UTC().Truncate(time.Millisecond)
	outputs := make([]pipeline.Output, records)
	for i := range outputs {
		key := fmt.Sprintf("key-%d", i%keys)
		r := schemas.Routed{
			Validated: schemas.Validated{
				Identity: schemas.Identity{TenantID: sendingTenant, MessageID: fmt.Sprintf("%s/%d", key, i/keys), AcceptedAt: now},
				Source:   schemas.Coordinates{Topic: "requests", Offset: int64(i)}, ExpiresAt: now.Add(24 * time.Hour),
				Clear:   schemas.Clear{Category: schemas.Utility, RecipientRefs: [][]byte{[]byte(key)}, Labels: map[string]string{}},
				Payload: schemas.Sealed{SeedID: make([]byte, 16), Nonce: make([]byte, 12)}, Seed: schemas.SeedRef{SeedID: make([]byte, 16), AppendedAt: now},
			},
			Route: schemas.Route{Sender: "sender"}, Origin: wire.RoutedT,
		}
		value, err := schemas.Routeds.Encode(&r)
		if err != nil {
			return err
		}
		outputs[i] = pipeline.Output{Topic: wire.RoutedT, Partition: number, Key: []byte(sendingTenant), Value: value}
	}
	_, err := c.Log().Append(ctx, outputs)
	return err
}

// loop is deliver's reducer on one partition with nothing behind it but the log of claims and a door that waits.
type loop struct {
	cluster *kafka.Cluster
	number  int
	began   time.Time
	log     pipeline.Log
	ended   func(n int)

	mu   sync.Mutex
	next map[string]int // number of the message that is next, by key
}

func (l *loop) run(ctx context.Context) error {
	tenant := schemas.Tenant{TenantID: sendingTenant, Status: "active", Senders: []schemas.Sender{{PhoneNumberID: "sender", Rate: 1e9}}}
	partition := deliver.New(deliver.Config{
		Horizon: time.Hour, Since: l.began.Add(-2 * time.Hour), NewID: func() string { return ulid.Make().String() },
		Registers: deliver.Registers{
			Tenant:     func(string) (schemas.Tenant, bool) { return tenant, true },
			Stop:       func(string, string) (schemas.Stop, bool) { return schemas.Stop{}, false },
			Suppressed: func(string, [][]byte, schemas.Category) bool { return false },
		},
	})
	keyed := pipeline.Keyed[deliver.Effect]{
		Name: "loop", Perform: l.perform, Drain: time.Minute, Now: l.slowly,
		Replays: []pipeline.Lane{{Source: l.cluster.Tail(wire.Attempts, l.number, kafka.Beginning)}},
		Lanes:   []pipeline.Lane{{Source: l.cluster.Tail(wire.RoutedT, l.number, kafka.Beginning), ReadAhead: parallelRecords}},
		Step: func(now time.Time, in pipeline.Input) pipeline.Next[deliver.Effect] {
			next := partition.Step(now, in)
			if n := len(next.Finished); n > 0 {
				l.ended(n)
			}
			return next
		},
	}
	return keyed.Run(ctx)
}

// slowly is a clock that runs at a tenth of the speed, which lends a pair its 45 messages for a minute: limits are off.
func (l *loop) slowly() time.Time { return l.began.Add(time.Since(l.began) / 10) }

func (l *loop) perform(ctx context.Context, effect deliver.Effect) (any, error) {
	switch e := effect.(type) {
	case deliver.AppendClaim:
		return nil, l.append(ctx, &e.Attempt)
	case deliver.AppendOutcome:
		return nil, l.append(ctx, &e.Attempt)
	case deliver.Dial:
		if err := l.inOrder(e.Claim.MessageID); err != nil {
			return nil, pipeline.Permanent(err)
		}
		return deliver.Answer{Phase: deliver.Answered, Accepted: true, ProviderRef: make([]byte, 16)}, wait(ctx, parallelCall)
	case deliver.Copy:
		return &schemas.Copy{}, nil
	case deliver.Emit:
		return nil, nil
	}
	return nil, pipeline.Permanent(fmt.Errorf("an effect that was not to come: %T", effect))
}

func (l *loop) append(ctx context.Context, a *schemas.Attempt) error {
	value, err := schemas.Attempts.Encode(a)
	if err != nil {
		return pipeline.Permanent(err)
	}
	_, err = l.log.Append(ctx, []pipeline.Output{{Topic: wire.Attempts, Partition: l.number, Key: []byte(sendingTenant), Value: value}})
	return err
}

func (l *loop) inOrder(message string) error {
	key, number, _ := strings.Cut(message, "/")
	n, err := strconv.Atoi(number)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.next[key] != n {
		return errors.New("a key is out of order")
	}
	l.next[key]++
	return nil
}
