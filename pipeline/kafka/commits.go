package kafka

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
)

// commitEvery is how often a generation commits. A commit costs the broker about 5 ms, so not once a batch.
const commitEvery = 250 * time.Millisecond

// errOver says that the generation that owned a partition is over.
var errOver = errors.New("partition is no longer owned")

// commits gathers a generation's offsets and commits them on a tick.
type commits struct {
	group  *Group
	joined *kafka.Generation

	mu    sync.Mutex
	marks map[target]*mark
	over  bool
}

// mark is how far a partition is done.
type mark struct {
	done, kept int64 // as noted, as the broker knows
}

func newCommits(g *Group, joined *kafka.Generation) *commits {
	return &commits{group: g, joined: joined, marks: map[target]*mark{}}
}

// start notes where a partition stood when it was taken over.
func (c *commits) start(topic string, partition int, next int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := (target{topic, partition}); c.marks[t] == nil {
		c.marks[t] = &mark{done: next, kept: next}
	}
}

// note moves a partition's mark forward; a lower one is ignored.
func (c *commits) note(topic string, partition int, next int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return errOver
	}
	m := c.marks[target{topic, partition}]
	m.done = max(m.done, next)
	return nil
}

// kept is how far a partition's commits are known to have reached the broker.
func (c *commits) kept(topic string, partition int) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.marks[target{topic, partition}].kept
}

// run commits on a tick until over is closed, then once more. A commit that is fenced stops the generation, and is the last.
func (c *commits) run(ctx context.Context, stop func(), over <-chan struct{}) {
	trouble := trouble{log: c.group.log(), what: "commit offsets"}
	tick := time.NewTicker(commitEvery)
	defer tick.Stop()
	alive := time.Now()
	for {
		select {
		case <-over:
			c.close()
			_ = c.flush() // what it does not keep is read again by the next owner
			return
		case <-tick.C:
		}
		switch err := c.flush(); {
		case err == nil:
			trouble.healed()
		case fenced(err):
			c.close()
			stop()
			<-over
			return
		default:
			trouble.failed(err)
		}
		// The library's heartbeat ends with the generation; while owners let go of their partitions, this one keeps them.
		if ctx.Err() != nil && time.Since(alive) > heartbeatEvery {
			c.heartbeat()
			alive = time.Now()
		}
	}
}

// close refuses further offsets.
func (c *commits) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
}

// flush commits what has moved.
func (c *commits) flush() error {
	offsets := map[string]map[int]int64{}
	c.mu.Lock()
	for t, m := range c.marks {
		if m.done > m.kept {
			wire := c.group.Cluster.wire(t.topic)
			if offsets[wire] == nil {
				offsets[wire] = map[int]int64{}
			}
			offsets[wire][t.partition] = m.done
		}
	}
	c.mu.Unlock()
	if len(offsets) == 0 {
		return nil
	}
	if err := c.joined.CommitOffsets(offsets); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for t, m := range c.marks {
		if kept, ok := offsets[c.group.Cluster.wire(t.topic)][t.partition]; ok {
			m.kept = max(m.kept, kept)
		}
	}
	return nil
}

// heartbeat tells the coordinator that this member still works.
func (c *commits) heartbeat() {
	ctx, cancel := context.WithTimeout(context.Background(), heartbeatEvery)
	defer cancel()
	_, _ = c.group.Cluster.client.Heartbeat(ctx, &kafka.HeartbeatRequest{
		GroupID: c.joined.GroupID, GenerationID: c.joined.ID, MemberID: c.joined.MemberID,
	}) // if it is refused, the last commit says so
}
