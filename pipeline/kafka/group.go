package kafka

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/sourcegraph/conc/pool"
)

const (
	sessionTimeout   = 10 * time.Second // a silent death costs this; longer ones make a broker's restart cost more
	rebalanceTimeout = 30 * time.Second // how long a member may take to let go of its partitions
	joinBackoff      = time.Second
	heartbeatEvery   = 3 * time.Second
	watchEvery       = 5 * time.Second // for topics and partitions that appear or go
)

// Group is a member of a consumer group. Each assigned partition gets a call of Own.
type Group struct {
	Cluster *Cluster
	ID      string
	// Topics lists what to consume. It is asked before every generation, so that topics may come and go; one that does
	// not exist is waited for.
	Topics func(ctx context.Context) ([]string, error)
	// Own works on a partition until ctx ends, then returns soon, nil. It may return early: the partition then rests
	// until the next generation. An error ends the group.
	Own func(ctx context.Context, o *Owned) error
	// Logger is nil for the cluster's.
	Logger *slog.Logger
}

func (g *Group) log() *slog.Logger {
	if g.Logger == nil {
		return g.Cluster.log.With("group", g.ID)
	}
	return g.Logger.With("group", g.ID)
}

// Run joins the group, again after every generation, until ctx ends (nil) or Own fails (its error).
func (g *Group) Run(ctx context.Context) error {
	trouble := trouble{log: g.log(), what: "join group"}
	for ctx.Err() == nil {
		topics, err := g.existing(ctx)
		if err != nil || len(topics) == 0 {
			if err == nil {
				err = kafka.UnknownTopicOrPartition
			}
			if ctx.Err() == nil {
				trouble.failed(err)
			}
			pause(ctx, joinBackoff)
			continue
		}
		if err := g.member(ctx, topics, &trouble); err != nil {
			return err
		}
	}
	return nil
}

// existing is the part of Topics that exists, sorted, with the number of partitions of each.
func (g *Group) existing(ctx context.Context) (map[string]int, error) {
	wanted, err := g.Topics(ctx)
	if err != nil {
		return nil, fmt.Errorf("list topics of group %s: %w", g.ID, err)
	}
	known, err := g.Cluster.known(ctx)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(wanted, func(t string) bool { return known[t] == 0 }) { // perhaps the cache is behind
		if known, err = g.Cluster.Topics(ctx); err != nil {
			return nil, err
		}
	}
	topics := map[string]int{}
	for _, t := range wanted {
		if known[t] > 0 {
			topics[t] = known[t]
		}
	}
	return topics, nil
}

// member is one membership: it lasts until the topics change, since the library fixes them when it joins.
func (g *Group) member(ctx context.Context, topics map[string]int, trouble *trouble) error {
	var wire []string
	for _, t := range slices.Sorted(maps.Keys(topics)) {
		wire = append(wire, g.Cluster.wire(t))
	}
	membership, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID: g.ID, Brokers: g.Cluster.brokers, Dialer: g.Cluster.dialer, Topics: wire, StartOffset: kafka.FirstOffset,
		SessionTimeout: sessionTimeout, RebalanceTimeout: rebalanceTimeout, JoinGroupBackoff: joinBackoff,
		HeartbeatInterval: heartbeatEvery, GroupBalancers: []kafka.GroupBalancer{kafka.RangeGroupBalancer{}},
	})
	if err != nil {
		return fmt.Errorf("join group %s: %w", g.ID, err)
	}
	defer membership.Close() // leaves the group, after the generation's work has ended
	for {
		joined, err := membership.Next(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil { // the coordinator is not there yet, or moves
			if lasting(err) {
				return fmt.Errorf("join group %s: %w", g.ID, reason(err))
			}
			trouble.failed(err)
			continue
		}
		trouble.healed()
		generation := &generation{group: g, topics: topics, joined: joined, commits: newCommits(g, joined)}
		if again, err := generation.run(ctx); !again || err != nil {
			return err
		}
	}
}

// generation is one assignment of the group's partitions to its members.
type generation struct {
	group   *Group
	topics  map[string]int
	joined  *kafka.Generation
	commits *commits
}

// outcome is how a generation ended.
type outcome struct {
	again bool // the same membership may go on
	err   error
}

// run works on the assigned partitions until the generation or ctx ends.
func (n *generation) run(ctx context.Context) (again bool, err error) {
	ended := make(chan outcome, 1)
	n.joined.Start(func(generation context.Context) {
		// Both end the work; the library ends the generation when this function returns, and waits for it.
		work, stop := context.WithCancel(ctx)
		defer stop()
		defer context.AfterFunc(generation, stop)()
		again, err := n.work(work, stop)
		ended <- outcome{again, err}
	})
	result := <-ended
	return result.again && ctx.Err() == nil, result.err
}

// work runs one Own for each assigned partition, and lets go of all when one of them fails or stop is called.
func (n *generation) work(ctx context.Context, stop context.CancelFunc) (again bool, err error) {
	log := n.group.log().With("generation", n.joined.ID)
	committed, ok := n.committed(ctx)
	if !ok {
		return true, nil
	}
	owners := pool.New().WithContext(ctx).WithCancelOnError().WithFirstError()
	assigned := 0
	for _, topic := range slices.Sorted(maps.Keys(n.joined.Assignments)) {
		ours, _ := n.group.Cluster.ours(topic)
		for _, a := range n.joined.Assignments[topic] {
			assigned++
			owners.Go(func(ctx context.Context) error {
				o := &Owned{ctx: ctx, generation: n, committed: committed, topic: ours, partition: a.ID}
				return n.group.Own(ctx, o)
			})
		}
	}
	log.Info("joined group", "partitions", assigned)

	changed := make(chan bool, 1)
	over := make(chan struct{})
	watching := pool.New()
	watching.Go(func() { changed <- n.watch(ctx); stop() })
	watching.Go(func() { n.commits.run(ctx, stop, over) })
	err = owners.Wait()
	if err == nil {
		<-ctx.Done() // all rest; stay a member
	}
	stop()
	close(over) // the last commit follows
	watching.Wait()
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		err = nil // Own passed on that it was told to stop
	}
	return !<-changed, err
}

// committed fetches all the group has committed, companions included; ok is false when the generation ended before. It
// is asked here, not taken from the assignment, because the library reads an error of the coordinator as "nothing
// committed" and would start from the log's beginning.
func (n *generation) committed(ctx context.Context) (committed map[string]map[int]int64, ok bool) {
	trouble := trouble{log: n.group.log(), what: "fetch committed offsets"}
	for ctx.Err() == nil {
		committed, err := n.group.Cluster.GroupOffsets(ctx, n.group.ID)
		if err == nil {
			trouble.healed()
			return committed, true
		}
		if ctx.Err() == nil {
			trouble.failed(err)
			pause(ctx, 200*time.Millisecond)
		}
	}
	return nil, false
}

// watch returns when ctx ends (false) or when the topics or their partitions are not what this generation was made for
// (true).
func (n *generation) watch(ctx context.Context) bool {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
		topics, err := n.group.existing(ctx)
		if err == nil && !maps.Equal(topics, n.topics) {
			return true
		}
	}
}
