package e2e

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/whatsapplink/cloud/pipeline/seal"
	"github.com/whatsapplink/cloud/schemas"
)

// seedWatch follows the seeds of a deployment: when each can no longer be read, and when its bytes have left the disk.
type seedWatch struct{ all map[string]*watchedSeed }

type watchedSeed struct {
	window       time.Duration
	wrapped      []byte
	at           time.Time // its append time
	unread, gone time.Time // first seen so; zero while it is there
}

// look reads every key topic and its files once.
func (s *seedWatch) look(p *proof) error {
	if s.all == nil {
		s.all = map[string]*watchedSeed{}
	}
	readable, onDisk := map[string]bool{}, newCanaries()
	for _, window := range p.windows() {
		records, err := p.read(p.cluster, seal.KeyTopic(seal.WindowName(window)))
		if err != nil {
			return err
		}
		for _, r := range records {
			seed, err := schemas.Seeds.Decode(r.Value)
			if err != nil {
				return err
			}
			id := string(r.Key)
			readable[id] = true
			if s.all[id] == nil {
				s.all[id] = &watchedSeed{window: window, wrapped: seed.Wrapped, at: r.AppendedAt}
			}
		}
	}
	for id, w := range s.all {
		onDisk.Exactly(id, w.wrapped)
	}
	found, err := onDisk.Files(shared.DataDir(), p.prefix()+seal.KeyTopic(""))
	if err != nil {
		return err
	}
	var there []string
	for _, ids := range found.Hits {
		there = append(there, ids...)
	}
	now := time.Now()
	for id, w := range s.all {
		if w.unread.IsZero() && !readable[id] {
			w.unread = now
		}
		if w.gone.IsZero() && !slices.Contains(there, id) {
			w.gone = now
		}
	}
	return nil
}

// unwrapped are the nodes of a seed, as a process of ours has them in memory.
func (p *proof) unwrapped(s *watchedSeed) (nodes [][]byte) {
	plain, err := p.keeper.Unwrap(p.ctx, s.wrapped)
	p.must(err)
	list, err := schemas.Nodes.Decode(plain)
	p.must(err)
	for _, n := range list.Nodes {
		nodes = append(nodes, n.Node)
	}
	p.must(unless(len(nodes) > 0, "a seed without nodes"))
	return nodes
}

// lateness tells, of all seeds, how long after append + window + a bucket they could not be read any more (logical), and
// their bytes were gone from the disk (physical).
func (s *seedWatch) lateness() string {
	var logical, physical []time.Duration
	for _, w := range s.all {
		due := w.at.Add(seal.KeyRetention(w.window, bucket))
		logical, physical = append(logical, late(w.unread, due)), append(physical, late(w.gone, due))
	}
	return "logical " + quantiles(logical) + "; physical " + quantiles(physical)
}

// late is how long after due something was seen; what was never seen counts up to now.
func late(at, due time.Time) time.Duration {
	if at.IsZero() {
		at = time.Now()
	}
	return at.Sub(due)
}

func quantiles(d []time.Duration) string {
	if len(d) == 0 {
		return "of none"
	}
	slices.Sort(d)
	var b strings.Builder
	for _, q := range []struct {
		name string
		part float64
	}{{"p50", 0.5}, {"p99", 0.99}, {"max", 1}} {
		fmt.Fprintf(&b, "%s %v ", q.name, d[int(q.part*float64(len(d)-1))].Round(10*time.Millisecond))
	}
	return strings.TrimSpace(b.String())
}
