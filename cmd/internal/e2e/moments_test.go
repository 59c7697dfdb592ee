package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/whatsapplink/cloud/cmd/internal/wire"
	"github.com/whatsapplink/cloud/pipeline"
	"github.com/whatsapplink/cloud/schemas"
	"github.com/whatsapplink/cloud/sinks/cloudapi/simulator"
	"github.com/whatsapplink/cloud/stages/deliver"
)

// Faults that need a certain moment. A random kill meets it now and then; these stop the processes with a signal, look
// into the topics whether the moment is there, and let them go on where it is not.

// horizon is that of the storm. It has to outlast the time for which a producer cannot say whether its append arrived.
const horizon = 30 * time.Second

// recent is how many of a partition's last records are looked at.
const recent = 500

// down kills every validate and every deliver while each has written what it has not committed, and starts them again two
// horizons later. Meanwhile faults of others go on.
func down(s *storm) {
	s.script(func() { s.ours = []simulator.Fault{{Kind: simulator.Refuse, Code: 131000}} }) // so that much is parked, and not for long
	s.caught("deliver", s.parkedUncommitted)
	s.script(func() { s.ours = nil })
	s.caught("validate", s.validatedUncommitted)
	for up := time.Now().Add(2 * horizon); time.Now().Before(up); {
		if !s.next(func(f fault) bool { return f.apart }) {
			s.pause(time.Until(up))
		}
	}
	for i := range s.instances {
		s.begin(i, "validate")
		s.begin(i, "deliver")
	}
}

// caught kills both instances of a stage in a moment that standing finds.
func (s *storm) caught(stage string, standing func() bool) {
	s.t.Helper()
	for tries := 1; ; tries++ {
		for i := range s.instances {
			s.must(s.instances[i][stage].Pause())
		}
		s.pause(100 * time.Millisecond) // what is under way arrives
		if standing() {
			for i := range s.instances {
				s.instances[i][stage].Kill()
			}
			s.log("%s caught at the %d. try", stage, tries)
			return
		}
		for i := range s.instances {
			s.must(s.instances[i][stage].Resume())
		}
		s.pause(s.between(20*time.Millisecond, 300*time.Millisecond))
	}
}

// validatedUncommitted says whether validated holds a request that validate has not committed.
func (s *storm) validatedUncommitted() (found bool) {
	committed, err := s.broker.GroupOffsets(s.ctx, "wl.validate", wire.Requests)
	s.must(err)
	s.last(wire.ValidatedT, recent, func(r pipeline.Record) error {
		v, err := schemas.Validateds.Decode(r.Value)
		found = found || v.Source.Offset >= committed[wire.Requests][int(v.Source.Partition)]
		return err
	})
	return found
}

// parkedUncommitted says whether a lane holds a message whose record in routed deliver has not committed.
func (s *storm) parkedUncommitted() (found bool) {
	committed, err := s.broker.GroupOffsets(s.ctx, "wl.deliver", wire.RoutedT)
	s.must(err)
	open := map[schemas.Coordinates]bool{}
	s.last(wire.RoutedT, recent, func(r pipeline.Record) error {
		m, err := schemas.Routeds.Decode(r.Value)
		if r.Offset >= committed[wire.RoutedT][r.Partition] {
			open[m.Source] = true
		}
		return err
	})
	for _, lane := range deliver.Lanes {
		s.last(lane.Topic, recent, func(r pipeline.Record) error {
			m, err := schemas.Routeds.Decode(r.Value)
			found = found || open[m.Source]
			return err
		})
	}
	return found
}

// last reads the last records of every partition of a topic.
func (s *storm) last(topic string, most int64, each func(pipeline.Record) error) {
	s.t.Helper()
	for p, b := range s.bounds(topic) {
		s.must(wire.Scan(s.ctx, s.broker.Tail(topic, p, max(b.first, b.next-most)), each))
	}
}

type bounds struct{ first, next int64 }

// bounds are those of a topic's partitions. The broker may just be back from a round of its own.
func (s *storm) bounds(topic string) (all []bounds) {
	s.t.Helper()
	s.must(pipeline.Retry(s.ctx, pipeline.Backoff{}, "read bounds", func(ctx context.Context) error {
		topics, err := s.broker.Topics(ctx)
		if err != nil {
			return err
		}
		all = make([]bounds, topics[topic])
		for p := range all {
			if all[p].first, all[p].next, err = s.broker.Bounds(ctx, topic, p); err != nil {
				return err
			}
		}
		return nil
	}))
	return all
}

// stoppedBeforeACall stops a deliver that has claimed and not called yet, until the claim's life is over, its session is
// lost and another has its partitions. None of these calls may ever be made.
func stoppedBeforeACall(s *storm) {
	for tries := 1; ; tries++ {
		p := s.instances[s.random.IntN(2)]["deliver"]
		at := time.Now()
		s.must(p.Pause())
		s.pause(200 * time.Millisecond)
		claims := s.uncalled(s.claimed(at))
		if len(claims) > 0 {
			s.pause(s.between(11*time.Second, 13*time.Second))
			claims = s.uncalled(claims) // those of the other deliver are called by now, or never
		}
		s.must(p.Resume())
		for id, attempts := range claims {
			s.held[id] = attempts
		}
		if len(claims) > 0 {
			s.log("deliver stopped between %d claims and their calls, at the %d. try", len(claims), tries)
			return
		}
		s.pause(s.between(20*time.Millisecond, 300*time.Millisecond))
	}
}

// claimed are the attempts that were claimed around a time and have no outcome.
func (s *storm) claimed(at time.Time) map[identity]map[int]bool {
	open := map[identity]map[int]bool{}
	s.last(wire.Attempts, recent, func(r pipeline.Record) error {
		a, err := schemas.Attempts.Decode(r.Value)
		id := identity{a.TenantID, a.MessageID}
		switch {
		case a.Class != schemas.Claim:
			delete(open, id)
		case r.AppendedAt.After(at.Add(-time.Second)):
			open[id] = map[int]bool{int(a.Attempt): true}
		}
		return err
	})
	return open
}

// uncalled are those attempts that the simulator has not been called for.
func (s *storm) uncalled(claims map[identity]map[int]bool) map[identity]map[int]bool {
	for _, e := range s.meta.Messages() {
		for _, attempt := range e.Attempts {
			if claims[identity{e.Tenant, e.Message}][attempt] {
				delete(claims, identity{e.Tenant, e.Message})
			}
		}
	}
	return claims
}

// shop is the sample tenant whose senders change.
const shop = "acme-shop"

// sendersChanged gives the shop one more number between messages and their repeats, until a repeat is routed to another
// number than its message.
func sendersChanged(s *storm) {
	for {
		var requests []pipeline.Output
		batch := map[identity]bool{}
		for range 40 { // to a new number beside n others goes one in n+1: so many that one of them does
			r, id, err := sampleRequest(s.random, shop)
			s.must(err)
			requests, batch[id] = append(requests, r), true
		}
		routed := s.follow(wire.RoutedT)
		began := time.Now()
		_, err := s.producer.publish(s.ctx, requests, batch)
		s.must(err)
		senders := map[identity]map[string]bool{}
		s.await("all are routed", 100*time.Millisecond, func() error {
			most := s.routes(routed, batch, senders)
			return unless(len(senders) == len(batch), "%d of %d are, to at most %d numbers", len(senders), len(batch), most)
		})
		s.employ()
		for time.Since(began) < horizon/2 { // later it may be no repeat but a new message
			_, err := s.producer.publish(s.ctx, requests, batch)
			s.must(err)
			s.pause(time.Second)
			if s.routes(routed, batch, senders) > 1 {
				s.log("a repeat went to another number than its message")
				return
			}
		}
	}
}

// follow returns a source for each partition of a topic that begins with what comes now.
func (s *storm) follow(topic string) (all []pipeline.Source) {
	s.t.Helper()
	for p, b := range s.bounds(topic) {
		all = append(all, s.broker.Tail(topic, p, b.next))
	}
	return all
}

// routes notes the numbers that messages were routed to, and returns the most of one message.
func (s *storm) routes(routed []pipeline.Source, of map[identity]bool, senders map[identity]map[string]bool) (most int) {
	s.t.Helper()
	for _, src := range routed {
		s.must(wire.Scan(s.ctx, src, func(r pipeline.Record) error {
			m, err := schemas.Routeds.Decode(r.Value)
			if id := (identity{m.TenantID, m.MessageID}); of[id] {
				if senders[id] == nil {
					senders[id] = map[string]bool{}
				}
				senders[id][m.Sender] = true
			}
			return err
		}))
	}
	for _, all := range senders {
		most = max(most, len(all))
	}
	return most
}

// spare gives the simulator and deliver a number of the shop's account that no tenant has yet.
func (s *storm) spare(senders map[string]simulator.Sender) {
	s.t.Helper()
	const like = "106540352242922"
	id := "10654035224" + strconv.Itoa(3000+len(s.spares))
	senders[id] = senders[like]
	folder := filepath.Join(s.Dir, "secrets", "credentials")
	token, err := os.ReadFile(filepath.Join(folder, like))
	s.must(err)
	s.must(os.WriteFile(filepath.Join(folder, id), token, 0o600))
	s.spares = append(s.spares, id)
}

// employ gives the shop a spare number.
func (s *storm) employ() {
	s.t.Helper()
	s.must(unless(len(s.spares) > 0, "no number is left"))
	raw, err := os.ReadFile(s.Tenants())
	s.must(err)
	head, tail, ok := strings.Cut(string(raw), "      - {phone_number_id: \"106540352242922\"")
	s.must(unless(ok, "%s has other numbers", shop))
	line := "      - {phone_number_id: \"" + s.spares[0] + "\", waba_id: \"102290129340398\", region: eu, rate: 1000}\n"
	s.spares = s.spares[1:]
	s.must(os.WriteFile(s.Tenants(), []byte(head+line+"      - {phone_number_id: \"106540352242922\""+tail), 0o600))
	_, err = s.Wlctl(s.ctx, "tenant", "put", s.Tenants(), "--apply")
	s.must(err)
}
