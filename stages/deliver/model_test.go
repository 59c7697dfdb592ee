package deliver

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/whatsapplink/cloud/schemas"
)

func TestGuaranteesHoldUnderRandomFaults(t *testing.T) {
	// Goal: G1 and G2 whatever happens. Method: random messages, repeats, records that come again hours later, answers, lost
	// answers, callbacks, crashes and pauses at random effects; then calm until all is settled. Every message is accepted by Meta at most once, twice with resend, each send
	// ends in one state that agrees with the door, has its copy, and nothing is left uncommitted.
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(t)
		w.tenant.SettleAfter = "2m"
		if rapid.IntRange(0, 3).Draw(r, "resend") == 0 {
			w.tenant.OnUnknown = "resend"
		}
		fate := func(c call) Answer {
			switch rapid.IntRange(0, 9).Draw(r, "answer") {
			case 0:
				return Answer{Phase: Ambiguous, Accepted: true}
			case 1:
				return Answer{Phase: Ambiguous}
			case 2:
				return Answer{Phase: NotSent, Reason: ReasonUnreachable}
			case 3:
				return refuse(rapid.SampledFrom([]int32{131000, 130429, 131056, 131026, 131016, 131057}).Draw(r, "code"))
			}
			return accept(c)
		}
		w.door = func(c call) Answer {
			a := fate(c)
			if a.Accepted && rapid.Bool().Draw(r, "callback") {
				w.after(time.Duration(rapid.IntRange(1, 300_000).Draw(r, "after"))*time.Millisecond, func() { w.callback(c, "delivered", 0) })
			}
			return a
		}
		disturb(r, w)
		n := rapid.IntRange(1, 12).Draw(r, "messages")
		for i := range n {
			w.after(time.Duration(rapid.IntRange(0, 60_000).Draw(r, "at"))*time.Millisecond, func() {
				id, ref := fmt.Sprintf("m%d", i%8), to(fmt.Sprintf("ref%d", i%3))
				at, source := w.now.Truncate(time.Millisecond), int64(len(w.topics[TopicRouted]))
				w.route(id, ref)
				if rapid.IntRange(0, 3).Draw(r, "again") == 0 {
					w.after(time.Duration(rapid.IntRange(0, 600).Draw(r, "minutes"))*time.Minute, func() {
						w.route(id, ref, accepted(at), func(m *schemas.Routed) { m.Source.Offset = source })
					})
				}
			})
		}
		w.own()
		w.run(26 * time.Hour)
		check(r, w, n)
	})
}

// disturb crashes and pauses owners at random effects of the first hour; a new owner comes a second later. The broker
// acknowledges some late, others only when they are repeated.
func disturb(r *rapid.T, w *world) {
	faults := map[int]int{}
	for range rapid.IntRange(0, 4).Draw(r, "faults") {
		faults[rapid.IntRange(1, 60).Draw(r, "effect")] = rapid.IntRange(0, 2).Draw(r, "fault")
	}
	late, again := map[int]time.Duration{}, map[int]bool{}
	for range rapid.IntRange(0, 8).Draw(r, "slow acks") {
		n := rapid.IntRange(1, 60).Draw(r, "effect")
		late[n] = time.Duration(rapid.IntRange(1, 60_000).Draw(r, "late")) * time.Millisecond
		again[n] = rapid.Bool().Draw(r, "again")
	}
	w.ack = func(n int, _ Effect) (time.Duration, bool) { return late[n], again[n] }
	w.crash = func(n int, after bool, _ Effect) bool {
		fault, hit := faults[n]
		if !hit {
			return false
		}
		newest := w.owners[len(w.owners)-1]
		switch {
		case fault == 2 && !after: // paused: a zombie for a while
			delete(faults, n)
			newest.paused = true
			w.after(time.Second, func() { w.own() })
			w.after(time.Minute, newest.resume)
			return false
		case (fault == 0) == after:
			return false
		}
		delete(faults, n)
		w.after(time.Second, func() {
			if w.owners[len(w.owners)-1].dead {
				w.own()
			}
		})
		return true
	}
}

func check(r *rapid.T, w *world, n int) {
	most := 1
	if w.tenant.OnUnknown == "resend" {
		most = 2
	}
	for i := range min(n, 8) {
		id := fmt.Sprintf("m%d", i)
		sent := len(w.taken(id))
		if sent > most {
			r.Fatalf("%s sent %d times", id, sent)
		}
		finals := w.finals(id)
		if len(finals) == 0 {
			r.Fatalf("%s has no final state", id)
		}
		last := finals[len(finals)-1]
		if len(finals) > 1 && (finals[0] != schemas.KindUnknown || last != schemas.KindSent) {
			r.Fatalf("%s ended as %v", id, finals)
		}
		if last == schemas.KindSent && sent == 0 {
			r.Fatalf("%s told as sent and was not", id)
		}
		if sent == 1 && last != schemas.KindSent && last != schemas.KindUnknown {
			r.Fatalf("%s was sent and ended as %v", id, last)
		}
	}
	for topic, records := range w.topics {
		if topic != TopicAttempts && w.committed[topic] != int64(len(records)) {
			r.Fatalf("%s: committed %d of %d", topic, w.committed[topic], len(records))
		}
	}
	for _, e := range w.told {
		if e.Kind == schemas.KindSent && e.Reason != "late" && w.copies[sendOf(e.Identity)] == 0 {
			r.Fatalf("%s was told as sent before its copy stood", e.MessageID)
		}
	}
}

func BenchmarkStepsOfAMessage(b *testing.B) {
	// One message through all its steps: arrival, claim read back, answer, outcome read back, copy, event.
	w := newWorld(b)
	w.tenant.Senders[0].Rate = 1e9
	records := make([][]byte, b.N)
	for i := range records {
		m := routedAt(epoch, fmt.Sprintf("m%d", i))
		records[i] = must(schemas.Routeds.Encode(&m))
	}
	o := w.own()
	w.took = 0
	b.ReportAllocs()
	b.ResetTimer()
	for i := range records {
		w.append(TopicRouted, records[i])
		w.run(w.now.Sub(epoch) + 100*time.Millisecond)
	}
	b.StopTimer()
	if len(w.calls) != b.N || o.dead {
		b.Fatalf("%d calls of %d", len(w.calls), b.N)
	}
}
