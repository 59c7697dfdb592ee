package pipelinetest

import (
	"context"
	"maps"
	"slices"
	"time"
)

// The times of a group, as pipeline/kafka sets them.
const (
	sessionTimeout   = 10 * time.Second // until a dead member's partitions are given away
	rebalanceTimeout = 30 * time.Second // until those who did not let go are left out
)

// group is a consumer group's coordinator: a generation is complete once all members joined it or their time is over.
type group struct {
	live    map[string]bool
	joining map[string]map[string]int // by member, the topics it wants with their partitions
	round   int                       // counts generations begun
	changed chan struct{}             // closed when a next generation begins
	formed  chan struct{}             // closed when the one that forms is complete
	share   map[string][]Assigned     // of the last complete one
}

// Assigned is a partition given to a member.
type Assigned struct {
	Topic     string
	Partition int
}

func (b *Broker) group(id string) *group {
	g := b.groups[id]
	if g == nil {
		g = &group{live: map[string]bool{}, joining: map[string]map[string]int{}, changed: make(chan struct{}), formed: make(chan struct{})}
		b.groups[id] = g
	}
	return g
}

// Join makes the caller a member of the group's next generation and waits until it has formed. changed is closed when the
// one after begins. None is assigned to who was too late: join again.
func (b *Broker) Join(ctx context.Context, id, member string, topics map[string]int) (assigned []Assigned, changed <-chan struct{}, err error) {
	b.mu.Lock()
	g := b.group(id)
	if len(g.joining) == 0 {
		b.begin(g)
	}
	g.live[member], g.joining[member] = true, topics
	formed, next := g.formed, g.changed
	b.complete(g)
	b.mu.Unlock()
	select {
	case <-formed:
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-next: // the one after has begun already
		return nil, next, nil
	default:
		return g.share[member], next, nil
	}
}

// begin tells the members of the generation before to let go.
func (b *Broker) begin(g *group) {
	g.round++
	close(g.changed)
	g.changed = make(chan struct{})
	round := g.round
	time.AfterFunc(rebalanceTimeout, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if g.round == round && len(g.joining) > 0 {
			g.live = map[string]bool{}
			for m := range g.joining {
				g.live[m] = true
			}
			b.complete(g)
		}
	})
}

// complete shares the partitions out once all live members joined.
func (b *Broker) complete(g *group) {
	for m := range g.live {
		if g.joining[m] == nil {
			return
		}
	}
	members := slices.Sorted(maps.Keys(g.joining))
	g.share = map[string][]Assigned{}
	for topic, n := range g.joining[members[0]] {
		for p := range n {
			m := members[p%len(members)]
			g.share[m] = append(g.share[m], Assigned{topic, p})
		}
	}
	g.joining = map[string]map[string]int{}
	close(g.formed)
	g.formed = make(chan struct{})
}

// Leave takes a member out: at once when it left in order, else once its session is over.
func (b *Broker) Leave(id, member string, inOrder bool) {
	leave := func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		g := b.group(id)
		if !g.live[member] {
			return
		}
		delete(g.live, member)
		delete(g.joining, member)
		switch {
		case len(g.live) == 0:
		case len(g.joining) == 0:
			b.begin(g)
		default:
			b.complete(g)
		}
	}
	if inOrder {
		leave()
		return
	}
	time.AfterFunc(sessionTimeout, leave)
}
