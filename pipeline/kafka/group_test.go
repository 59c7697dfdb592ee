package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/pipeline/kafka"
	"github.com/whatsapplink/cloud/pipeline/kafka/kafkatest"
)

// seen counts how often each value of a topic was handled.
type seen struct {
	sync.Mutex
	times map[string]int
}

func newSeen() *seen { return &seen{times: map[string]int{}} }

func (s *seen) add(records []pipeline.Record) {
	s.Lock()
	defer s.Unlock()
	for _, r := range records {
		s.times[fmt.Sprintf("%d/%s", r.Partition, r.Value)]++
	}
}

func (s *seen) count() int {
	s.Lock()
	defer s.Unlock()
	return len(s.times)
}

func (s *seen) repeated() (n int) {
	s.Lock()
	defer s.Unlock()
	for v := range maps.Values(s.times) {
		n += v - 1
	}
	return n
}

// handle is an Own that takes records into s and commits behind them.
func handle(s *seen) func(context.Context, *kafka.Owned) error {
	return func(ctx context.Context, o *kafka.Owned) error {
		source := o.Source()
		for {
			records, err := source.Fetch(ctx)
			if ctx.Err() != nil {
				return nil
			}
			if err != nil {
				return err
			}
			s.add(records)
			if err := source.Commit(ctx, records[len(records)-1].Offset+1); err != nil {
				return err
			}
		}
	}
}

func topics(names ...string) func(context.Context) ([]string, error) {
	return func(context.Context) ([]string, error) { return names, nil }
}

// join runs a group member; the returned function ends it and returns Run's error.
func join(t testing.TB, g *kafka.Group) (leave func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	leave = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() { _ = leave() })
	return leave
}

func TestGroupStartsAtTheBeginningAndGoesOnWhereItCommitted(t *testing.T) {
	// Goal: a new group reads what was there before it; a member that left cleanly leaves nothing to be repeated. Method:
	// append, join, leave, append, join again with a second handler.
	onBoth(t, func(t *testing.T, c *kafka.Cluster) {
		create(t, c, kafka.TopicSpec{Name: "a", Partitions: 3})
		put(t, c, append(append(numbered("a", 0, 50), numbered("a", 1, 50)...), numbered("a", 2, 50)...))
		first, second := newSeen(), newSeen()
		id := prefix()
		leave := join(t, &kafka.Group{Cluster: c, ID: id, Topics: topics("a"), Own: handle(first)})
		eventually(t, "all are handled", func() bool { return first.count() == 150 })
		if err := leave(); err != nil {
			t.Fatal(err)
		}
		committed, err := c.GroupOffsets(within(t), id, "a")
		if err != nil || !maps.Equal(committed["a"], map[int]int64{0: 50, 1: 50, 2: 50}) {
			t.Fatalf("committed %v, %v", committed, err)
		}
		put(t, c, []pipeline.Output{{Topic: "a", Partition: 1, Value: []byte("new")}})
		join(t, &kafka.Group{Cluster: c, ID: id, Topics: topics("a"), Own: handle(second)})
		eventually(t, "the new one is handled", func() bool { return second.count() >= 1 })
		if second.count() != 1 || first.repeated()+second.repeated() != 0 {
			t.Fatalf("the second member handled %d", second.count())
		}
	})
}

func TestCompanionsOfAnUnsubscribedTopicAreReadAndCommitted(t *testing.T) {
	// Goal: who owns partition p of a topic reads and commits p of its companions, in the same group, though the group
	// does not subscribe to them. Method: read both, leave, join again, compare where each starts.
	onBoth(t, func(t *testing.T, c *kafka.Cluster) {
		create(t, c, kafka.TopicSpec{Name: "routed", Partitions: 2}, kafka.TopicSpec{Name: "attempts", Partitions: 2})
		put(t, c, append(numbered("routed", 1, 5), numbered("attempts", 1, 9)...))
		id := prefix()
		starts := make(chan [2]int64, 4)
		own := func(ctx context.Context, o *kafka.Owned) error {
			main, companion := o.Source(), o.Companion("attempts")
			if o.Partition() == 1 {
				starts <- [2]int64{main.Committed(), companion.Committed()}
				if companion.Committed() == 0 {
					drain(ctx, main, 5)
					drain(ctx, companion, 9)
					_ = main.Commit(ctx, 3)
					_ = companion.Commit(ctx, 7)
					_ = companion.Commit(ctx, 6) // backwards: ignored
				}
			}
			<-ctx.Done()
			return nil
		}
		g := &kafka.Group{Cluster: c, ID: id, Topics: topics("routed"), Own: own}
		leave := join(t, g)
		if s := <-starts; s != [2]int64{0, 0} {
			t.Fatalf("first started at %v", s)
		}
		eventually(t, "both are committed", func() bool {
			all, err := c.GroupOffsets(within(t), id)
			return err == nil && all["routed"][1] == 3 && all["attempts"][1] == 7
		})
		if err := leave(); err != nil {
			t.Fatal(err)
		}
		join(t, g)
		if s := <-starts; s != [2]int64{3, 7} {
			t.Fatalf("second started at %v", s)
		}
	})
}

// drain fetches n records, in a goroutine that is not the test's.
func drain(ctx context.Context, s pipeline.Source, n int) {
	for n > 0 && ctx.Err() == nil {
		records, _ := s.Fetch(ctx)
		n -= len(records)
	}
}

func TestTwoMembersShareThePartitionsAndLoseNothing(t *testing.T) {
	// Goal: a member that joins and one that leaves, in mid-stream, cost nothing and repeat nothing. Method: append all the
	// time on 4 partitions, let a second member come and the first go, compare.
	t.Parallel()
	onBoth(t, func(t *testing.T, c *kafka.Cluster) {
		create(t, c, kafka.TopicSpec{Name: "a", Partitions: 4})
		id, s := prefix(), newSeen()
		second := newSeen()
		leave := join(t, &kafka.Group{Cluster: c, ID: id, Topics: topics("a"), Own: handle(s)})
		total := 0
		feed := func(until func() bool) {
			eventually(t, "the members take their share", func() bool {
				for p := range 4 {
					put(t, c, []pipeline.Output{{Topic: "a", Partition: p, Value: fmt.Appendf(nil, "%d", total)}})
				}
				total += 4
				return until()
			})
		}
		feed(func() bool { return s.count() > 40 })
		join(t, &kafka.Group{Cluster: c, ID: id, Topics: topics("a"), Own: both(handle(s), second)})
		feed(func() bool { return second.count() > 0 })
		if err := leave(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "all are handled", func() bool { return s.count() == total })
		if n := s.repeated(); n != 0 {
			t.Fatalf("%d of %d handled twice", n, total)
		}
	})
}

// both marks in another set that this member owns anything at all.
func both(own func(context.Context, *kafka.Owned) error, s *seen) func(context.Context, *kafka.Owned) error {
	return func(ctx context.Context, o *kafka.Owned) error {
		s.add([]pipeline.Record{{Position: pipeline.Position{Partition: o.Partition()}}})
		return own(ctx, o)
	}
}

func TestAFormerOwnerCannotCommit(t *testing.T) {
	// Goal: an owner that goes on after its generation ended moves no offset. Method: keep an Owned beyond its Own, let
	// another member commit, commit through the old one.
	onBoth(t, func(t *testing.T, c *kafka.Cluster) {
		create(t, c, kafka.TopicSpec{Name: "a", Partitions: 1})
		put(t, c, numbered("a", 0, 10))
		id := prefix()
		sources := make(chan pipeline.Source, 2)
		own := func(ctx context.Context, o *kafka.Owned) error {
			sources <- o.Source()
			<-ctx.Done()
			return nil
		}
		g := &kafka.Group{Cluster: c, ID: id, Topics: topics("a"), Own: own}
		leave := join(t, g)
		old := <-sources
		if err := old.Commit(within(t), 2); err != nil {
			t.Fatal(err)
		}
		if err := leave(); err != nil {
			t.Fatal(err)
		}
		if err := old.Commit(within(t), 9); err == nil {
			t.Fatal("the former owner may commit")
		}
		if kept := old.(kafka.Partition).Kept(); kept != 2 {
			t.Fatalf("the former owner's commits are durable up to %d", kept)
		}
		join(t, g)
		if at := (<-sources).Committed(); at != 2 {
			t.Fatalf("the next owner starts at %d", at)
		}
	})
}

func TestAnEvictedMemberIsFencedAndJoinsAgain(t *testing.T) {
	// Goal: a commit of a member whom the coordinator gave up (it was paused for too long) is refused, and the member joins
	// again. Method: evict it through the group protocol, commit before its next heartbeat tells it.
	onBoth(t, func(t *testing.T, c *kafka.Cluster) {
		create(t, c, kafka.TopicSpec{Name: "a", Partitions: 1})
		put(t, c, numbered("a", 0, 4))
		id, starts := prefix(), make(chan pipeline.Source, 8)
		join(t, &kafka.Group{Cluster: c, ID: id, Topics: topics("a"), Own: func(ctx context.Context, o *kafka.Owned) error {
			starts <- o.Source()
			<-ctx.Done()
			return nil
		}})
		first := <-starts
		if err := c.Evict(within(t), id); err != nil {
			t.Fatal(err)
		}
		if err := first.Commit(within(t), 4); err != nil {
			t.Fatal(err) // the broker's refusal comes later
		}
		if again := <-starts; again.Committed() != 0 {
			t.Fatalf("the evicted member's commit counts: the next owner starts at %d", again.Committed())
		}
		if err := first.Commit(within(t), 4); err == nil {
			t.Fatal("the evicted member may commit")
		}
		if kept := first.(kafka.Partition).Kept(); kept != 0 {
			t.Fatalf("a commit that was refused is durable up to %d", kept)
		}
	})
}

func TestOwnsErrorEndsTheGroup(t *testing.T) {
	// Goal: the world's error stops the process: Run returns it, and the other partitions are let go first. Method: one of
	// two partitions fails.
	onBoth(t, func(t *testing.T, c *kafka.Cluster) {
		create(t, c, kafka.TopicSpec{Name: "a", Partitions: 2})
		broken := errors.New("broken")
		var rested sync.WaitGroup
		rested.Add(1)
		g := &kafka.Group{Cluster: c, ID: prefix(), Topics: topics("a"), Own: func(ctx context.Context, o *kafka.Owned) error {
			if o.Partition() == 0 {
				return broken
			}
			<-ctx.Done()
			rested.Done()
			return nil
		}}
		if err := g.Run(within(t)); !errors.Is(err, broken) {
			t.Fatalf("run returned %v", err)
		}
		rested.Wait()
	})
}

func TestTopicsThatAppearAreTakenIn(t *testing.T) {
	// Goal: a listed topic that does not exist yet does not keep the others waiting, and is taken in soon after it does.
	// Method: list two, create the second later.
	onBoth(t, func(t *testing.T, c *kafka.Cluster) {
		create(t, c, kafka.TopicSpec{Name: "a", Partitions: 1})
		put(t, c, numbered("a", 0, 3))
		s := newSeen()
		join(t, &kafka.Group{Cluster: c, ID: prefix(), Topics: topics("a", "b"), Own: handle(s)})
		eventually(t, "the first topic is handled", func() bool { return s.count() == 3 })
		create(t, c, kafka.TopicSpec{Name: "b", Partitions: 1})
		put(t, c, []pipeline.Output{{Topic: "b", Partition: 0, Value: []byte("of b")}})
		eventually(t, "the second topic is handled", func() bool { return s.count() == 4 })
		if s.repeated() != 0 {
			t.Fatal("handled twice")
		}
	})
}

func TestADeletedTopicDoesNotComeBack(t *testing.T) {
	// Goal: nothing of ours makes a deleted topic again: not a group, a tail, a table, or an append. Method: use a topic in
	// all these ways, delete it under them, let them go on a while, list the topics.
	t.Parallel()
	onBoth(t, func(t *testing.T, c *kafka.Cluster) {
		create(t, c, kafka.TopicSpec{Name: "a", Partitions: 1}, kafka.TopicSpec{Name: "b", Partitions: 1})
		put(t, c, append(numbered("a", 0, 3), numbered("b", 0, 3)...))
		s := newSeen()
		join(t, &kafka.Group{Cluster: c, ID: prefix(), Topics: topics("a", "b"), Own: handle(s)})
		ctx, cancel := context.WithCancel(context.Background())
		var using sync.WaitGroup
		using.Go(func() {
			tail := c.Tail("a", 0, kafka.Beginning)
			for ctx.Err() == nil {
				_, _ = tail.Fetch(ctx)
			}
		})
		using.Go(func() { _ = kafka.NewTable(c, "a", text, nil).Run(ctx) })
		eventually(t, "the topics are in use", func() bool { return s.count() >= 3 })
		if err := c.DeleteTopics(within(t), "a"); err != nil {
			t.Fatal(err)
		}
		short, stop := context.WithTimeout(ctx, 7*time.Second) // longer than the group's watch
		defer stop()
		if _, err := c.Log().Append(short, numbered("a", pipeline.AnyPartition, 1)); err == nil {
			t.Error("appended to a deleted topic")
		}
		known, err := c.Topics(within(t))
		if _, there := known["a"]; err != nil || there || known["b"] != 1 {
			t.Errorf("topics %v, %v", known, err)
		}
		cancel()
		using.Wait()
	})
}

func TestABrokersRestartLosesNothing(t *testing.T) {
	// Goal: appends, reads and group membership outlive a broker that is killed and comes back; a broker that pauses costs
	// no duplicate. Method: a broker of its own; append while it is paused, and while it is killed and restarted; every
	// acknowledged value is handled.
	t.Parallel()
	if testing.Short() {
		t.Skip("restarts a broker")
	}
	b := kafkatest.Start(t)
	c := connect(t, b.Brokers())
	create(t, c, kafka.TopicSpec{Name: "a", Partitions: 2})
	s := newSeen()
	join(t, &kafka.Group{Cluster: c, ID: "g", Topics: topics("a"), Own: handle(s)})
	acknowledged := 0
	appendSome := func() {
		for range 50 {
			put(t, c, []pipeline.Output{{Topic: "a", Partition: acknowledged % 2, Value: fmt.Appendf(nil, "%d", acknowledged)}})
			acknowledged++
		}
	}
	appendSome()
	eventually(t, "some are handled", func() bool { return s.count() == acknowledged })
	if err := b.Pause(); err != nil {
		t.Fatal(err)
	}
	resumed := make(chan error, 1)
	time.AfterFunc(2*time.Second, func() { resumed <- b.Resume() })
	appendSome()
	if err := <-resumed; err != nil {
		t.Fatal(err)
	}
	if n := s.repeated(); n != 0 {
		t.Fatalf("a paused broker cost %d duplicates", n)
	}
	restarted := make(chan error, 1)
	go func() { restarted <- b.Restart(within(t)) }()
	appendSome()
	if err := <-restarted; err != nil {
		t.Fatal(err)
	}
	appendSome()
	eventually(t, "all are handled", func() bool { return s.count() == acknowledged })
	t.Logf("%d acknowledged, %d handled again", acknowledged, s.repeated())
}

func TestAnOwnerMayTakeLongerThanItsSessionToLetGo(t *testing.T) {
	// Goal: a member that finishes its work for longer than the session time-out, while another joins, is still heard of,
	// so its last commit counts. Method: let go 12 s after a second member asks to join, and see where the next owner
	// starts.
	t.Parallel()
	if testing.Short() {
		t.Skip("waits longer than a session")
	}
	c := real(t)
	create(t, c, kafka.TopicSpec{Name: "a", Partitions: 1})
	put(t, c, numbered("a", 0, 10))
	id, starts := prefix(), make(chan int64, 4)
	g := &kafka.Group{Cluster: c, ID: id, Topics: topics("a"), Own: func(ctx context.Context, o *kafka.Owned) error {
		source := o.Source()
		starts <- source.Committed()
		<-ctx.Done()
		if source.Committed() == 0 {
			time.Sleep(12 * time.Second) // the work that is being finished
		}
		return source.Commit(context.WithoutCancel(ctx), 10)
	}}
	join(t, g)
	if at := <-starts; at != 0 {
		t.Fatalf("the first owner starts at %d", at)
	}
	join(t, g)
	if at := <-starts; at != 10 {
		t.Fatalf("the next owner starts at %d", at)
	}
}
