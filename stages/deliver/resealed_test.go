package deliver

import (
	"slices"
	"testing"
	"time"

	"github.com/whatsapplink/cloud/schemas"
)

func TestEverySeedOfAMessageIsNamed(t *testing.T) {
	// Goal: a receipt waits for each seed that sealed a message, also where validate died before its commit and sealed it anew,
	// and the further transit copies change nothing else. Method: the same request under two seeds while it is under way, under
	// one more after its end, while it rests in a lane, and for the next owner; each is also met again under its own.
	w := newWorld(t)
	o := w.own()
	again := func(id string, at time.Time, seed byte) {
		w.route(id, accepted(at), func(r *schemas.Routed) {
			r.Source.Offset, r.Seed.SeedID = 0, append([]byte{seed}, make([]byte, 15)...)
		})
	}
	named := func(when, want string) {
		t.Helper()
		w.run(w.now.Sub(epoch) + 30*time.Second)
		if slices.Sort(w.named); string(w.named) != want {
			t.Errorf("%s: seeds %q are named, want %q", when, w.named, want)
		}
	}
	first := w.now
	for _, seed := range []byte("aabb") {
		again("m1", first, seed)
	}
	named("under way", "abb")
	again("m1", first, 'c')
	again("m1", first, 'a')
	named("after its end", "abbc")
	if len(w.calls) != 1 || w.copies[sendOf(schemas.Identity{TenantID: "acme", MessageID: "m1", AcceptedAt: first})] != 1 {
		t.Errorf("%d calls, copies %v", len(w.calls), w.copies)
	}
	w.want("m1", schemas.KindSent)

	w.stops["number/100"] = schemas.Stop{Scope: "number", ID: "100", Effect: "park", Until: w.now.Add(20 * time.Minute)}
	second := w.now
	again("m2", second, 'd')
	named("parked", "abbc")
	if o.p.resting.len() != 1 {
		t.Fatalf("%d messages rest", o.p.resting.len())
	}
	again("m2", second, 'd')
	again("m2", second, 'e')
	w.run(w.now.Sub(epoch) + 2*time.Hour)
	if !slices.Contains(w.named, 'd') || !slices.Contains(w.named, 'e') {
		t.Errorf("seeds %q are named, want d and e among them", w.named)
	}
	w.want("m2", schemas.KindSent)
	w.wantAllCommitted()

	o.crashed()
	w.own()
	again("m1", first, 'f')
	w.run(w.now.Sub(epoch) + time.Minute)
	if !slices.Contains(w.named, 'f') {
		t.Errorf("seeds %q are named by the next owner, want f among them", w.named)
	}
	if len(w.calls) != 2 {
		t.Errorf("%d calls", len(w.calls))
	}
	w.wantAllCommitted()
}
